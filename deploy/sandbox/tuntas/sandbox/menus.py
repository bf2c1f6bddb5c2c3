"""Restaurants and what they cook, near every place that is known: the same ones in every process."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tuntas.sandbox.places import Spot, plain
from tuntas.sandbox.values import currency_of, draw, price

_PER_CITY = 8


@dataclass(frozen=True)
class Dish:
    """Something to order; `names` are what people call it, in plain text."""

    name: str
    names: frozenset[str]
    us_cents: int


@dataclass(frozen=True)
class Kitchen:
    """A restaurant with its cuisine and menu; `provider` brings what it cooks."""

    number: int
    name: str
    cuisine: str
    cuisines: frozenset[str]
    provider: str
    city: str
    country: str
    lat: float
    lon: float
    dishes: tuple[Dish, ...]

    @property
    def cooks(self) -> bool:
        """Whether it is a restaurant, and not a small shop."""
        return self.number < _PER_CITY

    @property
    def currency(self) -> str:
        """What it is paid in."""
        return currency_of(self.country)

    def price(self, dish: Dish) -> int:
        """A dish's price here, in minor units."""
        return price(dish.us_cents * (90 + draw(self.city, self.number, dish.name, below=25)) // 100, self.currency)


@lru_cache(maxsize=1)
def _data() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((files("tuntas.sandbox") / "data/menus.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def kitchens(city: str, country: str, lat: float, lon: float) -> tuple[Kitchen, ...]:
    """The restaurants of a city whose middle this is, and after them its small shops."""
    rows = _data()["kitchens"]
    cooking = [rows[(n + draw(city, below=len(rows))) % len(rows)] for n in range(_PER_CITY)]
    return tuple(_kitchen(n, row, city, country, lat, lon) for n, row in enumerate([*cooking, *_data()["grocers"]]))


def _kitchen(number: int, row: dict[str, Any], city: str, country: str, lat: float, lon: float) -> Kitchen:
    shift = [(draw(city, number, axis, below=401) - 200) / 10_000 for axis in ("lat", "lon")]
    dishes = tuple(Dish(name, frozenset(map(plain, (name, *others))), cents) for name, cents, others in row["dishes"])
    return Kitchen(
        number=number,
        name=f"{row['name']} {city}",
        cuisine=row["cuisine"][0],
        cuisines=frozenset(map(plain, row["cuisine"])),
        provider="larik-kilat" if number % 2 == 0 else "sate-dash",
        city=city,
        country=country,
        lat=round(lat + shift[0], 5),
        lon=round(lon + shift[1], 5),
        dishes=dishes,
    )


def near(spot: Spot, middle: Spot) -> tuple[Kitchen, ...]:
    """The restaurants of a spot's city, the nearest first."""
    found = kitchens(middle.city, middle.country, middle.lat, middle.lon)
    return tuple(sorted(found, key=lambda k: spot.metres_to(Spot(k.name, k.city, k.country, k.lat, k.lon, "restaurant"))))
