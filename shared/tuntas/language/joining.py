"""Joins each day with the time beside it: one instant, or one stretch of a day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tuntas.language.dates import Day
from tuntas.language.lexicon import Lattice
from tuntas.language.model import Value
from tuntas.language.scan import Found, as_value

GAP = 1  # the most tokens between a day and its time


def local(s: Lattice, day: Day, time: str) -> str:
    """A time of a day as an instant with the offset of the person's zone."""
    moment = datetime.fromisoformat(f"{day.start.isoformat()}T{time}").replace(tzinfo=ZoneInfo(s.tz))
    return moment.isoformat(timespec="minutes")


def together(s: Lattice, day: Found, time: Found) -> Value | None:
    """A day and a time next to each other; None if one of them is a longer stretch."""
    if day.value.end or day.value.grain != "day":
        return None
    first, last = min(day.i, time.i), max(day.j, time.j)
    start, end = (at and local(s, day.value, at) for at in (time.value.start, time.value.end))
    kind = "interval" if time.value.is_interval else "datetime"
    return Value(kind, s.span(first, last), s.slice(first, last), start, "part" if time.value.is_part else "minute", end)


def joined(s: Lattice, found: list[Found]) -> list[Value]:
    """All values, with each day and the time beside it made one."""
    made: list[Value] = []
    k = 0
    while k < len(found):
        pair = found[k : k + 2]
        both = {f.kind for f in pair} == {"date", "time"} and pair[1].i - pair[0].j <= GAP
        whole = together(s, *sorted(pair, key=lambda f: f.kind)) if both else None
        made.append(whole or as_value(s, found[k]))
        k += 2 if whole else 1
    return made
