"""Times of day in three languages.

Choices: an hour with no part of the day is read on the 24-hour clock (*jam 7*, `at 7`, 7点 are 07:00); *half seven* is 07:30, as in
British and Indonesian use (*setengah delapan*); twelve at night is 00:00.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuntas.language.dates import Day, shift, today, weekday
from tuntas.language.grammar import Parsed, Rule, alt, memo, opt, seq, sign, tight, unless, word
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import integer

HALF_DAY = 12
NOON = "12:00"
HOUR = 60
WINDOWS = {
    "dawn": ("00:00", "05:00"),
    "morning": ("05:00", "11:00"),
    "midday": ("11:00", "15:00"),
    "afternoon": ("12:00", "18:00"),
    "evening": ("17:00", "21:00"),
    "night": ("18:00", "23:59"),
}
PM_FROM = {"pm": 1, "midday": 1, "afternoon": 1, "evening": 1, "night": 5}  # the first hour that a part of the day moves past noon
LAST_MIDDAY = 10  # *jam 11 siang* is before noon, *jam 2 siang* after


@dataclass(frozen=True)
class Clock:
    """A time `HH:MM`, or an interval open at one side; `is_part` marks a part of the day, which `part` names.

    `vague` says that the half of the day was not said.
    """

    start: str | None
    end: str | None = None
    is_interval: bool = False
    is_part: bool = False
    vague: bool = False
    part: str = ""


def at(hour: int, minute: int, part: str | None = None) -> Clock | None:
    """An hour and minute on the clock, moved to the part of the day that was said."""
    if not (0 <= hour <= 24 and 0 <= minute < HOUR):  # noqa: PLR2004
        return None
    if hour == HALF_DAY and part in {"am", "dawn", "night", "morning"}:
        hour = 0
    elif hour < HALF_DAY and hour >= PM_FROM.get(part or "", 24) and not (part == "midday" and hour > LAST_MIDDAY):
        hour += HALF_DAY
    return Clock(f"{hour % 24:02}:{minute:02}", vague=part is None and hour <= HALF_DAY)


def at_time(time: tuple[int, int], part: str | None) -> Clock | None:
    """An hour and minute that were read together."""
    return at(time[0], time[1], part)


def before_hour(hour: int, minutes: int, part: str | None) -> Clock | None:
    """A time so many minutes before an hour: *setengah 8* is 07:30; half past midnight is before one."""
    full = hour + HALF_DAY if hour == 1 and part in PM_FROM else hour
    return at((full - 1) % 24, HOUR - minutes, part if full == hour else None)


def window(part: str) -> Clock:
    """A part of the day as an interval."""
    start, end = WINDOWS[part]
    return Clock(start, end, is_interval=True, is_part=True, part=part)


def worded(rule: Rule) -> Rule:
    """The rule, where nothing of it is written in digits."""
    return lambda s, i: [(value, j) for value, j in rule(s, i) if not any(t.is_digits for t in s.tokens[i:j])]


def run_together(s: Lattice, i: int) -> Parsed:
    """Hour and minute in one run of digits: `630`, `1530`."""
    text = s.tokens[i].norm if i < len(s.tokens) else ""
    if not (s.tokens and text.isdecimal() and text.isascii() and len(text) in {3, 4}):
        return []
    return [((int(text[:-2]), int(text[-2:])), i + 1)]


def is_this_day(s: Lattice, j: int) -> bool:
    """Whether a part of the day that ends before token `j` took the day's own word: *pagi hari ini* is *pagi* and *hari ini*."""
    return j < len(s.tokens) and s.tokens[j].norm == "ini" and s.tokens[j - 1].norm == "hari"


def one_of(rule: Rule, *values: int) -> Rule:
    """The rule, where it reads one of some values."""
    return lambda s, i: [(value, j) for value, j in rule(s, i) if value in values]


_hour, _minute = integer(0, 24), integer(0, 59)
_colon = seq(lambda _s, h, _c, m: (h, m), _hour, tight(sign(":", ".", "：")), tight(integer(0, 59)))
_colon_only = seq(lambda _s, h, _c, m: (h, m), _hour, tight(sign(":", "：")), tight(integer(0, 59)))
_part = word("part")
_part_of = opt(alt(word("ampm"), lambda s, i: [(value, j) for value, j in _part(s, i) if not is_this_day(s, j)]))
_unless_counted = alt(
    *map(word, ("unit", "person", "room", "currency", "month_name", "scale", "star", "month_mark", "day_mark", "ordinal_suffix"))
)

_cue = opt(word("clock_cue"))
_twelve = integer(1, 12)
_spoken_minutes = worded(alt(integer(10, 59), seq(lambda _s, _o, m: m, sign("oh", "o"), integer(1, 9))))
_minutes_said = seq(lambda _s, m, _u: m, integer(1, 29), word("unit"))
_minutes_past = alt(_minutes_said, one_of(integer(5, 25), 5, 10, 20, 25))
_minutes_to = alt(_minutes_said, one_of(integer(20, 25), 20, 25), worded(one_of(integer(10, 10), 10)))
_am_pm = alt(word("ampm"), seq(lambda _s, letter: f"{letter}m", tight(sign("p", "a"))))
_en: Rule = alt(
    seq(lambda _s, _c, hm, p: at_time(hm, p), _cue, _colon_only, alt(_part_of, _am_pm)),
    seq(lambda _s, _c, hm, p: at_time(hm, p), _cue, alt(_colon, run_together), _am_pm),
    seq(lambda _s, _c, hm, _h: at_time(hm, None), _cue, run_together, sign("hours", "hrs")),
    seq(lambda _s, _c, h, p: at(h, 0, p), _cue, _twelve, _am_pm),
    seq(lambda _s, _c, h, _o, p: at(h, 0, p), _cue, _twelve, word("oclock"), _part_of),
    seq(lambda _s, _c, h, p: at(h, 0, p), word("clock_cue"), unless(_hour, _unless_counted), _part_of),
    seq(lambda _s, _c, h, m, p: at(h, m, p), _cue, worded(_twelve), one_of(_spoken_minutes, 15, 30, 45), _part_of),
    seq(lambda _s, _c, h, m, p: at(h, m, p), word("clock_cue"), worded(_twelve), _spoken_minutes, _part_of),
    seq(lambda _s, _c, h, m, p: at(h, m, p), _cue, worded(_twelve), _spoken_minutes, alt(_am_pm, word("part"))),
    seq(lambda _s, _c, _h, h, p: at(h, 30, p), _cue, word("half_past"), _twelve, _part_of),
    seq(
        lambda _s, _c, _h, h, p: at(h, 15, p),
        _cue,
        word("quarter_past"),
        alt(_twelve, seq(lambda _s, _n: HALF_DAY, sign("noon"))),
        _part_of,
    ),
    seq(lambda _s, _c, _h, h, p: before_hour(h, 15, p), _cue, word("quarter_to"), _twelve, _part_of),
    seq(lambda _s, _c, m, _p, h, p: at(h, m, p), _cue, _minutes_past, word("past_hour"), _twelve, _part_of),
    seq(lambda _s, _c, m, _t, h, p: before_hour(h, m, p), _cue, _minutes_to, word("to_hour"), _twelve, _part_of),
    seq(
        lambda _s, _c, h, _i, p: at(h, 0, p),
        _cue,
        _twelve,
        alt(tight(sign("ish")), seq(lambda *_: True, tight(sign("-")), sign("ish"))),
        _part_of,
    ),
    seq(lambda _s, _c, hm, p: at_time(hm, p), sign("at", "by", "@", "until"), _colon, _part_of),
    seq(lambda _s, h, _h, m: at(h, m), _hour, tight(sign("h")), tight(integer(0, 59))),
)
_jam = word("clock_prefix")
_id: Rule = alt(
    seq(lambda _s, _c, hm, p: at_time(hm, p), _jam, _colon, _part_of),
    seq(lambda _s, _c, h, p: at(h, 0, p), _jam, _hour, _part_of),
    seq(lambda _s, _c, h, m, p: at(h, m, p), _jam, _hour, unless(integer(10, 59), alt(_unless_counted, word("pack"))), _part_of),
    seq(lambda _s, _c, _h, h, p: before_hour(h, 30, p), opt(_jam), word("half_to"), unless(integer(1, 12), word("scale")), _part_of),
    seq(lambda _s, _c, h, _l, m, p: at(h, m, p), _jam, _hour, word("past"), _minute, _part_of),
    seq(lambda _s, _c, h, _l, _q, p: at(h, 15, p), _jam, _hour, word("past"), word("quarter"), _part_of),
    seq(lambda _s, _c, h, _k, m, p: before_hour(h, m, p), _jam, _hour, word("short_of"), _minute, _part_of),
    seq(lambda _s, _c, h, _k, _q, p: before_hour(h, 15, p), _jam, _hour, word("short_of"), word("quarter"), _part_of),
)
_zh_minutes: Rule = alt(
    seq(lambda _s, _h: 30, word("half")),
    seq(lambda _s, q: q, word("quarter_after")),
    seq(lambda _s, m, _f: m, _minute, word("minute_mark")),
    seq(lambda _s, m: m, unless(integer(10, 59), alt(word("measure"), word("unit")))),
    seq(lambda _s, _z, m: m, sign("零", "〇"), integer(1, 9)),
    seq(lambda _s, _w: 0, word("exactly")),
)
_zh_short = alt(word("quarter_word"), seq(lambda _s, m, _f: m, integer(1, 29), word("minute_mark")))
_zh_hour = seq(lambda _s, h, _m: h, _hour, word("hour_mark"))
_zh: Rule = alt(
    seq(lambda _s, p, h, _m, m: at(h, m or 0, p), opt(word("part")), _hour, word("hour_mark"), opt(_zh_minutes)),
    seq(lambda _s, p, hm: at_time(hm, p), word("part"), _colon_only),
    seq(lambda _s, p, _d, m, h: before_hour(h, m, p), opt(word("part")), word("short_before"), _zh_short, _zh_hour),
    seq(lambda _s, p, h, _d, m: before_hour(h, m, p), opt(word("part")), _zh_hour, word("short_before"), _zh_short),
)
_plain: Rule = memo("plain_clock", alt(_zh, _en, _id, seq(lambda _s, t: Clock(t), word("clock_word"))))


def in_part(_s: Lattice, part: str, clock: Clock) -> Clock | None:
    """A time said after its part of the day: *malam jam 8*."""
    if not clock.vague:
        return None
    start, end = (time and moved(time, part) for time in (clock.start, clock.end))
    return Clock(start, end, clock.is_interval)


def moved(time: str, part: str) -> str | None:
    """A time `HH:MM` with no part of the day, put into one."""
    hour, minute = map(int, time.split(":"))
    clock = at(hour, minute, part)
    return clock.start if clock else None


exact: Rule = memo("exact", alt(_plain, seq(in_part, word("part"), _plain)))


def moved_on(time: str) -> str:
    """A time `HH:MM` half a day later."""
    return f"{int(time[:2]) + HALF_DAY:02}{time[2:]}"


def closed(_s: Lattice, _o: Any, start: Clock, _u: Any, end: Clock) -> Clock | None:
    """A stretch between two times; a start with no part of the day takes the end's half when that keeps it before the end."""
    first, last = start.start or "", end.start or ""
    if end.vague and last <= first and last < NOON and (later := moved_on(last)) > first:
        last = later
    if start.vague and not end.vague and int(first[:2]) < HALF_DAY:
        later = moved_on(first)
        first = later if later < last else first
    return Clock(first, last, is_interval=True) if first < last else None


_vague_hour = seq(lambda _s, h: at(h, 0), integer(1, 12))
_bare_hour = seq(lambda _s, h: at(h, 0), unless(integer(1, 24), alt(_unless_counted, sign("/", ".", "-"), word("pack"))))
_to = word("until")
intervals: Rule = alt(
    seq(lambda _s, _a, c: Clock(c.start, None, is_interval=True, vague=c.vague), word("after"), exact),
    seq(lambda _s, _a, c: Clock(c.start, None, is_interval=True, vague=c.vague), word("after"), _bare_hour),
    seq(lambda _s, _b, c: Clock(None, c.start, is_interval=True, vague=c.vague), word("before"), _bare_hour),
    seq(lambda _s, _a, c: Clock(None, c.start, is_interval=True, vague=c.vague), word("before"), exact),
    seq(lambda _s, c, _a: Clock(c.start, None, is_interval=True), exact, word("after_post")),
    seq(lambda _s, c, _a: Clock(None, c.start, is_interval=True), exact, word("before_post")),
    seq(closed, opt(word("range_open")), alt(exact, _vague_hour), _to, exact),
    seq(closed, word("range_open"), alt(exact, _vague_hour), word("range_and"), exact),
    seq(closed, _jam, _vague_hour, _to, alt(seq(lambda _s, h, p: at(h, 0, p), integer(1, 24), _part_of), exact)),
    seq(lambda _s, p: window(p), word("part")),
)


def clocks(s: Lattice, i: int) -> Parsed:
    """Every time of day at a token."""
    return [*exact(s, i), *intervals(s, i)]


def day_and_part(s: Lattice, text: str) -> tuple[Day, Clock]:
    """*tonight*, *nanti malam*, 明早: a day so many days ahead and a part of it, as the lexicon writes them."""
    offset, part = text.split()
    return Day(shift(today(s), int(offset), "day") or today(s)), window(part)


def weekday_and_part(s: Lattice, text: str) -> tuple[Day, Clock]:
    """*malam minggu*: a weekday and a part of it."""
    number, part = text.split()
    return weekday(s, int(number)), window(part)


def not_after(rule: Rule, *norms: str) -> Rule:
    """The rule, where none of some words stands right before it: *makan malam Jumat* is a dinner on Friday."""
    return lambda s, i: [] if i and s.tokens[i - 1].norm in norms else rule(s, i)


day_parts: Rule = alt(
    seq(day_and_part, word("day_part")),
    seq(weekday_and_part, not_after(word("weekday_part"), "makan")),
)


def day_part_at(s: Lattice, text: str, clock: Clock) -> tuple[Day, Clock] | None:
    """*tonight at 8*, *nanti malam jam 8*, 今晚八点."""
    day, _ = day_and_part(s, text)
    time = in_part(s, text.split()[1], clock)
    return (day, time) if time else None


tonight_at: Rule = seq(day_part_at, word("day_part"), alt(_plain, intervals))
