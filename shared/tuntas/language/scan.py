"""Finds every typed value in a text: at each place the longest reading wins, and the scan goes on behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tuntas.language.amounts import Money, money
from tuntas.language.clock import Clock, Duration, clocks, day_parts, durations, tonight_at
from tuntas.language.dates import Day, days
from tuntas.language.grammar import Rule, word
from tuntas.language.lexicon import Lattice
from tuntas.language.model import Value
from tuntas.language.numerals import Number, account, number
from tuntas.language.people import Counted, People, Quantity, choices, people, quantities, rooms, stars

# In this order readings of the same length win: "5 Dec" is a date before it is a number.
KINDS: tuple[tuple[str, Rule], ...] = (
    ("filler", word("filler")),
    ("day_part", tonight_at),
    ("day_part", day_parts),
    ("date", days),
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


@dataclass(frozen=True)
class Found:
    """A value between two tokens."""

    kind: str
    i: int
    j: int
    value: Any


def read_at(s: Lattice, i: int) -> tuple[str, Any, int] | None:
    """The longest value at a token."""
    best: tuple[str, Any, int] | None = None
    for kind, rule in KINDS:
        for value, j in rule(s, i):
            if best is None or j > best[2]:
                best = (kind, value, j)
    return best


def parts_of(kind: str, value: Any) -> list[tuple[str, Any]]:
    """What a reading gives: a day with its part of the day gives both, a filler (一下 is no number) nothing."""
    if kind == "day_part":
        return [("date", value[0]), ("time", value[1])]
    return [] if kind == "filler" else [(kind, value)]


def find(s: Lattice) -> list[Found]:
    """Every value of a text, in order and without overlap."""
    found: list[Found] = []
    i = 0
    while i < len(s.tokens):
        read = read_at(s, i)
        if read is None:
            i += 1
            continue
        kind, value, j = read
        found.extend(Found(k, i, j, v) for k, v in parts_of(kind, value))
        i = j
    return found


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
    Day: lambda v: {"kind": "date", "value": v.start.isoformat(), "end": v.end and v.end.isoformat(), "grain": v.grain},
    Clock: lambda v: {"kind": "time", "value": v.start, "end": v.end, "grain": "part" if v.is_part else "minute"},
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


def instant(s: Lattice, day: Found, time: Found) -> Value | None:
    """A day and a time next to each other as one instant in the person's zone."""
    if day.value.end or time.value.is_interval or day.value.grain != "day":
        return None
    first, last = min(day.i, time.i), max(day.j, time.j)
    local = datetime.fromisoformat(f"{day.value.start.isoformat()}T{time.value.start}").replace(tzinfo=ZoneInfo(s.tz))
    return Value("datetime", s.span(first, last), s.slice(first, last), local.isoformat(timespec="minutes"), "minute")


def join_instants(s: Lattice, found: list[Found]) -> list[Value]:
    """All values, with each day and the exact time beside it made one."""
    made: list[Value] = []
    k = 0
    while k < len(found):
        pair = found[k : k + 2]
        if {f.kind for f in pair} == {"date", "time"} and pair[1].i - pair[0].j <= 1:
            day, time = sorted(pair, key=lambda f: f.kind)
            if (joined := instant(s, day, time)) is not None:
                made.append(joined)
                k += 2
                continue
        made.append(as_value(s, found[k]))
        k += 1
    return made
