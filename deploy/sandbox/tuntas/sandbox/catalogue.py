"""What shops sell and how people call it: products in three languages, their brands, colours and sizes, and the shops of a city."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from tuntas.sandbox.places import Spot, plain
from tuntas.sandbox.values import draw, shelf_currency_of, shelf_price

_OF_A_KILO = {"kg": "1", "g": "0.001", "jin": "0.5", "ons": "0.1", "lb": "0.45359", "oz": "0.02835", "ton": "1000"}
_OF_A_LITRE = {"l": "1", "ml": "0.001"}
_MEASURES = {name: (base, Decimal(part)) for base, parts in (("kg", _OF_A_KILO), ("l", _OF_A_LITRE)) for name, part in parts.items()}
"""Words for weights and volumes, as parts of the one that products name."""

_MOST_MILLI = 1_000_000
_TELLING = 3


@dataclass(frozen=True)
class Brand:
    """Who makes it, and how dear that is in percent."""

    name: str
    names: frozenset[str]
    level: int


@dataclass(frozen=True)
class Product:
    """Something to buy. Those of one ``kind`` may stand in for each other; ``units`` is how much of its unit a word means."""

    number: int
    name: str
    names: frozenset[str]
    kind: str
    cents: int
    units: tuple[tuple[str, Decimal], ...]
    brands: tuple[Brand, ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]

    @property
    def category(self) -> str:
        """What kind of shop sells it."""
        return self.kind.partition("/")[0]

    @property
    def unit(self) -> str:
        """What its price is for."""
        return next(name for name, amount in self.units if amount == 1)

    def milli(self, count: Decimal, unit: str) -> int | None:
        """How many thousandths of its unit that is; None if it is not sold by such a measure. What is not weighed is sold whole."""
        base, part = _MEASURES.get(unit, (unit, Decimal(1)))
        amount = dict(self.units).get(base, None if unit in _MEASURES else Decimal(1))
        if amount is None:
            return None
        amount *= part
        step = 1 if self.unit in _MEASURES else 1000
        found = int((count * amount * 1000 / step).to_integral_value(ROUND_CEILING)) * step
        return found if 0 < found <= _MOST_MILLI else None


@dataclass(frozen=True)
class Coupon:
    """So many percent off the goods, from a least price on, for so many baskets; a ``named`` one only for who names it."""

    code: str
    provider: str
    percent: int
    least: int
    uses: int
    named: bool

    @property
    def stock_key(self) -> str:
        """The pool of its uses."""
        return f"coupon/{self.code}"


@dataclass(frozen=True)
class Shop:
    """A shop in a city. ``terms``: free until the courier has it, a fee of so many percent for a return, or final."""

    number: int
    name: str
    provider: str
    sells: frozenset[str]
    terms: Literal["free", "fee", "final"]
    percent: int
    level: int
    hours: tuple[int, int]
    spot: Spot

    @property
    def currency(self) -> str:
        """What it is paid in."""
        return shelf_currency_of(self.spot.country)

    def price(self, product: Product, brand: Brand) -> int:
        """The price of one unit here, in minor units."""
        level = self.level * brand.level * (97 + draw(self.spot.city, self.number, product.number, below=7))
        return shelf_price(max(1, product.cents * level // 1_000_000), self.currency)


@dataclass(frozen=True)
class Want:
    """What somebody asks for; an empty text means that any will do."""

    name: str
    count: Decimal = Decimal(1)
    unit: str = ""
    brand: str = ""
    colour: str = ""
    size: str = ""


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return tomllib.loads((files("tuntas.sandbox") / "data/shops.toml").read_text(encoding="utf-8"), parse_float=Decimal)


@lru_cache(maxsize=1)
def products() -> tuple[Product, ...]:
    """Everything that is sold anywhere."""
    return tuple(_product(number, row) for number, row in enumerate(_data()["products"]))


def _product(number: int, row: dict[str, Any]) -> Product:
    units = row.get("units", {"piece": 1})
    return Product(
        number=number,
        name=row["names"][0],
        names=frozenset(map(plain, row["names"])),
        kind=row["kind"],
        cents=row["cents"],
        units=tuple((name, Decimal(amount)) for name, amount in units.items()),
        brands=tuple(Brand(name, frozenset(map(plain, (name, *others))), level) for name, level, *others in row["brands"]),
        colours=tuple(row.get("colours", ())),
        sizes=tuple(row.get("sizes", ())),
    )


@lru_cache(maxsize=1)
def coupons() -> dict[str, Coupon]:
    """Every coupon by its code."""
    return {row["code"]: Coupon(**row) for row in _data()["coupons"]}


@lru_cache(maxsize=64)
def shops(middle: Spot) -> tuple[Shop, ...]:
    """The shops of a city whose middle this is."""
    return tuple(_shop(number, row, middle) for number, row in enumerate(_data()["shops"]))


def _shop(number: int, row: dict[str, Any], middle: Spot) -> Shop:
    lat, lon = (
        round(at + (draw(middle.city, "shop", number, axis, below=401) - 200) / 10_000, 5)
        for axis, at in (("lat", middle.lat), ("lon", middle.lon))
    )
    return Shop(
        number=number,
        name=f"{row['name']} {middle.city}",
        provider=row["provider"],
        sells=frozenset(row["sells"]),
        terms=row["terms"],
        percent=row.get("percent", 0),
        level=row["level"],
        hours=tuple(row["hours"]),
        spot=Spot(row["name"], middle.city, middle.country, lat, lon, "shop"),
    )


def named(text: str) -> tuple[Product, ...]:
    """What people mean by a name: what is called exactly so, else the longest name at its end or beginning, else names that hold it."""
    wanted = plain(text)
    if exact := tuple(p for p in products() if wanted in p.names):
        return exact
    heads = [(len(name), p) for p in products() for name in p.names if _heads(name, wanted)]
    if heads:
        longest = max(size for size, _ in heads)
        return tuple(dict.fromkeys(p for size, p in heads if size == longest))
    return tuple(p for p in products() if any(_holds(name, wanted) for name in p.names))


def _heads(name: str, wanted: str) -> bool:
    """Chinese names end with what a thing is, Indonesian ones begin with it, English ones end with it."""
    if not name.isascii():
        return len(name) > 1 and wanted.endswith(name)
    return f"{wanted} ".startswith(f"{name} ") or f" {wanted}".endswith(f" {name}")


def _holds(name: str, wanted: str) -> bool:
    return f" {wanted} " in f" {name} " if wanted.isascii() and len(wanted) >= _TELLING else len(wanted) > 1 and wanted in name


def brands_of(product: Product, wanted: str) -> tuple[Brand, ...]:
    """The product's brands that are meant; all if none is named, or if the name is the product's own (苹果 is a fruit as well)."""
    name = plain(wanted)
    if not name or name in product.names:
        return product.brands
    return tuple(brand for brand in product.brands if any(f" {own} " in f" {name} " or own == name for own in brand.names))


def colours_of(product: Product, wanted: str) -> tuple[str, ...]:
    """The product's colours that are meant; a thing without colours suits any wish."""
    name = plain(wanted)
    return tuple(c for c in product.colours if not name or c in name.split()) if product.colours else ("",)


def size_of(product: Product, wanted: str) -> str | None:
    """The product's size that is meant: 42码 is 42. None if it is not made in it; empty if it has no sizes."""
    if not product.sizes:
        return ""
    said = re.findall(r"[a-z]+|[0-9.]+", plain(wanted))
    return next((size for size in product.sizes if plain(size) in said), None)


def alike(product: Product, others: Iterable[Product]) -> list[Product]:
    """What may stand in for it, the nearest in price first."""
    found = [other for other in others if other.kind == product.kind and other != product]
    return sorted(found, key=lambda other: (abs(other.cents - product.cents), other.number))
