from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuntas.sandbox import flights, geo, hotels
from tuntas.sandbox.models import FlightSearch, HotelSearch
from tuntas.sandbox.offers import Offer
from tuntas.sandbox.problems import Refusal

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CODES = ("CGK", "DPS", "SUB", "SRG", "PEK", "PVG", "SIN", "LHR", "JFK", "SYD")
DAYS = st.dates(date(2026, 11, 24), date(2027, 11, 1))


def _flight(**change: Any) -> FlightSearch:
    return FlightSearch.model_validate({"origin": "CGK", "destination": "DPS", "date": date(2026, 12, 1)} | change)


def _stay(**change: Any) -> HotelSearch:
    stay = {"city": "Denpasar", "country": "ID", "check_in": date(2026, 12, 1), "check_out": date(2026, 12, 4)}
    return HotelSearch.model_validate(stay | change)


def _sane(offers: list[Offer]) -> None:
    assert [each.rank for each in offers] == list(range(1, len(offers) + 1))
    assert [each.amount_minor for each in offers] == sorted(each.amount_minor for each in offers)
    assert len({each.offer_id for each in offers}) == len(offers)
    for each in offers:
        assert 0 < each.fee_minor <= each.amount_minor
        assert each.price_minutes <= each.hold_minutes
        assert all(pool.capacity > 0 for pool in each.stock)


@settings(deadline=None)
@given(route=st.permutations(CODES), day=DAYS, passengers=st.integers(1, 9), cabin=st.sampled_from(["economy", "business"]))
def test_every_route_has_two_to_four_airlines_and_sane_offers_that_are_found_again(
    route: list[str], day: date, passengers: int, cabin: str
) -> None:
    offers = flights.search(_flight(origin=route[0], destination=route[1], date=day, passengers=passengers, cabin=cabin), NOW)
    assert 2 <= len({each.details["airline"] for each in offers}) <= 4
    _sane(offers)
    for each in offers:
        assert flights.resolve(each.offer_id, NOW + timedelta(days=1)) == each


@settings(deadline=None)
@given(day=DAYS, nights=st.integers(1, 30), rooms=st.integers(1, 5))
def test_every_stay_has_sane_offers_that_are_found_again(day: date, nights: int, rooms: int) -> None:
    offers = hotels.search(_stay(check_in=day, check_out=day + timedelta(days=nights), rooms=rooms), NOW)
    assert len(offers) == 12
    _sane(offers)
    assert {len(each.stock) for each in offers} == {nights}
    assert hotels.resolve(offers[-1].offer_id, NOW) == offers[-1]


def test_a_flight_takes_as_long_as_its_distance() -> None:
    for origin, destination, hours in (("CGK", "DPS", 1.8), ("LHR", "JFK", 7.5)):
        for offer in flights.search(_flight(origin=origin, destination=destination), NOW):
            flown = datetime.fromisoformat(offer.details["arrive_at"]) - datetime.fromisoformat(offer.details["depart_at"])
            assert flown.total_seconds() / 3600 == pytest.approx(hours, abs=0.3)


def test_a_domestic_ticket_costs_what_people_would_expect() -> None:
    rupiah = [each.amount_minor / 100 for each in flights.search(_flight(), NOW)]
    assert 700_000 < min(rupiah) < max(rupiah) < 2_500_000


def test_short_hops_are_flown_by_the_airline_that_ignores_keys_as_well() -> None:
    assert "kite-regional" in {each.provider for each in flights.search(_flight(destination="SRG"), NOW)}
    assert "kite-regional" not in {each.provider for each in flights.search(_flight(), NOW)}


def test_both_fares_of_a_flight_draw_on_the_same_seats() -> None:
    offers = flights.search(_flight(), NOW)
    numbers = {each.details["flight_number"] for each in offers}
    assert len({each.stock for each in offers}) == len(numbers)
    assert len(offers) == 2 * len(numbers)


def test_a_flight_that_has_left_is_not_offered() -> None:
    offers = flights.search(_flight(), NOW)
    left = max(offers, key=lambda each: each.starts_at).starts_at.astimezone(UTC)
    assert flights.search(_flight(), left) == []


def test_undoing_is_free_of_surprises() -> None:
    offers = hotels.search(_stay(), NOW) + flights.search(_flight(), NOW)
    for each in offers:
        expected = each.fee_minor if each.refundable else each.amount_minor
        assert each.refund["fee_minor"] == expected
        assert each.refund["allowed"] is (each.refund["until"] is not None)


def test_more_passengers_pay_in_proportion() -> None:
    one, three = flights.search(_flight(), NOW), flights.search(_flight(passengers=3), NOW)
    assert [each.amount_minor * 3 for each in one] == [each.amount_minor for each in three]


def test_another_number_of_passengers_or_cabin_is_another_offer() -> None:
    offer = flights.search(_flight(), NOW)[0]
    for one, other in ((".1.1.", ".2.1."), ("economy", "business")):
        assert flights.resolve(offer.offer_id.replace(one, other, 1), NOW).amount_minor > offer.amount_minor


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_an_offer_id(text: str) -> None:
    for resolve in (flights.resolve, hotels.resolve):
        for offer_id in (text, f"f.CGK.DPS.2026-12-01.economy.1.1.{text}", f"h.{text}.2026-12-01.2026-12-02.1.1.1.6923"):
            with pytest.raises(Refusal):
                resolve(offer_id, NOW)


def test_an_offer_that_claims_to_come_from_the_future_was_never_made() -> None:
    later = flights.search(_flight(), NOW + timedelta(hours=1))[0]
    with pytest.raises(Refusal, match="offer_unknown"):
        flights.resolve(later.offer_id, NOW)


def test_hotels_of_a_town_that_only_an_airport_knows_are_found_again() -> None:
    offers = hotels.search(_stay(city="Bali"), NOW)
    assert offers[0].details["city"] == geo.airport("DPS").name
    assert hotels.resolve(offers[0].offer_id, NOW) == offers[0]
