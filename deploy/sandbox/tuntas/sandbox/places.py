"""Places that people name in real cities, as every world here knows them: where an address is, and what lies near."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import asin, cos, radians, sin, sqrt
from typing import Any

from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw

EARTH_RADIUS_M = 6_371_000
_SPREAD = 0.02
"""How far from its city's middle an address lies that names no place, in degrees."""


@dataclass(frozen=True)
class Spot:
    """A point on the map; `name` is what it is called here."""

    name: str
    city: str
    country: str
    lat: float
    lon: float
    kind: str

    def metres_to(self, other: "Spot") -> float:
        """The distance as the crow flies."""
        a, b = radians(self.lat), radians(other.lat)
        part = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other.lon - self.lon) / 2) ** 2
        return 2 * EARTH_RADIUS_M * asin(sqrt(part))


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return tomllib.loads((files("tuntas.sandbox") / "data/places.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def spots() -> tuple[Spot, ...]:
    """Every place with a name."""
    return tuple(Spot(*row[:6]) for row in _data()["places"])


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[str, Spot], ...]:
    rows = zip(_data()["places"], spots(), strict=True)
    found = [(plain(name), spot) for row, spot in rows for name in (row[0], *row[6])]
    return tuple(sorted(found, key=lambda pair: -len(pair[0])))


@lru_cache(maxsize=1)
def cities() -> dict[str, Spot]:
    """The middle of each city, by its plain name."""
    found: dict[str, list[Spot]] = {}
    for spot in spots():
        found.setdefault(spot.city, []).append(spot)
    return {plain(name): _middle(name, near) for name, near in found.items()}


def _middle(name: str, near: list[Spot]) -> Spot:
    inner = [spot for spot in near if spot.kind != "airport"] or near
    lat, lon = (sum(values) / len(inner) for values in ([s.lat for s in inner], [s.lon for s in inner]))
    return Spot(name, name, near[0].country, round(lat, 4), round(lon, 4), "city")


def plain(text: str) -> str:
    """Text without case, width and punctuation."""
    low = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w]+", " ", low).split())


def locate(text: str) -> Spot:
    """Where an address is: at a place it names, else somewhere in the city it names, always at the same point.

    Raises Refusal(422, unknown_place).
    """
    wanted = plain(text)
    for name, spot in _names():
        if _within(name, wanted):
            return spot
    for name, city in cities().items():
        if _within(name, wanted):
            return _somewhere(text, wanted, city)
    home = _data()["home"]
    if any(_within(plain(name), wanted) for name in home["names"]):
        return _somewhere(text, wanted, cities()[plain(home["city"])])
    raise Refusal(422, "unknown_place", "no place of this name is known here")


def _within(name: str, wanted: str) -> bool:
    return name in wanted if not name.isascii() else f" {name} " in f" {wanted} "


def _somewhere(text: str, wanted: str, city: Spot) -> Spot:
    lat, lon = ((draw(wanted, axis, below=2001) - 1000) / 1000 * _SPREAD for axis in ("lat", "lon"))
    return Spot(text[:80], city.city, city.country, round(city.lat + lat, 5), round(city.lon + lon, 5), "address")


def nearest(point: Spot) -> Spot:
    """The place with a name that lies nearest."""
    return min(spots(), key=point.metres_to)


def at(lat: float, lon: float) -> Spot:
    """A point, in the city of the nearest place. Raises Refusal(422, unknown_place) far from all cities known here."""
    point = Spot(f"{lat:.5f},{lon:.5f}", "", "", lat, lon, "point")
    near = nearest(point)
    if point.metres_to(near) > 80_000:  # noqa: PLR2004
        raise Refusal(422, "unknown_place", "no city that is known here is near")
    return Spot(point.name, near.city, near.country, lat, lon, "point")


def search(text: str, limit: int = 10) -> list[Spot]:
    """Places whose names or kind have something of the words, those with more first."""
    words = {word for word in plain(text).split() if len(word) > 1 or not word.isascii()}
    scored = [(_score(words, plain(text), row, spot), spot) for row, spot in zip(_data()["places"], spots(), strict=True)]
    return [spot for score, spot in sorted(scored, key=lambda pair: (-pair[0], pair[1].name)) if score][:limit]


def _score(words: set[str], text: str, row: list[Any], spot: Spot) -> int:
    names = [plain(name) for name in (row[0], *row[6])]
    own = {word for name in names for word in name.split()}
    return 3 * any(_within(name, text) for name in names) + 2 * len(words & own) + len(words & {plain(spot.city), spot.kind})
