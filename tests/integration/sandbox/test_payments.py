"""The whole life of a payment over HTTP, and the books behind it."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, Inbox, World


async def _balances(payment: "World", reference_prefix: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for each in (await payment.get("/effects", reference_prefix=reference_prefix))["postings"]:
        totals[each["account"]] += each["amount_minor"]
    return {account: amount for account, amount in totals.items() if amount}


async def test_an_authorization_sets_money_aside_until_capture_before(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    assert (authorized["status"], authorized["amount"]) == ("authorized", {"amount_minor": 5000, "currency": "IDR"})
    assert authorized["capture_before"] > authorized["updated_at"]
    assert await payment.get(f"/authorizations/{authorized['authorization_id']}") == authorized
    assert await payment.get("/authorizations", reference=f"{task}:a") == {"authorizations": [authorized]}
    assert await _balances(payment, task) == {f"available:wallet-{task}:a": -5000, f"held:wallet-{task}:a": 5000}


async def test_capturing_less_releases_the_rest(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    captured = (await payment.capture(authorized, f"{task}:c", 3000)).json()
    assert (captured["status"], captured["amount"]["amount_minor"], captured["released"]["amount_minor"]) == ("captured", 3000, 2000)
    assert await _balances(payment, task) == {f"available:wallet-{task}:a": -3000, "merchant": 3000}
    assert [(each["kind"], each["amount"]["amount_minor"]) for each in await payment.alive(task)] == [("capture", 3000)]
    found = await payment.get("/captures", reference=f"{task}:c")
    assert [each["capture_id"] for each in found["captures"]] == [captured["capture_id"]]


async def test_no_more_is_captured_than_was_authorized_and_only_once(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    over = await payment.capture(authorized, f"{task}:c", 5001)
    assert (over.status_code, over.json()["code"]) == (409, "amount")
    first = (await payment.capture(authorized, f"{task}:c", 5000)).json()
    assert (await payment.capture(authorized, f"{task}:c", 5000)).json()["capture_id"] == first["capture_id"]
    second = await payment.capture(authorized, f"{task}:other", 1)
    assert (second.status_code, second.json()["code"]) == (409, "already_captured")


async def test_fifty_captures_at_once_capture_once(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    answers = await asyncio.gather(*(payment.capture(authorized, f"{task}:c:{n}", 5000) for n in range(50)))
    assert Counter(each.status_code for each in answers) == {201: 1, 409: 49}
    assert [each["amount"]["amount_minor"] for each in await payment.alive(task)] == [5000]


async def test_voiding_gives_everything_back(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    path = f"/authorizations/{authorized['authorization_id']}/void"
    voided = (await payment.post(path, {"reference": f"{task}:v"})).json()
    assert (voided["status"], voided["void_reference"]) == ("voided", f"{task}:v")
    assert (await payment.post(path, {"reference": f"{task}:v2"})).json() == voided
    assert await _balances(payment, task) == {}
    late = await payment.capture(authorized, f"{task}:c", 1)
    assert (late.status_code, late.json()["code"]) == (409, "voided")


async def test_what_is_captured_is_refunded_in_parts_and_not_voided(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    captured = (await payment.capture(authorized, f"{task}:c", 5000)).json()
    void = await payment.post(f"/authorizations/{authorized['authorization_id']}/void", {"reference": f"{task}:v"})
    assert (void.status_code, void.json()["code"], void.json()["capture_id"]) == (409, "already_captured", captured["capture_id"])
    path = f"/captures/{captured['capture_id']}/refund"
    amounts = [2000, 3001, 3000]
    answers = [await payment.post(path, {"amount_minor": each, "reference": f"{task}:r{each}"}) for each in amounts]
    assert [each.status_code for each in answers] == [201, 409, 201]
    assert (answers[0].json()["status"], answers[1].json()["code"]) == ("refunded", "amount")
    shown = await payment.get(f"/captures/{captured['capture_id']}")
    assert (shown["status"], [each["amount"]["amount_minor"] for each in shown["refunds"]]) == ("refunded", [2000, 3000])
    assert await _balances(payment, task) == {}
    assert await payment.alive(task) == []


@pytest.mark.parametrize(("instrument", "amount", "code"), [("card-declined", 1, "declined"), ("card-low", 1001, "insufficient_funds")])
async def test_instruments_of_the_tests_refuse(payment: "World", task: str, instrument: str, amount: int, code: str) -> None:
    refused = await payment.authorize(f"{task}:a", amount, instrument=instrument)
    assert (refused.status_code, refused.json()["code"]) == (402, code)
    assert await payment.effects(task) == []


async def test_more_than_an_instrument_may_spend_at_once_is_over_the_limit(payment: "World", task: str) -> None:
    refused = await payment.authorize(f"{task}:a", 10**12 + 1)
    assert (refused.status_code, refused.json()["code"]) == (402, "limit")


async def test_a_card_that_asks_its_holder_is_authorized_after_the_answer(
    payment: "World", task: str, inbox: "Inbox", eventually: "Eventually"
) -> None:
    asked = await payment.authorize(f"{task}:a", instrument="card-3ds", callback_url=inbox.url)
    assert (asked.status_code, asked.json()["status"]) == (200, "requires_action")
    assert await payment.alive(task) == []
    url = asked.json()["action_url"]
    assert "Approve" in (await payment.client.get(url)).text
    assert (await payment.post(url, {"result": "approved"})).json()["status"] == "authorized"
    assert len(await payment.alive(task)) == 1

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    assert [(each["type"], each["status"]) for each in await eventually(told)] == [("payment.decide", "authorized")]


async def test_a_holder_who_says_no_leaves_nothing(payment: "World", task: str) -> None:
    asked = (await payment.authorize(f"{task}:a", instrument="card-3ds")).json()
    assert (await payment.post(asked["action_url"], {"result": "denied"})).json()["status"] == "declined"
    assert (await payment.capture(asked, f"{task}:c", 1)).json()["code"] == "declined"


async def test_an_authorization_expires_and_gives_its_money_back(payment: "World", task: str, eventually: "Eventually") -> None:
    await payment.fault("hold_seconds", "payment.authorize", task, seconds=0.2)
    authorized = await payment.authorized(f"{task}:a", 5000)

    async def expired() -> bool:
        found = await payment.get("/authorizations", reference=f"{task}:a")
        return bool(found["authorizations"][0]["status"] == "expired")

    await eventually(expired)
    late = await payment.capture(authorized, f"{task}:c", 5000)
    assert (late.status_code, late.json()["code"]) == (409, "expired")
    assert await _balances(payment, task) == {}


async def test_concurrent_authorizations_cannot_spend_more_than_there_is(payment: "World", task: str) -> None:
    answers = await asyncio.gather(*(payment.authorize(f"{task}:{n}", 300, instrument="card-low", currency="SGD") for n in range(10)))
    assert Counter(each.status_code for each in answers) == {201: 3, 402: 7}


async def test_the_books_sum_to_zero_in_every_currency(payment: "World", task: str) -> None:
    for currency in ("IDR", "CNY", "USD"):
        authorized = await payment.authorized(f"{task}:{currency}", 5000, currency=currency)
        captured = (await payment.capture(authorized, f"{task}:{currency}:c", 4000)).json()
        await payment.post(f"/captures/{captured['capture_id']}/refund", {"amount_minor": 1500, "reference": f"{task}:{currency}:r"})
    totals: Counter[str] = Counter()
    for each in (await payment.get("/effects"))["postings"]:
        totals[each["currency"]] += each["amount_minor"]
    assert set(totals) >= {"IDR", "CNY", "USD"}
    assert set(totals.values()) == {0}
