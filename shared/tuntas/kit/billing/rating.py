"""Price plans, and what a month's quantity costs under one: integers in, minor units out, rounded once. Pure.

An amount is always a difference of two totals: what is added up piece by piece is to the last minor unit what is rated at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from tuntas.contracts.money import Currency, exponent
from tuntas.kit.forms import Form

BASE, COMPLETED, COMPENSATED, ANSWERED = "base.month", "task.completed", "task.compensated", "task.answered"
FEE, MOVED = "fee.kept", "amount.moved"
CALL, INPUT, CACHED, OUTPUT = "engine.call", "engine.input", "engine.cached", "engine.output"
CHARGE, REFERENCE = "engine.charge", "engine.reference"
PRICED = frozenset({BASE, COMPLETED, CHARGE})
"""The meters that a plan has a price for; the others are counted and shown."""

MICRO = 6
"""Decimal places of an amount in millionths of a currency's unit, as engines charge and as the ledger counts."""

DEAREST = 10**12
"""No unit and no month may cost more minor units: what is owed has to fit the ledger in millionths."""

_WHOLE = 10_000
"""A hundred per cent in basis points."""


class Tier(Form):
    """A price per unit, in minor units, for the units of a month up to a number; the last tier has no end."""

    up_to: int | None = Field(default=None, gt=0)
    price: int = Field(ge=0, le=DEAREST)


class Graduated(Form):
    """Prices of the units of a month, counted from 1: those `included` are free, each other costs what its own tier says."""

    included: int = Field(default=0, ge=0)
    tiers: tuple[Tier, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        ends = [self.included, *(tier.up_to for tier in self.tiers[:-1])]
        if self.tiers[-1].up_to is not None or None in ends:
            raise ValueError("the last tier, and no other, has no up_to")
        if any(a >= b for a, b in pairwise(end for end in ends if end is not None)):
            raise ValueError("up_to has to rise, from above the included units")
        return self


class Plan(Form):
    """A dated row of a price plan. It holds for whole months, from that of `valid_from` until the plan's next row.

    `base` is owed for each month in which anything is used. `engine_margin_bp` is put on top of what engines charge, in basis points.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    plan: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    valid_from: date
    currency: Currency
    base: int = Field(default=0, ge=0, le=DEAREST)
    completed: Graduated
    engine_margin_bp: int = Field(default=0, ge=0, le=10 * _WHOLE)

    @model_validator(mode="after")
    def _whole_months(self) -> Self:
        if self.valid_from.day != 1:
            raise ValueError("valid_from has to be the first of a month")
        return self


@dataclass(frozen=True, slots=True)
class Key:
    """What is added up to one total: a meter, and of whom, of what and in which currency it counts."""

    meter: str
    party: str = ""
    item: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """The units from `first` to `last` of a month, and their price each."""

    first: int
    last: int | None
    price: int

    def units(self, count: int) -> int:
        """Return how many of a month's units lie in it."""
        return max(0, min(count, self.last or count) - self.first + 1)


def bands(graduated: Graduated) -> Iterator[Band]:
    """Yield the bands of a graduated price, the included units first."""
    first = 1
    if graduated.included:
        yield Band(first, graduated.included, 0)
        first += graduated.included
    for tier in graduated.tiers:
        yield Band(first, tier.up_to, tier.price)
        first = (tier.up_to or first) + 1


def half_even(numerator: int, denominator: int) -> int:
    """Return the nearest integer of a fraction, the even one of two that are as near."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def currency_of(plan: Plan, key: Key) -> str:
    """Return the currency that a total is owed in: an engine's own, else the plan's; nothing is exchanged."""
    return key.currency if key.meter == CHARGE else plan.currency


def price(plan: Plan, key: Key, quantity: int) -> int:
    """Return what a month's quantity costs, in minor units of `currency_of`. Only an engine's charge is rounded, half to even."""
    if key.meter == BASE:
        return plan.base * quantity
    if key.meter == COMPLETED:
        return sum(band.units(quantity) * band.price for band in bands(plan.completed))
    if key.meter == CHARGE:
        return half_even(quantity * (_WHOLE + plan.engine_margin_bp), _WHOLE * micro(1, key.currency))
    return 0


def micro(minor: int, currency: str) -> int:
    """Return minor units as millionths of the unit."""
    return int(minor * 10 ** (MICRO - exponent(currency)))
