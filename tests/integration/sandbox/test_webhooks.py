"""What the providers tell by themselves."""

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, Inbox, World


async def test_a_booking_the_other_side_cancels_is_refunded_whole_and_told(
    travel: "World", task: str, inbox: "Inbox", eventually: "Eventually", webhook_secret: str
) -> None:
    order = await travel.held(f"{task}:hold", callback_url=inbox.url)
    await travel.confirm(order, f"{task}:confirm")
    ended = (await travel.post(f"/objects/{order['order_id']}/cancel", {"reason": "volcanic ash"})).json()
    assert (ended["status"], ended["fee"]["amount_minor"], ended["refund"]) == ("cancelled_by_provider", 0, order["price"])

    async def told() -> bool:
        return len(inbox.events) == 1

    await eventually(told)
    headers, body = inbox.raw[0]
    assert headers["x-signature"] == hmac.new(webhook_secret.encode(), body, sha256).hexdigest()
    assert inbox.events[0] | {"event_id": ""} == {
        "event_id": "",
        "type": "flight.cancelled_by_provider",
        "reference": f"{task}:hold",
        "object_id": order["order_id"],
        "status": "cancelled_by_provider",
        "provider": "nusantara-air",
    }
    assert await travel.alive(task) == []
    again = await travel.post(f"/objects/{order['order_id']}/cancel", {"reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "not_alive")


async def test_a_webhook_that_is_not_accepted_is_sent_again(travel: "World", task: str, inbox: "Inbox", eventually: "Eventually") -> None:
    inbox.statuses = [500, 503]
    order = await travel.held(f"{task}:hold", callback_url=inbox.url)
    await travel.post(f"/objects/{order['order_id']}/cancel", {"reason": "strike"})

    async def three_times() -> bool:
        return len(inbox.events) == 3

    await eventually(three_times)
    assert len({each["event_id"] for each in inbox.events}) == 1


async def test_an_authorization_the_other_side_ends_gives_its_money_back(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a")
    ended = await payment.post(f"/objects/{authorized['authorization_id']}/cancel", {"reason": "risk"})
    assert ended.json()["status"] == "cancelled_by_provider"
    assert await payment.alive(task) == []
    assert sum(each["amount_minor"] for each in (await payment.get("/effects", reference_prefix=task))["postings"]) == 0
    assert (await payment.capture(authorized, f"{task}:c", 1)).json()["code"] == "voided"


async def test_what_does_not_exist_cannot_be_cancelled(travel: "World") -> None:
    missing = await travel.post("/objects/ord_00/cancel", {"reason": "none"})
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
