"""Meals, rides and maps against their worlds' own interfaces; and a flight that its airline moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tuntas.connectors.instant.app import connector as instant_connector
from tuntas.connectors.instant.providers.rides import query
from tuntas.connectors.maps.app import connector as maps_connector
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Place, Timing
from tuntas.kit.connector.provider import Provider
from tuntas.kit.errors import Rejected

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
AIRPORT = Place(name="Soekarno-Hatta", lat=-6.126, lon=106.656)


@pytest.fixture(scope="session")
async def bringers(instant: Any) -> Any:
    """The providers of the instant connector, over its world."""
    found = dict(instant_connector.providers(_settings(instant.address)))
    yield found
    for provider in found.values():
        await provider.close()


@pytest.fixture(scope="session")
async def atlas(maps: Any) -> Any:
    """The router, over its world."""
    (found,) = maps_connector.providers(_settings(maps.address)).values()
    yield found
    await found.close()


def _settings(address: str) -> Any:
    return type("R", (), {"settings": type("S", (), {"base_url": address})})


async def ordered(provider: Any, traveller: Any, **asked: Any) -> tuple[Any, Any, Any]:
    """Hold and confirm the cheapest meal."""
    offer = (await provider.quote(traveller.wish("food.order", address="Kemang, Jakarta", **asked)))[0]
    held = await provider.act(traveller.request("meal.hold", input=offer.steps[0].input))
    confirming = traveller.request("meal.confirm", amount=offer.price, object_reference=held.reference)
    return offer, confirming, await provider.act(confirming)


async def test_what_is_ordered_is_what_is_offered_in_any_language(bringers: dict[str, Provider], traveller: Any) -> None:
    for words, dish in (("炒饭", "Nasi goreng"), ("fried rice", "Nasi goreng"), ("large pepperoni pizza", "Pepperoni")):
        wish = traveller.wish("food.order", address="Kemang", item=words, quantity=2)
        found = [o for p in bringers.values() for o in await p.quote(wish)]
        assert found, words
        assert {(each["name"], each["count"]) for o in found for each in _items(o)} == {(dish, 2)}


def _items(offer: Any) -> Any:
    return offer.details["items"]


async def test_a_kitchen_that_has_not_all_of_it_offers_nothing(bringers: dict[str, Provider], traveller: Any) -> None:
    wish = traveller.wish("food.order", address="Kemang", items=[{"item": "nasi goreng"}, {"item": "moon dust"}])
    assert [o for p in bringers.values() for o in await p.quote(wish)] == []


async def test_an_address_that_nobody_knows_is_refused(bringers: dict[str, Provider], traveller: Any) -> None:
    with pytest.raises(Rejected, match="unknown_place"):
        await bringers["larik-kilat"].quote(traveller.wish("food.order", address="Atlantis"))


async def test_a_meal_is_cancelled_for_nothing_before_it_is_cooked(bringers: dict[str, Provider], traveller: Any, instant: Any) -> None:
    provider = bringers["larik-kilat"]
    _, confirming, bought = await ordered(provider, traveller)
    assert bought.outcome is Outcome.DONE
    known = confirming.model_copy(update={"own_reference": bought.reference})
    quoted = await provider.undo_quote(traveller.quoting(known))
    assert (quoted.allowed, quoted.fee.amount_minor) == (True, 0) if quoted.fee else False
    undone = await provider.undo(traveller.undoing(known, quote_id=quoted.quote_id))
    assert undone.outcome is Outcome.UNDONE
    assert await instant.alive(traveller.task) == []


async def test_a_courier_who_cancels_is_told_with_the_whole_refund(bringers: dict[str, Provider], traveller: Any, instant: Any) -> None:
    provider = bringers["larik-kilat"]
    offer, confirming, bought = await ordered(provider, traveller)
    await instant.end(bought.reference)
    gone = await provider.inquire(confirming)
    assert gone is not None
    assert (gone.outcome, gone.code, gone.refund) == (Outcome.UNDONE, "cancelled_by_provider", offer.price)


async def test_a_ride_says_when_it_comes_and_arrives(bringers: dict[str, Provider], traveller: Any) -> None:
    wish = traveller.wish("ride.book", origin="Kemang", destination="CGK", pickup_at=SOON.isoformat())
    (car, *_) = await bringers["gesit-ride"].quote(wish)
    assert car.window is not None
    assert (car.window.start, car.window.end > SOON + timedelta(minutes=20)) == (SOON, True)
    assert car.window.origin is not None
    assert car.window.origin.name == "Kemang"


async def test_a_ride_to_a_meeting_sets_off_early_enough(traveller: Any) -> None:
    timing = Timing(place=AIRPORT, arrive_by=SOON, travel_seconds=3000)
    found = query(traveller.wish("ride.book", origin="Kemang").model_copy(update={"timing": timing}))
    assert found["destination"] == "-6.126,106.656"
    assert found["pickup_at"] == (SOON - timedelta(minutes=60)).isoformat()
    back = Timing(place=AIRPORT, leave_from=SOON)
    found = query(traveller.wish("ride.book", destination="Kemang").model_copy(update={"timing": back}))
    assert (found["origin"], found["pickup_at"]) == ("-6.126,106.656", SOON.isoformat())


async def test_a_time_is_the_persons_own(traveller: Any) -> None:
    asked = {"origin": "a", "destination": "b", "pickup_date": "2030-01-02", "pickup_time": "08:30"}
    for tz, at in (("Asia/Jakarta", "01:30"), ("Asia/Shanghai", "00:30")):
        assert query(traveller.wish("ride.book", **asked).model_copy(update={"tz": tz}))["pickup_at"] == f"2030-01-02T{at}:00+00:00"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"origin": "Kemang"}, "no_destination"),
        ({"origin": "Kemang", "destination": "Orchard Road"}, "no_route"),
        ({"origin": "Kemang", "destination": "Atlantis"}, "unknown_place"),
        ({"origin": "Kemang", "destination": "Gambir", "pickup_at": "soon"}, "invalid_time"),
    ],
)
async def test_a_ride_that_nobody_can_drive_is_refused(bringers: dict[str, Provider], traveller: Any, asked: Any, code: str) -> None:
    with pytest.raises(Rejected, match=code):
        await bringers["gesit-ride"].quote(traveller.wish("ride.book", **asked))


async def test_the_way_takes_longer_when_everybody_drives(atlas: Provider, traveller: Any) -> None:
    seconds = []
    for hour in ("03", "11"):  # ten in the morning and six in the evening in Jakarta
        asked = {"origin": {"lat": -6.261, "lon": 106.813}, "destination": "CGK", "depart_at": f"2030-01-02T{hour}:00:00Z"}
        (way,) = await atlas.quote(traveller.wish("map.route", **asked))
        seconds.append(way.travel_seconds or 0)
    assert 1000 < seconds[0] < seconds[1]


async def test_places_are_found_by_their_names(atlas: Provider, traveller: Any) -> None:
    found = await atlas.quote(traveller.wish("map.place", place="外滩"))
    assert found[0].title == "The Bund, Shanghai"


async def test_a_flight_that_the_airline_moves_says_so(
    sellers: dict[str, Provider], traveller: Any, travel: Any, flight_offer: Any
) -> None:
    offer = await flight_offer()
    holding = traveller.request("flight.hold", input=offer.steps[0].input)
    held = await sellers[offer.provider].act(holding)
    assert held.window == offer.window
    answer = await travel.client.post(f"/objects/{held.reference}/move", json={"minutes": 120})
    assert answer.status_code == 200, answer.text
    moved = await sellers[offer.provider].inquire(holding)
    assert moved is not None
    assert moved.window is not None
    assert moved.window.start - offer.window.start == timedelta(minutes=120)
    assert moved.outcome is Outcome.DONE


async def test_what_has_no_hour_is_not_moved(instant: Any, bringers: dict[str, Provider], traveller: Any) -> None:
    _, _, bought = await ordered(bringers["larik-kilat"], traveller)
    assert (await instant.client.post(f"/objects/{bought.reference}/move", json={"minutes": 5})).status_code == 409
