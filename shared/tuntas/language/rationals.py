"""Numbers that are not whole, in digits and words: halves and fractions, points that are said, and what is below zero."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tuntas.language.grammar import Parsed, Rule, alt, memo, opt, provided, seq, sign, tight, unless, word
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import TEN, THOUSAND, Number, counted, integer, whole

MAX_POINTED = 8  # digits after a point


def hyphen(s: Lattice, i: int) -> Parsed:
    """A dash that belongs to the number behind it: none stands right before it, and no number at all."""
    is_sign = i < len(s.tokens) and s.tokens[i].norm in "-−" and not s.is_adjacent(i)
    return [("-", i + 1)] if is_sign and not (i and s.tokens[i - 1].is_digits) else []


def spoken_digits(s: Lattice, i: int) -> Parsed:
    """Digits said or written one by one after a point: *five two*, *lima*, 一四."""
    text, j = "", i
    while j < len(s.tokens) and len(text) < MAX_POINTED:
        said = next((str(value) for value, k in s.by(j, "digit") if k == j + 1 and value < TEN), "")
        digit = s.tokens[j].norm if s.tokens[j].is_digits else said
        if not digit:
            break
        text, j = text + digit, j + 1
    return [(text, j)] if text else []


def pointed(_s: Lattice, number: Number, _point: Any, fraction: str, scale: int | None) -> Number | None:
    """A number with a point that is said: *one point five*, *nol koma lima*, 三点五万."""
    if number.value != number.value.to_integral_value():
        return None
    times = Decimal(scale or 1)
    return Number(Decimal(f"{number.value}.{fraction}") * times, scaled=times >= THOUSAND, scale=times)


def and_half(_s: Lattice, number: Number, _half: Any, scale: int | None) -> Number | None:
    """*two and a half*, *dua setengah juta*, *dua juta setengah*: half of one more, or of its scale."""
    times = Decimal(scale or 1)
    value = number.value * times + Decimal("0.5") * (times if scale else number.scale)
    return Number(value, scaled=number.scaled or times >= THOUSAND, scale=max(times, number.scale))


_scale = word("scale")
_minutes = alt(word("minute_mark"), word("half"), word("hour_mark"))
_counted_half = alt(word("unit"), word("pack"))
_half = word("half_after")
_scaled = seq(lambda _s, n: n if n.scaled else None, whole)
number: Rule = memo(
    "number",
    alt(
        whole,
        unless(seq(pointed, whole, word("point"), spoken_digits, opt(_scale)), _minutes),
        seq(and_half, alt(whole, seq(lambda _s, n: Number(Decimal(n)), word("a"))), word("and_half"), opt(_scale)),
        provided(seq(lambda s, n, h: and_half(s, n, h, None), whole, _half), _counted_half),
        seq(and_half, whole, _half, _scale),
        unless(seq(lambda s, n, h: and_half(s, n, h, None), _scaled, _half), alt(_scale, _counted_half)),
    ),
)
signed: Rule = alt(
    seq(lambda _s, _m, n: replace(n, value=-n.value), word("minus"), number),
    seq(lambda _s, _m, n: replace(n, value=-n.value), hyphen, tight(number)),
)


def ratio(_s: Lattice, above: int, below: int) -> Number | None:
    """*two thirds*, *dua pertiga*."""
    return Number(Decimal(above) / Decimal(below)) if below else None


fraction: Rule = alt(
    seq(lambda _s, value: Number(Decimal(str(value))), word("fraction")),
    seq(lambda s, a, _d, b: ratio(s, a, b), alt(integer(1, 19), word("a")), opt(tight(sign("-"))), word("fraction_part")),
    seq(lambda s, b, _o, a: ratio(s, a, b), integer(2, 1000), word("over"), integer(0, 1000)),
)
slashed: Rule = seq(lambda s, a, _d, b: ratio(s, a, b), integer(1, 99), tight(sign("/")), tight(integer(2, 100)))
plain_number: Rule = unless(number, counted)
ordinals: Rule = alt(
    seq(lambda _s, _t, n: Number(Decimal(n)), opt(word("the")), word("ordinal")),
    seq(lambda _s, n: Number(Decimal(n)), word("ordinal_word")),
    seq(lambda _s, _p, _d, n: Number(Decimal(n)), word("ordinal_prefix"), opt(sign("-")), tight(integer(1, 9999))),
)
