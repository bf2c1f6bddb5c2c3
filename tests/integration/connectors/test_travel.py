"""The travel connector's providers against the sellers' own interface."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest

from tuntas.connectors.travel.actions import FLIGHT, HOTEL
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Offer, StepKind
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import Provider, Request
from tuntas.kit.errors import InDoubt, NotSent, Rejected

AIRLINES = ("nusantara-air", "meridian-wings", "kite-regional")


def day(ahead: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


def hold_of(offer: Offer, traveller: Any, **more: Any) -> Request:
    found: Request = traveller.request(f"{'hotel' if 'hotel' in offer.details else 'flight'}.hold", input=offer.step("hold").input, **more)
    return found


def confirm_of(offer: Offer, traveller: Any, held: str, **more: Any) -> Request:
    kind = "hotel" if "hotel" in offer.details else "flight"
    asked = {"object_reference": held, "amount": offer.price} | more
    found: Request = traveller.request(f"{kind}.confirm", **asked)
    return found


async def test_one_search_finds_the_offers_of_all_airlines_with_their_terms(
    sellers: dict[str, Provider], traveller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    call = Client.call

    async def counted(client: Client, method: str, path: str, **options: Any) -> Reply:
        searched.append(path)
        return await call(client, method, path, **options)

    monkeypatch.setattr(Client, "call", counted)
    wish = traveller.wish(FLIGHT.name, origin="CGK", destination="SRG", depart_date=day(30))
    each = await asyncio.gather(*(seller.quote(wish) for seller in sellers.values()))
    assert searched == ["/flights/search"]
    assert [{o.provider for o in offers} for offers in each] == [{name} if name in AIRLINES else set() for name in sellers]
    found = [o for offers in each for o in offers]
    for offer in found:
        refundable = offer.details["refundable"]
        confirm = offer.step("confirm")
        assert (confirm.kind is StepKind.COMPENSATABLE) is refundable
        assert confirm.undo.fee is not None
        assert (confirm.undo.fee == offer.price) is not refundable
        assert datetime.fromisoformat(str(offer.details["departs_at"])) < datetime.fromisoformat(str(offer.details["arrives_at"]))


async def test_what_was_asked_for_is_what_is_offered(sellers: dict[str, Provider], traveller: Any) -> None:
    route = {"origin": "CGK", "destination": "SRG", "depart_date": day(30)}
    seller = sellers["nusantara-air"]
    everything = await seller.quote(traveller.wish(FLIGHT.name, **route))
    airline = str(everything[0].details["airline"])
    clock = str(everything[0].details["departs_at"])[11:16]
    by_name = await seller.quote(traveller.wish(FLIGHT.name, **route, airline=airline.upper()))
    assert {o.details["airline"] for o in by_name} == {airline}
    at = await seller.quote(traveller.wish(FLIGHT.name, **route, depart_time={"start": clock, "end": clock}))
    assert {str(o.details["departs_at"])[11:16] for o in at} == {clock}
    refundable = await seller.quote(traveller.wish(FLIGHT.name, **route, refundable=True))
    assert refundable
    assert all(o.details["refundable"] for o in refundable)


async def test_a_cabin_that_nobody_sells_is_not_replaced_by_another(sellers: dict[str, Provider], traveller: Any) -> None:
    wish = traveller.wish(FLIGHT.name, origin="CGK", destination="SRG", depart_date=day(30), cabin_class="first")
    with pytest.raises(Rejected, match="cabin_unavailable"):
        await sellers["nusantara-air"].quote(wish)


async def test_a_route_that_does_not_exist_is_refused_with_the_reason(sellers: dict[str, Provider], traveller: Any) -> None:
    wish = traveller.wish(FLIGHT.name, origin="XXX", destination="SRG", depart_date=day(30))
    with pytest.raises(Rejected, match="unknown_airport"):
        await sellers["nusantara-air"].quote(wish)


async def test_a_hotel_is_found_by_stars_name_and_price_of_a_night(sellers: dict[str, Provider], traveller: Any) -> None:
    seller = sellers["bale-stays"]
    stay = {"city": "Bali", "country": "ID", "check_in": day(30), "check_out": day(32)}
    everything = await seller.quote(traveller.wish(HOTEL.name, **stay))
    best = max(everything, key=lambda o: int(str(o.details["stars"])))
    assert {o.details["stars"] for o in await seller.quote(traveller.wish(HOTEL.name, **stay, stars=best.details["stars"]))} == {
        best.details["stars"]
    }
    named = await seller.quote(traveller.wish(HOTEL.name, **stay, hotel=str(best.details["hotel"]).upper()))
    assert {o.details["hotel"] for o in named} == {best.details["hotel"]}
    cheapest = everything[0].price
    assert cheapest is not None
    limit = {"amount_minor": cheapest.amount_minor // 2 + 1, "currency": cheapest.currency}
    assert {o.price for o in await seller.quote(traveller.wish(HOTEL.name, **stay, night_limit=limit))} == {cheapest}


async def test_the_schemas_take_what_the_searches_need_and_nothing_else() -> None:
    flight = {"origin": "CGK", "destination": "DPS", "depart_date": "2026-12-01"}
    hotel = {"city": "Denpasar", "country": "ID", "check_in": "2026-12-01", "check_out": "2026-12-03"}
    for goal, good in ((FLIGHT, flight), (HOTEL, hotel)):
        schema = jsonschema_rs.validator_for(goal.parameters)
        assert schema.is_valid(good)
        assert not schema.is_valid(good | {"return_date": "2026-12-05"})
        assert not any(schema.is_valid({k: v for k, v in good.items() if k != name}) for name in good)


@pytest.mark.parametrize("provider", [*AIRLINES, "bale-stays"])
async def test_a_booking_is_held_bought_asked_about_and_given_up(
    provider: str, sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    seller = sellers[provider]
    offer = await (_room(sellers, traveller) if provider == "bale-stays" else flight_offer(provider))
    hold = hold_of(offer, traveller)
    held = await seller.act(hold)
    assert (held.outcome, held.clocks.space_until is not None) == (Outcome.DONE, True)
    assert held.reference is not None
    confirm = confirm_of(offer, traveller, held.reference)
    assert await seller.inquire(confirm) is None
    bought = await seller.act(confirm)
    assert (bought.outcome, bought.amount) == (Outcome.DONE, offer.price)
    again = await seller.inquire(confirm)
    assert again is not None
    assert again.evidence == bought.evidence
    quote = await seller.undo_quote(traveller.quoting(confirm, own_reference=bought.reference))
    assert quote.fee == offer.step("confirm").undo.fee
    undone = await seller.undo(traveller.undoing(confirm, own_reference=bought.reference, quote_id=quote.quote_id))
    assert (undone.outcome, undone.fee, undone.refund) == (Outcome.UNDONE, quote.fee, quote.refund)
    gone = await seller.inquire(confirm)
    assert gone is not None
    assert (gone.outcome, gone.code, gone.refund) == (Outcome.UNDONE, "cancelled", quote.refund)
    assert await travel.alive(traveller.task) == []


async def _room(sellers: dict[str, Provider], traveller: Any) -> Offer:
    stay = {"city": "Denpasar", "country": "ID", "check_in": day(30), "check_out": day(32), "refundable": True}
    return (await sellers["bale-stays"].quote(traveller.wish(HOTEL.name, **stay)))[0]


async def test_nothing_is_known_of_what_was_never_asked(sellers: dict[str, Provider], traveller: Any, flight_offer: Any) -> None:
    hold = hold_of(await flight_offer(), traveller)
    for name in AIRLINES:
        assert await sellers[name].inquire(hold) is None


async def test_the_same_key_makes_one_booking(sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any) -> None:
    hold = hold_of(await flight_offer(), traveller)
    first, second = await sellers["nusantara-air"].act(hold), await sellers["nusantara-air"].act(hold)
    assert first.reference == second.reference
    assert len(await travel.alive(traveller.task)) == 1


async def test_a_refusal_keeps_its_code(sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any) -> None:
    await travel.fault("refuse", "flight.hold", traveller.task, code="sold_out")
    answer = await sellers["nusantara-air"].act(hold_of(await flight_offer(), traveller))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "sold_out")


async def test_another_price_than_the_approved_one_is_not_paid(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    offer = await flight_offer()
    seller = sellers["nusantara-air"]
    held = await seller.act(hold_of(offer, traveller))
    less = offer.price.model_copy(update={"amount_minor": offer.price.amount_minor - 1})
    answer = await seller.act(confirm_of(offer, traveller, held.reference or "", amount=less))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "price_changed")
    assert answer.evidence["price"] == offer.price.model_dump()


async def test_an_expired_hold_is_gone_and_its_purchase_refused(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any, eventually: Any
) -> None:
    await travel.fault("hold_seconds", "flight.hold", traveller.task, seconds=0.2)
    offer, seller = await flight_offer(), sellers["meridian-wings"]
    hold = hold_of(offer, traveller)
    held = await seller.act(hold)
    known = hold.model_copy(update={"own_reference": held.reference})

    async def over() -> Any:
        found = await seller.inquire(known)
        return found is not None and found.outcome is Outcome.UNDONE

    await eventually(over)
    confirm = confirm_of(offer, traveller, held.reference or "")
    asked = await seller.inquire(confirm)
    assert asked is not None
    assert [(a.outcome, a.code) for a in (asked, await seller.act(confirm))] == [(Outcome.REFUSED, "hold_expired")] * 2
    undone = await seller.undo(traveller.undoing(known))
    assert (undone.outcome, undone.gone) == (Outcome.UNDONE, True)


async def test_what_the_airline_cancels_is_told_with_its_refund(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    offer, seller = await flight_offer(), sellers["nusantara-air"]
    held = await seller.act(hold_of(offer, traveller))
    confirm = confirm_of(offer, traveller, held.reference or "")
    await seller.act(confirm)
    await travel.end(held.reference)
    gone = await seller.inquire(confirm)
    assert gone is not None
    assert (gone.outcome, gone.code, gone.refund) == (Outcome.UNDONE, "cancelled_by_provider", offer.price)
    assert (await seller.undo_quote(traveller.quoting(confirm))).fee is None
    assert (await seller.undo(traveller.undoing(confirm))).refund == offer.price


async def test_a_cancellation_by_reference_binds_what_arrives_later(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    offer, seller = await flight_offer(), sellers["nusantara-air"]
    hold = hold_of(offer, traveller)
    undone = await seller.undo(traveller.undoing(hold))
    assert (undone.outcome, undone.gone) == (Outcome.UNDONE, False)
    answer = await seller.act(hold)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "cancelled")


async def test_a_cancellation_by_reference_gives_up_what_is_there(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    seller = sellers["nusantara-air"]
    hold = hold_of(await flight_offer(), traveller)
    await seller.act(hold)
    undone = await seller.undo(traveller.undoing(hold))
    assert (undone.outcome, undone.fee and undone.fee.amount_minor) == (Outcome.UNDONE, 0)
    assert await travel.alive(traveller.task) == []


async def test_without_keys_a_second_hold_is_given_up_when_it_is_seen(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    seller = sellers["kite-regional"]
    hold = hold_of(await flight_offer("kite-regional"), traveller)
    await seller.act(hold)
    second = await seller.act(hold)
    found = await seller.inquire(hold.model_copy(update={"own_reference": second.reference}))
    assert found is not None
    assert found.reference == second.reference
    assert [each["object_id"] for each in await travel.alive(traveller.task)] == [second.reference]


async def test_without_keys_a_hold_that_appears_after_the_undo_is_seen(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    seller = sellers["kite-regional"]
    hold = hold_of(await flight_offer("kite-regional"), traveller)
    first = await seller.act(hold)
    known = hold.model_copy(update={"own_reference": first.reference})
    await seller.undo(traveller.undoing(known))
    late = await seller.act(hold)
    found = await seller.inquire(known)
    assert found is not None
    assert (found.outcome, found.reference) == (Outcome.DONE, late.reference)


async def test_a_lost_answer_is_in_doubt_and_found_by_our_reference(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any, eventually: Any
) -> None:
    await travel.fault("lose_answer", "flight.hold", traveller.task, seconds=0.2)
    hold = hold_of(await flight_offer("kite-regional"), traveller)
    with pytest.raises(InDoubt, match="no_answer"):
        await sellers["kite-regional"].act(hold)
    found = await eventually(lambda: sellers["kite-regional"].inquire(hold))
    assert found.outcome is Outcome.DONE


async def test_a_seller_that_is_down_leaves_doubt_and_one_that_is_away_takes_nothing(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    hold = hold_of(await flight_offer(), traveller)
    await travel.fault("down", "flight.hold", traveller.task)
    with pytest.raises(InDoubt, match="no_answer"):
        await sellers["nusantara-air"].act(hold)


async def test_what_is_pending_is_not_done(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any, eventually: Any
) -> None:
    await travel.fault("pending", "flight.hold", traveller.task, seconds=0.3)
    seller = sellers["nusantara-air"]
    hold = hold_of(await flight_offer(), traveller)
    assert (await seller.act(hold)).outcome is Outcome.PENDING

    async def done() -> Any:
        found = await seller.inquire(hold)
        return found is not None and found.outcome is Outcome.DONE

    assert await eventually(done)


async def test_a_pending_cancellation_is_not_undone_yet(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    seller = sellers["meridian-wings"]
    hold = hold_of(await flight_offer(), traveller)
    held = await seller.act(hold)
    await travel.fault("pending", "flight.cancel", traveller.task, seconds=0.3)
    assert (await seller.undo(traveller.undoing(hold, own_reference=held.reference))).outcome is Outcome.PENDING


async def test_a_quote_that_is_not_the_newest_is_not_used(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    offer, seller = await flight_offer(), sellers["nusantara-air"]
    held = await seller.act(hold_of(offer, traveller))
    confirm = confirm_of(offer, traveller, held.reference or "")
    await seller.act(confirm)
    old = await seller.undo_quote(traveller.quoting(confirm))
    await seller.undo_quote(traveller.quoting(confirm))
    answer = await seller.undo(traveller.undoing(confirm, quote_id=old.quote_id))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "fee_grown")


async def test_every_call_carries_its_key_and_its_trace(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    hold = hold_of(await flight_offer(), traveller, traceparent=trace)
    await sellers["nusantara-air"].act(hold)
    made = [each for each in await travel.operations(traveller.task) if each["operation"] == "flight.hold"]
    assert [(each["idempotency_key"], each["traceparent"]) for each in made] == [(str(hold.key), trace)]


async def test_nobody_at_the_address_means_that_nothing_was_sent(traveller: Any, free_port: int) -> None:
    from tuntas.connectors.travel.app import providers

    resources: Any = type("R", (), {"settings": type("S", (), {"base_url": f"http://127.0.0.1:{free_port}"})})
    seller: Any = providers(resources)["nusantara-air"]
    with pytest.raises(NotSent, match="unreachable"):
        await seller.inquire(traveller.request("flight.hold"))
    await seller._client.close()
