"""Days with a name: fixed ones, the n-th weekday of a month, and those a table has for every year."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta
from functools import cache

from tuntas.language.lexicon import load_table

LAST = -1
YEARS_AHEAD = 9
KEY = re.compile(r"(?P<base>.+?)(?P<days>[+-][0-9]+)?")
FIXED = re.compile(r"([0-9]+)/([0-9]+)")
NTH = re.compile(r"([0-9]+):([0-9]):([0-9]|last)")


@cache
def moving() -> dict[str, dict[int, date]]:
    """The days of the table by name and year; the first of two in one year."""
    return {
        name: {d.year: d for d in reversed([date.fromisoformat(row) for row in rows])} for name, rows in load_table("holidays.toml").items()
    }


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date | None:
    """The n-th Monday (0) to Sunday (6) of a month, counted from its end if negative; None if it has none."""
    days = calendar.monthrange(year, month)[1]
    found = [date(year, month, d) for d in range(1, days + 1) if date(year, month, d).weekday() == weekday]
    index = nth - 1 if nth > 0 else nth
    return found[index] if -len(found) <= index < len(found) else None


def in_year(base: str, year: int) -> date | None:
    """A day without its shift: `12/25`, `11:3:4` (the fourth Thursday of November) or a name of the table."""
    if fixed := FIXED.fullmatch(base):
        return date(year, int(fixed[1]), int(fixed[2]))
    if nth := NTH.fullmatch(base):
        return nth_weekday(year, int(nth[1]), int(nth[2]), LAST if nth[3] == "last" else int(nth[3]))
    return moving()[base].get(year)


def holiday_in(key: str, year: int) -> date | None:
    """The day of a lexicon key in a year; `easter-2` is two days before Easter. None where the table ends."""
    parts = KEY.fullmatch(key)
    found = in_year(parts["base"], year) if parts else None
    return found + timedelta(days=int(parts["days"] or 0)) if parts and found else None


def next_holiday(key: str, today: date) -> date | None:
    """The next such day from today on."""
    found = (holiday_in(key, year) for year in range(today.year, today.year + YEARS_AHEAD))
    return next((d for d in found if d and d >= today), None)
