"""Dates and date ranges in three languages.

Choices, where people disagree: weeks begin on Monday; a weekday alone is the next one after today, *this* Friday may be today; *next*
Friday, *Jumat depan* and 下周五 are the Friday of next week; a day of the month or a date without a year is the next one from today on;
the start, middle and end of a month are days 1-10, 11-20 and 25 to the last. `12/17` and `17/12` explain themselves; `5/6` is month first
in Chinese and in English in American time zones, else day first.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from tuntas.language.grammar import Parsed, Rule, alt, memo, opt, provided, seq, sign, tight, unless, word
from tuntas.language.holidays import holiday_in, next_holiday, nth_weekday
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import integer

WEEK = 7
MONTHS = 12
CENTURY = 2000


@dataclass(frozen=True)
class Day:
    """A day, or the interval up to and including `end`; `grain` is `day`, `week`, `weekend`, `month` or `part`.

    `floats` says that the day comes again each `week` or each `month`, and that the nearest one was taken.
    """

    start: date
    end: date | None = None
    grain: str = "day"
    floats: str | None = None


def safe(year: int, month: int, day: int) -> date | None:
    """The date, if the calendar has it."""
    if not (1 <= year <= 9999 and 1 <= month <= MONTHS):  # noqa: PLR2004
        return None
    return date(year, month, day) if 1 <= day <= calendar.monthrange(year, month)[1] else None


def today(s: Lattice) -> date:
    """The day it is for the person."""
    return s.now.date()


def plus_months(day: date, months: int) -> tuple[int, int]:
    """Year and month so many months after a day's."""
    index = day.year * MONTHS + day.month - 1 + months
    return index // MONTHS, index % MONTHS + 1


def shift(day: date, amount: int, unit: str) -> date | None:
    """A day so many days, nights, weeks, months or years later; the last of a month stays inside it."""
    if unit in {"month", "year"}:
        year, month = plus_months(day, amount * (MONTHS if unit == "year" else 1))
        last = calendar.monthrange(year, month)[1] if year <= 9999 else 0  # noqa: PLR2004
        return safe(year, month, min(day.day, last))
    days = amount * {"day": 1, "night": 1, "week": WEEK}.get(unit, 0)
    return day + timedelta(days=days) if days else None


def on(day: date | None) -> Day | None:
    """A single day, if there is one."""
    return Day(day) if day else None


def coming(s: Lattice, month: int, day: int) -> Day | None:
    """The next such date from today on; a leap day may be years away."""
    years = range(today(s).year, today(s).year + 9)
    found = (safe(year, month, day) for year in years)
    return on(next((d for d in found if d and d >= today(s)), None))


def dated(s: Lattice, month: int, day: int, year: int | None) -> Day | None:
    """A date with or without a year; two digits mean this century."""
    if year is None:
        return coming(s, month, day)
    return on(safe(year + CENTURY if year < 100 else year, month, day))  # noqa: PLR2004


def day_of_month(s: Lattice, day: int) -> Day | None:
    """The next day with this number in its month."""
    for ahead in range(3):
        year, month = plus_months(today(s), ahead)
        found = safe(year, month, day)
        if found and found >= today(s):
            return Day(found, floats="month")
    return None


def weekday(s: Lattice, number: int, weeks: int | None = None) -> Day:
    """A weekday: the next one, or that of this week or of a later one; one of this week that is over is the next one."""
    monday = today(s) - timedelta(days=today(s).weekday())
    if weeks is None:
        return Day(today(s) + timedelta(days=(number - today(s).weekday() - 1) % WEEK + 1), floats="week")
    found = monday + timedelta(days=number + WEEK * weeks)
    if weeks < 0:
        return Day(found)
    return Day(found if found >= today(s) else found + timedelta(days=WEEK), floats="week")


def after(day: Day, first: date) -> date:
    """A day that comes again, moved on until it lies after another; any other day as it is."""
    found = day.start
    if day.floats == "week" and found <= first:
        found += timedelta(days=WEEK * ((first - found).days // WEEK + 1))
    months = 0
    while day.floats == "month" and found <= first:
        months += 1
        year, month = plus_months(first, months - 1)
        found = safe(year, month, day.start.day) or found
    return found


def week(s: Lattice, offset: int) -> Day:
    """A whole week from Monday to Sunday; of this one what is left."""
    monday = today(s) - timedelta(days=today(s).weekday()) + timedelta(days=WEEK * offset)
    return Day(monday if offset < 0 else max(monday, today(s)), monday + timedelta(days=6), "week")


def weekend(s: Lattice, offset: int) -> Day:
    """Saturday and Sunday of a week; of this one what is left."""
    saturday = today(s) - timedelta(days=today(s).weekday()) + timedelta(days=5 + WEEK * offset)
    return Day(saturday if offset < 0 else max(saturday, today(s)), saturday + timedelta(days=1), "weekend")


def month_span(s: Lattice, year: int, month: int, part: str | None = None) -> Day | None:
    """A month or a part of it; of the present one what is left."""
    if not safe(year, month, 1):
        return None
    last = calendar.monthrange(year, month)[1]
    first_day, last_day = {"start": (1, 10), "middle": (11, 20), "end": (25, last)}.get(part or "", (1, last))
    start, end = date(year, month, first_day), date(year, month, last_day)
    return Day(start if end < today(s) else max(start, today(s)), end, "part" if part else "month")


def relative_month(s: Lattice, offset: int, part: str | None = None) -> Day | None:
    """A month counted from the present one."""
    return month_span(s, *plus_months(today(s), offset), part)


def named_month(s: Lattice, month: int, part: str | None = None, year: int | None = None) -> Day | None:
    """The next such month that is not over."""
    return month_span(s, year or today(s).year + (month < today(s).month), month, part)


def ordered(s: Lattice, first: int, second: int, year: int | None) -> Day | None:
    """Two numbers as day and month, in the order that makes a date, or the one usual where the person is."""
    month_first = s.lang == "zh" or (s.lang == "en" and s.tz.startswith(("America/", "US/")))
    pairs = [(first, second), (second, first)] if month_first else [(second, first), (first, second)]
    return next((found for month, day in pairs if (found := dated(s, month, day, year))), None)


def holiday(s: Lattice, name: str, year: int | None = None) -> Day | None:
    """A day with a name; the next one if no year is said."""
    return on(holiday_in(name, year) if year else next_holiday(name, today(s)))


def year_span(s: Lattice, year: int, part: str | None = None) -> Day | None:
    """A year, its first or its last week; of the present one what is left."""
    if year not in range(1, 9999):
        return None
    last = date(year, MONTHS, 31)
    start, end = {"start": (date(year, 1, 1), date(year, 1, 10)), "end": (date(year, MONTHS, 25), last)}.get(
        part or "", (date(year, 1, 1), last)
    )
    return Day(start if end < today(s) else max(start, today(s)), end, "part" if part else "year")


def nth_in_month(_s: Lattice, nth: int, number: int, month: tuple[int, int]) -> Day | None:
    """*The first Monday of December*."""
    return on(nth_weekday(*month, number, nth))


def nth_week(_s: Lattice, nth: int, _w: Any, _of: Any, month: tuple[int, int]) -> Day | None:
    """*The first week of December*: days 1 to 7, and so on; the last one are the last seven days."""
    last = calendar.monthrange(*month)[1] if month[0] <= 9999 else 0  # noqa: PLR2004
    first = last - 6 if nth < 0 else WEEK * (nth - 1) + 1
    start = safe(*month, first)
    return Day(start, date(*month, min(first + 6, last)), "week") if start else None


def counted_from(_s: Lattice, amount: tuple[int, str], _from: Any, day: Day) -> Day | None:
    """*Two weeks from Friday*; *two nights from Friday* begin then."""
    return None if amount[1] == "night" else on(shift(day.start, *amount))


def earlier(s: Lattice, amount: tuple[int, str]) -> Day | None:
    """A day some time before today."""
    return on(shift(today(s), -amount[0], amount[1]))


def noun(s: Lattice, i: int) -> Parsed:
    """A word that an ordinal counts: *the first train*, *the 3rd floor* are no days."""
    is_noun = i < len(s.tokens) and s.tokens[i].is_word and not s.tokens[i].is_han
    kinds = ("stop", "connector", "until", "part", "month_name", "weekday", "trip", "clock_cue", "return_cue", "people_cue")
    return [] if not is_noun or any(s.by(i, kind) for kind in kinds) else [(True, i)]


_followed: Rule = alt(
    *map(word, ("unit", "person", "room", "currency", "hour_mark", "ampm", "scale", "month_mark", "star")), tight(sign(":"))
)
_dom = integer(1, 31)
_bare_dom = unless(_dom, _followed)
_suffixed = seq(lambda _s, n, _x: n, _dom, tight(word("ordinal_suffix")))
_marked = seq(lambda _s, n, _x: n, _dom, word("day_mark"))
_day_number = alt(_suffixed, word("ordinal"), unless(_dom, alt(word("person"), word("room"), word("currency"), tight(sign(":")))))
_year_digits = alt(integer(1900, 2999))
_year = opt(
    alt(
        seq(lambda _s, _c, _w, y: y, opt(sign(",")), opt(word("year_cue")), _year_digits),
        seq(lambda s, o: today(s).year + o, word("year_rel")),
    )
)
_month = word("month_name")
_rel_year = seq(lambda s, offset: today(s).year + offset, word("year_rel"))
_zh_month = seq(lambda _s, n, _m: n, integer(1, 12), word("month_mark"))
_zh_year = opt(seq(lambda _s, y, _m: y, alt(integer(1900, 2999), integer(20, 99)), word("year_mark")))
_the, _of = opt(word("the")), opt(word("of"))
_slash, _dash, _dot = tight(sign("/")), tight(sign("-")), tight(sign("."))


def written(*lengths: int) -> Rule:
    """One run of so many digits, right after what stands before it: a group of a longer number is no month."""

    def run(s: Lattice, i: int) -> Parsed:
        fits = s.is_adjacent(i) and s.tokens[i].is_digits and len(s.tokens[i].norm) in lengths
        return [(int(s.tokens[i].norm), i + 1)] if fits else []

    return run


_tight_number, _tight_year = written(1, 2), written(2, 4)


def numeric(mark: Rule) -> Rule:
    """Day, month and year in digits with one mark between them, the year last or first."""
    return alt(
        seq(lambda s, a, _m, b, _n, y: ordered(s, a, b, y), integer(1, 31), mark, _tight_number, mark, _tight_year),
        seq(lambda _s, y, _m, m, _n, d: on(safe(y, m, d)), integer(1900, 2999), mark, _tight_number, mark, _tight_number),
    )


absolute: Rule = memo(
    "absolute",
    alt(
        seq(lambda s, _t, d, _o, m, y: dated(s, m, d, y), _the, _day_number, _of, _month, _year),
        seq(lambda s, m, _t, d, y: dated(s, m, d, y), _month, _the, _day_number, _year),
        seq(lambda s, _c, d, m, y: dated(s, m, d, y), word("dom_cue"), _dom, _month, _year),
        seq(lambda s, y, m, d, _x: dated(s, m, d, y), _zh_year, _zh_month, _dom, word("day_mark")),
        seq(lambda s, y, m, d: dated(s, m, d, y), _zh_year, _zh_month, _bare_dom),
        seq(lambda s, y, m, d, _x: dated(s, m, d, y), _rel_year, _zh_month, _dom, word("day_mark")),
        seq(lambda s, y, h: holiday(s, h, y), alt(_rel_year, _zh_year), word("holiday")),
        seq(holiday, word("holiday"), _rel_year),
        seq(lambda _s, _c, day: day, opt(word("dom_cue")), alt(numeric(_slash), numeric(_dash), numeric(_dot))),
        seq(lambda s, _c, a, _m, b: ordered(s, a, b, None), opt(word("dom_cue")), integer(1, 31), _slash, _tight_number),
        seq(holiday, unless(word("holiday"), word("road_word")), opt(_year_digits)),
    ),
)
_dom_alone: Rule = alt(
    seq(lambda s, _t, d: day_of_month(s, d), alt(word("the"), word("clock_cue")), unless(alt(_suffixed, word("ordinal")), noun)),
    seq(day_of_month, alt(unless(_suffixed, noun), _marked)),
    seq(lambda s, _c, d: day_of_month(s, d), word("dom_cue"), _dom),
)


def in_month(s: Lattice, offset: int, day: int) -> Day | None:
    """A numbered day of a month counted from the present one."""
    return on(safe(*plus_months(today(s), offset), day))


_number_in_month = alt(_suffixed, _marked, word("ordinal"), seq(lambda _s, _c, d: d, word("dom_cue"), _dom))
_month_day: Rule = alt(
    seq(lambda s, m, _c, d: in_month(s, m, d), word("month_rel"), opt(sign(",")), _number_in_month),
    seq(lambda s, _t, d, _o, m: in_month(s, m, d), _the, _number_in_month, _of, word("month_rel")),
)
_amount_of_time = alt(
    seq(lambda _s, n, _m, u: (n, u), alt(integer(0, 999), word("a")), opt(word("measure")), word("unit")),
    seq(lambda _s, u: (1, u), word("one_unit")),
)


def later(s: Lattice, amount: tuple[int, str]) -> Day | None:
    """A day some time from today."""
    return on(shift(today(s), *amount))


_ahead: Rule = alt(
    seq(lambda s, _c, n: later(s, n), word("in_future"), _amount_of_time),
    seq(lambda s, n, _c: later(s, n), _amount_of_time, alt(word("from_now"), word("later"))),
    seq(lambda s, _p, n: later(s, n), word("pass"), _amount_of_time),
    seq(lambda s, _c, n, _l: later(s, n), word("in_future"), _amount_of_time, word("from_now")),
    seq(lambda s, n, _a: earlier(s, n), _amount_of_time, word("ago")),
)
_year_of = alt(_year_digits, _rel_year)
_month_of_year = alt(
    seq(lambda s, m, y: (y or today(s).year + (m < today(s).month), m), _month, _year),
    seq(lambda s, m: plus_months(today(s), m), word("month_rel")),
    seq(lambda s, m: (today(s).year + (m < today(s).month), m), _zh_month),
)
_nth: Rule = alt(
    seq(
        lambda s, _t, n, w, o, m: nth_week(s, n, w, o, m),
        _the,
        alt(word("ordinal"), word("last_of"), _suffixed),
        word("unit"),
        _of,
        _month_of_year,
    ),
    seq(lambda s, w, n, m: nth_week(s, n, w, None, m), sign("minggu", "pekan"), word("ordinal_word"), _month_of_year),
    seq(lambda s, m, n, w: nth_week(s, n, w, None, m), _month_of_year, word("nth_week"), word("bare_unit")),
    seq(
        lambda s, _t, n, d, _o, m: nth_in_month(s, n, d, m),
        _the,
        alt(word("ordinal"), word("last_of")),
        word("weekday"),
        _of,
        _month_of_year,
    ),
    seq(
        lambda s, m, _d, n, _g, d: nth_in_month(s, n, d, m),
        _month_of_year,
        opt(sign("的")),
        word("nth_week"),
        opt(word("measure")),
        word("weekday"),
    ),
)
_named_weekday = seq(lambda _s, _c, d: d, opt(word("weekday_cue")), word("weekday"))
_weekdays: Rule = alt(
    seq(lambda s, w, d: weekday(s, d, w), word("rel"), word("weekday")),
    seq(weekday, _named_weekday, alt(word("rel_post"), word("week"))),
    seq(lambda s, w, d: weekday(s, d, w), word("week"), _named_weekday),
    seq(weekday, _named_weekday),
)
_spans: Rule = alt(
    seq(week, word("week")),
    seq(weekend, word("weekend")),
    seq(relative_month, word("month_rel")),
    seq(lambda s, p: relative_month(s, 0, p), word("month_part_now")),
    seq(lambda s, p: relative_month(s, 1, p), word("month_part_next")),
    seq(lambda s, p, m, y: named_month(s, m, p, y), word("month_part"), _month, _year),
    seq(lambda s, p, m: relative_month(s, m, p), word("month_part"), word("month_rel")),
    seq(lambda s, y, m, p: named_month(s, m, p, y), _zh_year, _zh_month, opt(word("month_part_after"))),
    seq(lambda s, _c, m, y: named_month(s, m, None, y), word("month_cue"), _month, _year),
    seq(lambda s, m, y: named_month(s, m, None, y), _month, _year_of),
    seq(lambda s, y: year_span(s, today(s).year + y), word("year_rel")),
    seq(lambda s, _c, y: year_span(s, y), alt(word("month_cue"), word("year_cue")), _year_digits),
    seq(lambda s, y, _m: year_span(s, y), alt(integer(1900, 2999)), word("year_mark")),
    seq(lambda s, p: year_span(s, today(s).year, p), word("year_part_now")),
    seq(lambda s, p, _y: year_span(s, today(s).year, p), word("month_part"), word("year_now")),
    seq(lambda s, p, y: year_span(s, today(s).year + y, p), word("month_part"), word("year_rel")),
    seq(lambda s, y, m, p: named_month(s, m, p, y), _rel_year, _zh_month, opt(word("month_part_after"))),
)
_named_day = seq(lambda s, n: on(shift(today(s), n, "day") if n else today(s)), word("day"))
_checked: Rule = seq(lambda _s, _w, _c, day: day, _named_weekday, opt(sign(",")), alt(absolute, seq(lambda _s, _t, d: d, _the, _dom_alone)))
_from_day: Rule = alt(
    seq(counted_from, _amount_of_time, sign("from"), alt(_named_day, _weekdays)),
    seq(counted_from, _amount_of_time, sign("after"), alt(absolute, _named_day, _weekdays)),
)
single: Rule = memo("single", alt(absolute, _checked, _month_day, _ahead, _nth, _from_day, _named_day, _weekdays, _dom_alone))


def between(_s: Lattice, _o: Any, start: Day, _u: Any, end: Day) -> Day | None:
    """A range of two days; a weekday that would come before the start is the one after it."""
    last = after(end, start.start) if end.floats == "week" else end.start
    return replace(start, end=last, floats=None) if last > start.start else None


def until_number(_s: Lattice, _o: Any, start: Day, _u: Any, number: int) -> Day | None:
    """A range whose end is only a day number: of the same month, or of the next if it is smaller."""
    year, month = plus_months(start.start, 0 if number > start.start.day else 1)
    last = safe(year, month, number)
    return replace(start, end=last, floats=None) if last and last > start.start else None


def from_number(_s: Lattice, _o: Any, _t: Any, number: int, _u: Any, end: Day) -> Day | None:
    """A range whose start is only a day number, in the month of its end or the one before."""
    year, month = plus_months(end.start, 0 if number < end.start.day else -1)
    first = safe(year, month, number)
    return Day(first, end.start) if first and first < end.start else None


_until = alt(word("until"), word("range_and"))
_dotted = seq(lambda s, m, _d, d: coming(s, m, d) if s.lang == "zh" else None, integer(1, 12), _dot, _tight_number)
_date_cue = alt(*map(word, ("depart_cue", "return_cue", "check_in_cue", "check_out_cue")))
_dotted_day = provided(_dotted, _date_cue)
_open, _tgl = opt(word("range_open")), opt(alt(word("dom_cue"), word("the")))
_to = word("until")
_ranges: Rule = alt(
    seq(from_number, _open, _tgl, alt(_bare_dom, _marked, _suffixed, word("ordinal")), _until, alt(absolute, _month_day)),
    seq(between, _open, single, _to, single),
    seq(between, _open, _dotted, _to, _dotted),
    seq(between, word("range_open"), single, word("range_and"), single),
    seq(until_number, _open, alt(absolute, _dom_alone, _month_day), _to, alt(_bare_dom, _marked, _suffixed)),
)


def days(s: Lattice, i: int) -> Parsed:
    """Every date or date range at a token."""
    return [*_ranges(s, i), *_spans(s, i), *single(s, i), *_dotted_day(s, i)]
