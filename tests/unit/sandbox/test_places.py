from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from tuntas.sandbox import geo
from tuntas.sandbox.problems import Refusal


def test_airports_are_real_and_have_clocks_that_exist() -> None:
    assert geo.airport("cgk").country == "ID"
    assert len(geo.airports()) > 7000
    for zone in {each.timezone for each in geo.airports().values()}:
        ZoneInfo(zone)


@pytest.mark.parametrize(("one", "other", "km"), [("CGK", "DPS", 980), ("PEK", "PVG", 1100), ("LHR", "JFK", 5540), ("SYD", "SYD", 0)])
def test_distances_are_along_the_great_circle(one: str, other: str, km: int) -> None:
    assert geo.distance_km(geo.airport(one), geo.airport(other)) == pytest.approx(km, rel=0.02)


@pytest.mark.parametrize(
    ("name", "country", "found"),
    [("Denpasar", "ID", "Denpasar"), ("denpasar", "id", "Denpasar"), ("北京", "CN", "Beijing"), ("Yogyakarta", "ID", "Yogyakarta")],
)
def test_cities_are_found_by_their_names(name: str, country: str, found: str) -> None:
    assert geo.city(name, country).name == found


def test_an_island_is_where_its_airport_is() -> None:
    assert geo.city("Bali", "ID") == geo.airport("DPS")


def test_of_cities_with_one_name_the_most_populous_is_meant() -> None:
    assert geo.city("Springfield", "US").lat == pytest.approx(37.2, abs=0.1)


def test_a_place_is_found_again_by_its_id() -> None:
    for place in (geo.city("Denpasar", "ID"), geo.airport("DPS")):
        assert geo.place(place.place_id) == place


@pytest.mark.parametrize(("ask", "name"), [(geo.airport, ("ZZZ",)), (geo.city, ("Atlantis", "GR")), (geo.place, ("nowhere",))])
def test_what_does_not_exist_is_refused(ask: Callable[..., object], name: tuple[str, ...]) -> None:
    with pytest.raises(Refusal, match="unknown"):
        ask(*name)
