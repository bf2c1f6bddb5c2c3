"""Every kind of fault on request."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, Inbox, World


async def _severed(request: Any) -> None:
    with pytest.raises(httpx2.TransportError):
        await request


async def test_slow_waits_and_then_acts(travel: "World", task: str) -> None:
    await travel.fault("slow", "flight.hold", task, seconds=0.3)
    before = monotonic()
    assert (await travel.hold(f"{task}:hold")).status_code == 201
    assert monotonic() - before >= 0.3


@pytest.mark.parametrize(("code", "status"), [("sold_out", 409), ("offer_expired", 409), ("price_changed", 409), ("declined", 402)])
async def test_refuse_answers_the_code_and_does_not_act(travel: "World", task: str, code: str, status: int) -> None:
    await travel.fault("refuse", "flight.hold", task, code=code)
    refused = await travel.hold(f"{task}:hold")
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert await travel.effects(task) == []
    assert (await travel.hold(f"{task}:hold")).status_code == 201


async def test_a_lost_answer_has_acted_and_is_found_by_reference(
    travel: "World", task: str, inbox: "Inbox", eventually: "Eventually"
) -> None:
    await travel.fault("lose_answer", "flight.hold", task)
    await _severed(travel.hold(f"{task}:hold", callback_url=inbox.url))
    (order,) = await travel.orders(f"{task}:hold")
    assert order["status"] == "held"

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    (event,) = await eventually(told)
    assert (event["type"], event["object_id"], event["reference"]) == ("flight.hold", order["order_id"], f"{task}:hold")


async def test_a_lost_answer_can_stay_unfindable_for_a_while(travel: "World", task: str, eventually: "Eventually") -> None:
    await travel.fault("lose_answer", "flight.hold", task, seconds=0.5)
    await _severed(travel.hold(f"{task}:hold", key=f"{task}-k"))
    assert await travel.orders(f"{task}:hold") == []
    (effect,) = await travel.alive(task)
    hidden = await travel.client.get(f"/flights/orders/{effect['object_id']}")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")

    async def found() -> list[dict[str, Any]]:
        return await travel.orders(f"{task}:hold")

    assert (await eventually(found))[0]["order_id"] == effect["object_id"]


async def test_the_same_key_forces_the_answer_that_was_lost(travel: "World", task: str) -> None:
    offer = await travel.offer()
    await travel.fault("lose_answer", "flight.hold", task, seconds=60)
    await _severed(travel.hold(f"{task}:hold", offer, key=f"{task}-k"))
    assert (await travel.held(f"{task}:hold", offer, key=f"{task}-k"))["order_id"] == (await travel.effects(task))[0]["object_id"]


async def test_an_unfindable_confirm_still_shows_the_hold(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    await travel.fault("lose_answer", "flight.confirm", task, seconds=60)
    await _severed(travel.confirm(order, f"{task}:confirm"))
    assert await travel.get(f"/flights/orders/{order['order_id']}") == order
    assert await travel.orders(f"{task}:confirm") == []
    assert [each["state"] for each in await travel.alive(task)] == ["ticketed"]


async def test_an_unfindable_capture_leaves_the_authorization_as_it_was(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a")
    await payment.fault("lose_answer", "payment.capture", task, seconds=60)
    await _severed(payment.capture(authorized, f"{task}:c", 5000))
    assert (await payment.get(f"/authorizations/{authorized['authorization_id']}"))["status"] == "authorized"
    assert await payment.get("/captures", reference=f"{task}:c") == {"captures": []}
    assert [each["kind"] for each in await payment.alive(task)] == ["capture"]


async def test_acting_late_is_not_seen_before_and_told_after(travel: "World", task: str, inbox: "Inbox", eventually: "Eventually") -> None:
    await travel.fault("act_late", "flight.hold", task, seconds=0.5)
    await _severed(travel.hold(f"{task}:hold", callback_url=inbox.url))
    assert await travel.orders(f"{task}:hold") == []
    assert await travel.effects(task) == []

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    (event,) = await eventually(told)
    assert [each["order_id"] for each in await travel.orders(f"{task}:hold")] == [event["object_id"]]

    async def logged() -> bool:
        return "late" in [each["outcome"] for each in await travel.operations(task)]

    await eventually(logged)


async def test_the_same_key_overtakes_a_late_act_and_both_are_one(travel: "World", task: str, eventually: "Eventually") -> None:
    offer = await travel.offer()
    await travel.fault("act_late", "flight.hold", task, seconds=0.3)
    await _severed(travel.hold(f"{task}:hold", offer, key=f"{task}-k"))
    await travel.held(f"{task}:hold", offer, key=f"{task}-k")

    async def late() -> bool:
        return "late" in [each["outcome"] for each in await travel.operations(task)]

    await eventually(late)
    assert len(await travel.effects(task)) == 1


async def test_a_late_act_is_refused_once_its_reference_was_cancelled(travel: "World", task: str, eventually: "Eventually") -> None:
    await travel.fault("act_late", "flight.hold", task, seconds=0.2)
    await _severed(travel.hold(f"{task}:hold"))
    await travel.post("/flights/orders/cancel-by-reference", {"reference": f"{task}:hold"})

    async def late() -> list[dict[str, Any]]:
        return [each for each in await travel.operations(task) if each["outcome"] == "late"]

    assert [each["code"] for each in await eventually(late)] == ["cancelled"]
    assert await travel.effects(task) == []


async def test_answering_twice_acts_once_and_tells_twice(travel: "World", task: str, inbox: "Inbox", eventually: "Eventually") -> None:
    await travel.fault("answer_twice", "flight.hold", task)
    await travel.held(f"{task}:hold", callback_url=inbox.url)

    async def both() -> bool:
        return len(inbox.events) == 2

    await eventually(both)
    assert inbox.events[0] == inbox.events[1]
    assert len(await travel.effects(task)) == 1


async def test_down_answers_503_as_often_as_asked(payment: "World", task: str) -> None:
    await payment.fault("down", "payment.*", task, times=2)
    answers = [await payment.authorize(f"{task}:a", key=f"{task}-k") for _ in range(3)]
    assert [each.status_code for each in answers] == [503, 503, 201]
    assert answers[0].json()["code"] == "unavailable"
    assert answers[0].headers["Retry-After"] == "1"


async def test_down_can_close_the_connection_for_some_time(payment: "World", task: str, eventually: "Eventually") -> None:
    await payment.fault("down", "*", task, seconds=0.4, code="closed")
    await _severed(payment.authorize(f"{task}:a"))
    await _severed(payment.client.get("/authorizations", params={"reference": f"{task}:a"}))
    assert await payment.effects(task) == []

    async def up() -> bool:
        try:
            return (await payment.authorize(f"{task}:a")).status_code == 201
        except httpx2.TransportError:
            return False

    await eventually(up)


async def test_hold_seconds_sets_how_long_a_hold_lasts(travel: "World", task: str) -> None:
    await travel.fault("hold_seconds", "*", task, seconds=90)
    order = await travel.held(f"{task}:hold")
    lasts = datetime.fromisoformat(order["space_until"]) - datetime.fromisoformat(order["updated_at"])
    assert lasts.total_seconds() == 90


async def test_pending_is_done_after_a_while_and_then_told(travel: "World", task: str, inbox: "Inbox", eventually: "Eventually") -> None:
    order = await travel.held(f"{task}:hold", callback_url=inbox.url)
    await travel.fault("pending", "flight.confirm", task, seconds=0.4)
    answer = await travel.confirm(order, f"{task}:confirm")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert [each["status"] for each in await travel.orders(f"{task}:confirm")] == ["pending"]

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    assert [each["status"] for each in await eventually(told)] == ["ticketed"]
    assert [each["status"] for each in await travel.orders(f"{task}:confirm")] == ["ticketed"]


async def test_a_refund_can_be_pending(payment: "World", task: str, eventually: "Eventually") -> None:
    captured = (await payment.capture(await payment.authorized(f"{task}:a"), f"{task}:c", 5000)).json()
    await payment.fault("pending", "payment.refund", task, seconds=0.3)
    path = f"/captures/{captured['capture_id']}/refund"
    refund = (await payment.post(path, {"amount_minor": 5000, "reference": f"{task}:r"})).json()
    assert refund["status"] == "pending"
    assert (await payment.get(f"/captures/{captured['capture_id']}"))["status"] == "captured"

    async def settled() -> bool:
        return bool((await payment.get(f"/refunds/{refund['refund_id']}"))["status"] == "refunded")

    await eventually(settled)


async def test_a_fault_meets_only_what_it_is_meant_for(travel: "World", task: str) -> None:
    offers = await travel.offers()
    plain, ranked = [each for each in offers if each["provider"] == "nusantara-air"][:2]
    other = next(each for each in offers if each["provider"] == "meridian-wings")
    await travel.fault("refuse", "flight.hold", task, match={"provider": "meridian-wings"}, code="sold_out")
    await travel.fault("refuse", "flight.hold", task, match={"offer_rank": ranked["rank"]}, code="offer_expired")
    codes = [(await travel.hold(f"{task}:{n}", each)).json().get("code") for n, each in enumerate((plain, other, ranked))]
    assert codes == [None, "sold_out", "offer_expired"]
    assert (await travel.hold("somebody-else:1", ranked)).status_code == 201


async def test_a_search_is_met_by_the_task_it_names(travel: "World", task: str, in_days: Callable[[int], str]) -> None:
    await travel.fault("down", "flight.search", task)
    asked = {"origin": "CGK", "destination": "DPS", "date": in_days(30)}
    answers = [await travel.client.get("/flights/search", params=asked, headers={"X-Task": each}) for each in ("other", task, task)]
    assert [each.status_code for each in answers] == [200, 503, 200]


async def test_faults_are_listed_and_removed(travel: "World", task: str) -> None:
    fault_id = await travel.fault("refuse", "flight.hold", task, times=0, code="sold_out")
    assert [(await travel.hold(f"{task}:hold")).status_code for _ in range(3)] == [409, 409, 409]
    (listed,) = [each for each in (await travel.get("/faults"))["faults"] if each["fault_id"] == fault_id]
    assert (listed["used"], listed["remaining"], listed["kind"]) == (3, None, "refuse")
    assert (await travel.client.delete(f"/faults/{fault_id}")).status_code == 204
    assert (await travel.client.delete(f"/faults/{fault_id}")).status_code == 404
    assert (await travel.hold(f"{task}:hold")).status_code == 201


async def test_a_repeat_of_a_lost_answer_can_be_lost_again(payment: "World", task: str) -> None:
    await payment.fault("lose_answer", "payment.authorize", task, times=2)
    for _ in range(2):
        await _severed(payment.authorize(f"{task}:a", key=f"{task}-k"))
    assert (await payment.authorize(f"{task}:a", key=f"{task}-k")).headers["Idempotent-Replayed"] == "true"
    assert len(await payment.effects(task)) == 1
