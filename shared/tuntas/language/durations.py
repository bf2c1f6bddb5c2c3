"""How long: numbers of units, halves of them, several added up; and moments counted in hours and minutes from now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tuntas.language.grammar import Rule, alt, memo, opt, seq, tight, word
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import Number, integer
from tuntas.language.rationals import number

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
MONTHS = {"month": 1, "year": 12, "decade": 120}
SMALLER = {"decade": ("year", 10), "year": ("month", 12), "month": ("day", 30), "fortnight": ("day", 14),
           "week": ("day", 7), "day": ("hour", 24), "hour": ("minute", 60), "minute": ("second", 60)}  # fmt: skip
LONGEST = 1000  # more years than that are a date


@dataclass(frozen=True)
class Duration:
    """A number of units: `night`, `day`, `week`, `month`, `year`, `hour`, `minute` or `second`."""

    count: int
    unit: str


def lasting(count: Decimal, unit: str) -> Duration | None:
    """So many units; a part of one is counted in the next smaller unit, half a night is none."""
    if unit == "fortnight":
        count, unit = count * 14, "day"
    while count != count.to_integral_value():
        if unit not in SMALLER:
            return None
        unit, times = SMALLER[unit]
        count *= times
    return Duration(int(count), unit) if count > 0 else None


def of(_s: Lattice, count: Any, unit: str) -> Duration | None:
    """A count in any form and a unit."""
    value = count.value if isinstance(count, Number) else Decimal(str(count))
    return lasting(value, unit) if value <= LONGEST else None


def and_half(_s: Lattice, count: Any, unit: str) -> Duration | None:
    """Half a unit more: *an hour and a half*, *dua jam setengah*, 一年半."""
    value = count.value if isinstance(count, Number) else Decimal(str(count))
    return lasting(value + Decimal("0.5"), unit) if value <= LONGEST else None


def piece_of(_s: Lattice, text: str) -> Duration:
    """A word with number and unit in it, as the lexicon writes them: 一刻钟."""
    count, unit = text.split()
    return Duration(int(count), unit)


def added(_s: Lattice, first: Duration, _and: Any, second: Duration) -> Duration | None:
    """Two lengths of different units as one in the smaller unit; days and nights stay two."""
    for sizes in (SECONDS, MONTHS):
        if first.unit in sizes and second.unit in sizes and sizes[first.unit] > sizes[second.unit]:
            times = sizes[first.unit] // sizes[second.unit]
            return Duration(first.count * times + second.count, second.unit)
    return None


_count = alt(number, word("a"), word("couple"))
_unit = word("unit")
_half_after = alt(word("and_half"), word("half_after"))
_one: Rule = alt(
    seq(lambda s, n, _m, u: of(s, n, u), _count, opt(word("measure")), _unit),
    seq(of, integer(1, 99), tight(word("tight_unit"))),
    seq(lambda s, u: of(s, 1, u), word("one_unit")),
    seq(piece_of, word("one_piece")),
    seq(of, word("half_unit"), alt(_unit, word("bare_unit"))),
    seq(lambda s, n, u, _h: and_half(s, n, u), _count, _unit, _half_after),
    seq(lambda s, u, _h: and_half(s, 1, u), word("one_unit"), _half_after),
    seq(lambda s, n, _h, u: and_half(s, n, u), _count, word("half_count"), alt(word("bare_unit"), _unit)),
)
_more: Rule = alt(_one, seq(of, integer(1, 59), tight(word("small_unit"))))
_two: Rule = seq(added, _one, opt(alt(word("and_people"), word("range_and"))), _more)
durations: Rule = memo("durations", alt(_one, _two, seq(added, _two, opt(alt(word("and_people"), word("range_and"))), _more)))


def seconds(length: Duration) -> int | None:
    """How many seconds a length of hours or less has; None of a longer unit."""
    return length.count * SECONDS[length.unit] if length.unit in {"second", "minute", "hour"} else None


def in_time(s: Lattice, length: Duration, sign: int = 1) -> datetime | None:
    """The moment so many hours, minutes or seconds from now on the person's clock."""
    away = seconds(length)
    return None if away is None else (s.now.astimezone(UTC) + timedelta(seconds=sign * away)).astimezone(s.now.tzinfo)


instants: Rule = alt(
    seq(lambda s, _i, d: in_time(s, d), word("in_future"), durations),
    seq(lambda s, d, _l: in_time(s, d), durations, alt(word("from_now"), word("later"))),
    seq(lambda s, _p, d: in_time(s, d), word("pass"), durations),
    seq(lambda s, d, _a: in_time(s, d, -1), durations, word("ago")),
)
nows: Rule = seq(lambda s, _w: s.now, word("now"))
