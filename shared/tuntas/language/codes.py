"""Numbers of orders and bookings, and of flights: runs of letters and digits that stand for themselves."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

from tuntas.language.lexicon import Lattice, load_table

CODE = re.compile(r"#?\s?(?<![A-Za-z0-9-])(?=[A-Za-z-]*[0-9])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![A-Za-z0-9])", re.ASCII)
LETTERS = re.compile(r"(?<![A-Za-z0-9-])[A-Z]{5,8}(?![A-Za-z0-9-])", re.ASCII)
FLIGHT = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2}|[A-Z][0-9]|[0-9][A-Z])\s?-?([0-9]{2,4})(?![A-Za-z0-9])", re.ASCII)
TRAIN = re.compile(r"(?<![A-Za-z0-9])[GDCZTK][0-9]{1,4}(?=次|(?![A-Za-z0-9]))", re.ASCII)
MIXED = re.compile(r"(?=.*[A-Z])(?=.*[0-9])#?[A-Z0-9]+(?:-[A-Z0-9]+)*", re.ASCII)
TIMED = re.compile(r"[0-9]{1,4}(?:[ap]m|st|[nr]d|th|k|kg|jt|rb)", re.ASCII | re.IGNORECASE)
SHORTEST, SHORTEST_MIXED = 3, 5
LONGEST_NUMBER = 9  # more digits alone are an account or a telephone
BETWEEN = 3  # the most words between *order* and its number


@cache
def airlines() -> frozenset[str]:
    """The codes of airlines."""
    return frozenset(load_table("airlines.toml")["codes"])


def token_range(s: Lattice, start: int, end: int) -> tuple[int, int] | None:
    """The tokens of a stretch of text; None if it does not begin and end with one."""
    i = bisect_left(s.tokens, start, key=lambda t: t.start)
    j = bisect_left(s.tokens, end, key=lambda t: t.end) + 1
    if max(i + 1, j) > len(s.tokens) or s.tokens[i].start != start or s.tokens[j - 1].end != end:
        return None
    return i, j


def has_cue(s: Lattice, i: int) -> bool:
    """Whether a word like *order*, *pesanan*, 单号 stands before a token, with at most a few small words between."""
    for k in range(i - 1, max(-1, i - 8), -1):
        if any(end <= i and i - end <= BETWEEN for _, end in s.by(k, "order_cue")):
            return all(is_small(s, m) for m in range(s.longest(k, "order_cue"), i))
    return False


def is_small(s: Lattice, i: int) -> bool:
    """Whether a token carries nothing of its own."""
    return not s.tokens[i].is_word or bool(s.by(i, "stop") or s.by(i, "order_cue"))


def is_code(s: Lattice, i: int, text: str) -> bool:
    """Whether letters and digits are an order's number: by its look, or by the word before it."""
    bare = text.lstrip("# ")
    if TIMED.fullmatch(bare):
        return False
    if text.startswith("#") or (MIXED.fullmatch(bare) and len(bare) >= SHORTEST_MIXED and sum(c.isdigit() for c in bare) > 1):
        return len(bare) > 1
    return len(bare) >= SHORTEST and not (bare.isdecimal() and len(bare) > LONGEST_NUMBER) and has_cue(s, i)


def flight_numbers(s: Lattice) -> Iterator[tuple[int, int]]:
    """Where numbers of flights and of trains stand."""
    for found in FLIGHT.finditer(s.text):
        at = token_range(s, *found.span())
        if at and found[1] in airlines():
            yield at
    for found in TRAIN.finditer(s.text) if s.lang == "zh" else ():
        if (at := token_range(s, *found.span())) is not None:
            yield at


def order_numbers(s: Lattice) -> Iterator[tuple[int, int]]:
    """Where numbers of orders and bookings stand."""
    flights = {k for i, j in flight_numbers(s) for k in range(i, j)}
    for found in (*CODE.finditer(s.text), *LETTERS.finditer(s.text)):
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        at = token_range(s, start, found.end())
        if at and flights.isdisjoint(range(*at)) and is_code(s, at[0], s.text[start : found.end()]):
            yield at
