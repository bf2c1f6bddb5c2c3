"""The whole life of a flight order over HTTP."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, World


async def test_a_route_is_sold_by_several_airlines_with_local_times_and_terms_of_undoing(travel: "World") -> None:
    offers = await travel.offers(passengers=2)
    assert 2 <= len({each["airline"] for each in offers}) <= 4
    assert [each["price"]["amount_minor"] for each in offers] == sorted(each["price"]["amount_minor"] for each in offers)
    assert {each["price"]["currency"] for each in offers} == {"IDR"}
    assert not offers[0]["refund"]["allowed"]
    assert any(each["refund"]["allowed"] and each["refund"]["fee_minor"] < each["price"]["amount_minor"] for each in offers)
    assert {each["depart_at"][-6:] for each in offers} == {"+07:00"}
    assert {each["arrive_at"][-6:] for each in offers} == {"+08:00"}
    assert all(each["hold"]["allowed"] and each["hold"]["minutes"] >= 20 for each in offers)


@pytest.mark.parametrize(("origin", "destination", "currency"), [("PEK", "SHA", "CNY"), ("SIN", "NRT", "USD"), ("DPS", "SIN", "IDR")])
async def test_prices_are_in_the_sellers_currency(travel: "World", origin: str, destination: str, currency: str) -> None:
    offers = await travel.offers(origin=origin, destination=destination)
    assert {each["price"]["currency"] for each in offers} == {currency}


async def test_searching_twice_finds_the_same_flights_at_the_same_prices(travel: "World", in_days: Callable[[int], str]) -> None:
    def known(offers: list[dict[str, object]]) -> list[object]:
        return [(each["flight_number"], each["price"], each["depart_at"], each["refund"]) for each in offers]

    one, other = await travel.offers(date=in_days(90)), await travel.offers(date=in_days(90))
    assert known(one) == known(other)
    assert known(one) != known(await travel.offers(date=in_days(91)))


async def test_nothing_is_sold_for_days_that_are_past_or_too_far(travel: "World", in_days: Callable[[int], str]) -> None:
    for ahead in (-2, 400):
        assert await travel.offers(date=in_days(ahead)) == []
    assert await travel.offers(date="9999-12-31") == []


async def test_an_order_is_held_then_ticketed_and_found_by_both_references(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    assert order["status"] == "held"
    assert datetime.fromisoformat(order["price_until"]) <= datetime.fromisoformat(order["space_until"])
    ticketed = (await travel.confirm(order, f"{task}:confirm")).json()
    assert ticketed["status"] == "ticketed"
    assert ticketed["confirm_reference"] == f"{task}:confirm"
    assert len(ticketed["ticket_number"]) == 12
    for reference in (f"{task}:hold", f"{task}:confirm"):
        assert [each["order_id"] for each in await travel.orders(reference)] == [order["order_id"]]
    assert await travel.get(f"/flights/orders/{order['order_id']}") == ticketed


async def test_confirming_again_with_the_same_reference_answers_the_same_ticket(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    first = (await travel.confirm(order, f"{task}:confirm")).json()
    assert (await travel.confirm(order, f"{task}:confirm")).json()["ticket_number"] == first["ticket_number"]
    other = await travel.confirm(order, f"{task}:another")
    assert (other.status_code, other.json()["code"]) == (409, "already_confirmed")


async def test_a_held_order_is_cancelled_free(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    cancelled = (await travel.post(f"/flights/orders/{order['order_id']}/cancel", {"reference": f"{task}:undo"})).json()
    assert (cancelled["status"], cancelled["fee"]["amount_minor"], cancelled["refund"]["amount_minor"]) == ("cancelled", 0, 0)
    refused = await travel.confirm(order, f"{task}:confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "cancelled")
    assert await travel.alive(task) == []


async def _cancelled(travel: "World", task: str, *, refundable: bool) -> tuple[dict[str, int], dict[str, int], int]:
    order = await travel.held(f"{task}:hold", await travel.offer(refundable=refundable))
    await travel.confirm(order, f"{task}:confirm")
    root = f"/flights/orders/{order['order_id']}"
    quote = (await travel.post(f"{root}/cancellation-quote", {})).json()
    answer = await travel.post(f"{root}/cancel", {"reference": f"{task}:undo", "quote_id": quote["quote_id"]})
    done = answer.json()
    assert quote["allowed"]
    assert (done["fee"], done["refund"]) == (quote["fee"], quote["refund"])
    return done["fee"], done["refund"], order["price"]["amount_minor"]


async def test_a_refundable_ticket_is_cancelled_at_its_quoted_fee(travel: "World", task: str) -> None:
    fee, refund, price = await _cancelled(travel, task, refundable=True)
    assert 0 < fee["amount_minor"] < price
    assert fee["amount_minor"] + refund["amount_minor"] == price


async def test_a_non_refundable_ticket_costs_its_whole_price_to_cancel(travel: "World", task: str) -> None:
    fee, refund, price = await _cancelled(travel, task, refundable=False)
    assert (fee["amount_minor"], refund["amount_minor"]) == (price, 0)
    (effect,) = await travel.effects(task)
    assert (effect["state"], effect["alive"], effect["fee"]["amount_minor"]) == ("cancelled", False, price)


async def test_only_the_newest_quote_of_the_present_state_can_be_used(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold", await travel.offer(refundable=True))
    root = f"/flights/orders/{order['order_id']}"
    while_held = (await travel.post(f"{root}/cancellation-quote", {})).json()
    await travel.confirm(order, f"{task}:confirm")
    refused = await travel.post(f"{root}/cancel", {"reference": f"{task}:undo", "quote_id": while_held["quote_id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "quote_expired")


async def test_cancelling_again_answers_how_it_ended(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    path = f"/flights/orders/{order['order_id']}/cancel"
    first, again = [await travel.post(path, {"reference": f"{task}:undo:{n}"}) for n in (1, 2)]
    assert first.json() == again.json()


async def test_the_price_named_in_a_confirm_must_be_the_price(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    wrong = {**order, "price": {**order["price"], "amount_minor": order["price"]["amount_minor"] - 1}}
    refused = await travel.confirm(wrong, f"{task}:confirm")
    assert (refused.status_code, refused.json()["code"], refused.json()["price"]) == (409, "price_changed", order["price"])


async def test_the_guaranteed_price_can_be_over_before_the_space_is(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold", await travel.offer("meridian-wings"))
    assert order["price_until"] < order["space_until"]


async def test_a_hold_expires_by_the_clock_and_gives_its_seats_back(travel: "World", task: str, eventually: "Eventually") -> None:
    await travel.fault("hold_seconds", "flight.hold", task, seconds=0.2)
    order = await travel.held(f"{task}:hold")

    async def expired() -> bool:
        return str((await travel.orders(f"{task}:hold"))[0]["status"]) == "expired"

    await eventually(expired)
    for action, body in (("confirm", {"reference": f"{task}:c", "amount": order["price"]}), ("extend", {})):
        refused = await travel.post(f"/flights/orders/{order['order_id']}/{action}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "hold_expired")
    cancelled = await travel.post(f"/flights/orders/{order['order_id']}/cancel", {"reference": f"{task}:undo"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "expired")
    assert [each["alive"] for each in await travel.effects(task)] == [False]


async def test_a_hold_can_be_extended_three_times(travel: "World", task: str) -> None:
    await travel.fault("hold_seconds", "flight.hold", task, seconds=60)
    order = await travel.held(f"{task}:hold")
    answers = [await travel.post(f"/flights/orders/{order['order_id']}/extend", {"reference": f"{task}:more"}) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 409]
    assert answers[3].json()["code"] == "extend_limit"
    assert answers[0].json()["space_until"] > order["space_until"]


async def test_an_airline_that_cancels_by_reference_refuses_what_arrives_later(travel: "World", task: str) -> None:
    bound = await travel.post("/flights/orders/cancel-by-reference", {"reference": f"{task}:hold"})
    assert (bound.status_code, bound.json()["orders"]) == (200, [])
    late = await travel.hold(f"{task}:hold")
    assert (late.status_code, late.json()["code"]) == (409, "cancelled")
    assert await travel.effects(task) == []


async def test_cancelling_by_reference_ends_the_order_that_has_it(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold", await travel.offer(refundable=True))
    await travel.confirm(order, f"{task}:confirm")
    answer = (await travel.post("/flights/orders/cancel-by-reference", {"reference": f"{task}:confirm"})).json()
    assert [(each["order_id"], each["status"]) for each in answer["orders"]] == [(order["order_id"], "cancelled")]
    assert await travel.alive(task) == []


async def test_other_airlines_do_not_cancel_by_reference(travel: "World", task: str) -> None:
    await travel.held(f"{task}:hold", await travel.offer("meridian-wings"))
    for body in ({"reference": f"{task}:hold"}, {"reference": f"{task}:none", "provider": "kite-regional"}):
        refused = await travel.post("/flights/orders/cancel-by-reference", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "not_supported")
    assert len(await travel.alive(task)) == 1


async def test_the_manifest_says_what_each_provider_promises(travel: "World") -> None:
    manifest = {each["provider"]: each for each in (await travel.get("/providers"))["providers"]}
    assert manifest["nusantara-air"]["cancel_by_reference"]
    assert manifest["kite-regional"]["idempotency"] == "none"
    assert (manifest["bale-stays"]["cancel_by_reference"], manifest["bale-stays"]["settle_seconds"]) == (False, 3)
    assert all(each["inquiry"] and each["webhooks"] for each in manifest.values())
