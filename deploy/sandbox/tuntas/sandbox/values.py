"""Small values every part of the world shares: instants, ids, money and repeatable chance."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

_CENTS_TO_MINOR = {"IDR": (16_000, 1), "CNY": (72, 10), "SGD": (135, 100), "GBP": (79, 100), "USD": (1, 1)}
_STEP_MINOR = {"IDR": 100_000, "CNY": 100, "USD": 100}
_SHELF_STEP_MINOR = {"IDR": 10_000, "CNY": 10, "SGD": 5, "GBP": 5, "USD": 5}


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A new id such as ``ord_5f0c...``."""
    return f"{prefix}_{uuid4().hex[:20]}"


def money(amount_minor: int, currency: str) -> dict[str, Any]:
    """An amount in integer minor units (exponent 2 for all of this world) with its ISO 4217 code."""
    return {"amount_minor": amount_minor, "currency": currency}


def currency_of(country: str) -> str:
    """The ISO 4217 code that sellers in ``country`` (ISO 3166 alpha-2) price in here."""
    return {"ID": "IDR", "CN": "CNY"}.get(country, "USD")


def shelf_currency_of(country: str) -> str:
    """The ISO 4217 code that shops in ``country`` (ISO 3166 alpha-2) price in here."""
    return {"SG": "SGD", "GB": "GBP"}.get(country) or currency_of(country)


def sold_in(currency: str) -> bool:
    """Whether prices are written in this currency anywhere here."""
    return currency in _SHELF_STEP_MINOR


def price(us_cents: int, currency: str) -> int:
    """``us_cents`` in minor units of ``currency``, at this world's fixed rates, rounded to a price people would see."""
    return _rounded(us_cents, currency, _STEP_MINOR[currency])


def shelf_price(us_cents: int, currency: str) -> int:
    """``us_cents`` in minor units of ``currency``, as finely as shops write on their shelves."""
    return _rounded(us_cents, currency, _SHELF_STEP_MINOR[currency])


def _rounded(us_cents: int, currency: str, step: int) -> int:
    factor, divisor = _CENTS_TO_MINOR[currency]
    return max(1, round(us_cents * factor / divisor / step)) * step


def draw(*parts: object, below: int) -> int:
    """A number from 0 to ``below`` - 1 that depends on ``parts`` alone: the same in every process and Python version."""
    digest = sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below
