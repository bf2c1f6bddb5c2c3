"""Finds every typed value in a text: at each place the longest reading wins, and the scan goes on behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tuntas.language.amounts import Money, money
from tuntas.language.clock import Clock, clocks, day_parts, moved, tonight_at
from tuntas.language.dates import Day, days
from tuntas.language.durations import Duration, durations, instants, nows
from tuntas.language.grammar import Rule, word
from tuntas.language.lexicon import Lattice
from tuntas.language.model import Value
from tuntas.language.numerals import Number, account
from tuntas.language.people import Counted, People, Quantity, choices, people, quantities, rooms, stars
from tuntas.language.rationals import fraction, number, ordinals, signed

# In this order readings of the same length win: "5 Dec" is a date before it is a number.
KINDS: tuple[tuple[str, Rule], ...] = (
    ("filler", word("filler")),
    ("day_part", tonight_at),
    ("day_part", day_parts),
    ("date", days),
    ("instant", instants),
    ("rooms", rooms),
    ("stars", stars),
    ("choice", choices),
    ("account", account),
    ("money", money),
    ("people", people),
    ("duration", durations),
    ("time", clocks),
    ("quantity", quantities),
    ("number", number),
)


# Read only where values are all that is asked for: in a sentence *now* and *first* are more often part of something else.
MORE_KINDS: tuple[tuple[str, Rule], ...] = (
    *KINDS,
    ("instant", nows),
    ("number", signed),
    ("number", fraction),
    ("number", ordinals),
)


NEAR = 3  # the most tokens from a time to the part of the day that it belongs to


@dataclass(frozen=True)
class Found:
    """A value between two tokens."""

    kind: str
    i: int
    j: int
    value: Any


def read_at(s: Lattice, i: int, kinds: tuple[tuple[str, Rule], ...]) -> tuple[str, Any, int] | None:
    """The longest value at a token."""
    best: tuple[str, Any, int] | None = None
    for kind, rule in kinds:
        for value, j in rule(s, i):
            if best is None or j > best[2]:
                best = (kind, value, j)
    return best


def parts_of(kind: str, value: Any) -> list[tuple[str, Any]]:
    """What a reading gives: a day with its part of the day gives both, a filler (一下 is no number) nothing."""
    if kind == "day_part":
        return [("date", value[0]), ("time", value[1])]
    if kind == "instant":
        return [("date", Day(value.date())), ("time", Clock(f"{value:%H:%M}"))]
    return [] if kind == "filler" else [(kind, value)]


def find(s: Lattice, kinds: tuple[tuple[str, Rule], ...] = KINDS) -> list[Found]:
    """Every value of a text, in order and without overlap."""
    found: list[Found] = []
    i = 0
    while i < len(s.tokens):
        read = read_at(s, i, kinds)
        if read is None:
            i += 1
            continue
        kind, value, j = read
        found.extend(Found(k, i, j, v) for k, v in parts_of(kind, value))
        i = j
    return settled(found)


def settled(found: list[Found]) -> list[Found]:
    """A vague time takes the part of the day that the day behind it is said with: *at 8 tomorrow evening*."""
    made = list(found)
    for time, day, part in zip(found, found[1:], found[2:], strict=False):
        if (time.kind, day.kind, part.kind) != ("time", "date", "time") or part.i - time.j > NEAR:
            continue
        if time.value.vague and not time.value.is_interval and part.value.is_part:
            told = replace(time.value, start=moved(time.value.start, part.value.part), vague=False)
            made = [replace(f, value=told) if f is time else f for f in made if f is not part]
    return made


def date_json(day: Day) -> Any:
    """A day as `2026-12-01`, an interval as start, end and grain."""
    if day.end is None:
        return day.start.isoformat()
    return {"start": day.start.isoformat(), "end": day.end.isoformat(), "grain": day.grain}


def time_json(clock: Clock) -> Any:
    """A time as `19:30`, an interval as start and end, either open."""
    return {"start": clock.start, "end": clock.end} if clock.is_interval else clock.start


def money_json(m: Money) -> dict[str, Any]:
    """Minor units and currency; of a range the upper end."""
    return {"amount_minor": m.amount_minor if m.until is None else m.until, "currency": m.currency}


def people_json(who: People) -> dict[str, int]:
    """How many adults and children."""
    return {"adults": who.adults, "children": who.children}


def plain(value: Decimal) -> int | float:
    """A whole number as such."""
    return int(value) if value == value.to_integral_value() else float(value)


def quantity_json(q: Quantity) -> dict[str, Any]:
    """How many, and of what unit if one is named."""
    return {"count": plain(q.count), "unit": q.unit}


def number_json(n: Number) -> int | float:
    """A whole number as such."""
    return plain(n.value)


DESCRIBE: dict[type, Callable[[Any], dict[str, Any]]] = {
    Day: lambda v: {
        "kind": "interval" if v.end and v.grain == "day" else "date",
        "value": v.start.isoformat(),
        "end": v.end and v.end.isoformat(),
        "grain": v.grain,
    },
    Clock: lambda v: {
        "kind": "interval" if v.is_interval and not v.is_part else "time",
        "value": v.start,
        "end": v.end,
        "grain": "part" if v.is_part else "minute",
    },
    Money: lambda v: {"kind": "money", "value": v.amount_minor, "end": v.until, "unit": v.currency},
    Duration: lambda v: {"kind": "duration", "value": v.count, "unit": v.unit},
    People: lambda v: {"kind": "people", "value": people_json(v)},
    Quantity: lambda v: {"kind": "quantity", "value": plain(v.count), "unit": v.unit},
    Counted: lambda v: {"kind": "number", "value": v.count},
    Number: lambda v: {"kind": "number", "value": number_json(v)},
    str: lambda v: {"kind": "number", "value": int(v), "unit": "account"},
}


def as_value(s: Lattice, found: Found) -> Value:
    """A found value as the parser's public one."""
    unit = {"rooms": "room", "stars": "star", "choice": "choice"}.get(found.kind)
    fields = DESCRIBE[type(found.value)](found.value)
    return Value(span=s.span(found.i, found.j), text=s.slice(found.i, found.j), **({"unit": unit} if unit else {}), **fields)
