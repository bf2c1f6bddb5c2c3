"""Who comes along, how many rooms, how many stars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tuntas.language.grammar import Rule, alt, memo, opt, provided, seq, sign, tight, unless, word
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import Number, count, integer
from tuntas.language.rationals import fraction, signed, slashed
from tuntas.language.rationals import number as numeral

MANY = 50
HALF = Decimal("0.5")


@dataclass(frozen=True)
class People:
    """Adults and children; `is_weak` when only seats or tickets were counted."""

    adults: int = 0
    children: int = 0
    is_weak: bool = False


@dataclass(frozen=True)
class Counted:
    """A number of rooms or stars."""

    count: int


@dataclass(frozen=True)
class Quantity:
    """So many of a unit, or of nothing that is named."""

    count: Decimal
    unit: str | None


def of_kind(_s: Lattice, number: int, _measure: Any, kind: str) -> People | None:
    """So many people of one kind."""
    if not 0 < number <= MANY:
        return None
    return People(children=number) if kind == "child" else People(adults=number, is_weak=kind == "seat")


def together(_s: Lattice, first: People, _and: Any, second: People) -> People | None:
    """Two groups as one; tickets and people are not added up."""
    if first.is_weak or second.is_weak:
        return None
    return People(first.adults + second.adults, first.children + second.children)


def followed_by_digits(rule: Rule) -> Rule:
    """The rule with digits right behind it: the point of a number, none that ends a sentence."""
    return provided(tight(rule), lambda s, j: [(True, j)] if j < len(s.tokens) and s.tokens[j].is_digits and s.is_adjacent(j) else [])


_uncounted = alt(
    *map(
        word,
        ("unit", "person", "room", "currency", "scale", "month_name", "ampm", "until", "ordinal_suffix", "star", "month_mark", "day_mark"),
    ),
    followed_by_digits(sign("/", ":", ".", ",")),
)
_one: Rule = alt(
    seq(of_kind, count, opt(word("measure")), word("person")),
    seq(lambda _s, n: People(adults=n), word("group")),
)


def kin_of(_s: Lattice, text: str) -> People:
    """*Wife*, *ortu*, 父母: so many adults or children."""
    count, kind = text.split()
    return People(children=int(count)) if kind == "child" else People(adults=int(count))


def with_self(_s: Lattice, *said: Any) -> People:
    """Who speaks, and who comes along."""
    others = [one for one in said if isinstance(one, People)]
    return People(1 + sum(one.adults for one in others), sum(one.children for one in others))


_kin: Rule = seq(lambda _s, _d, who: who, opt(word("determiner")), alt(seq(kin_of, word("kin")), _one))
_joint = alt(word("and_people"), word("with"))
_for: Rule = seq(lambda _s, _c, n: People(adults=n), word("people_cue"), unless(integer(1, 20), _uncounted))
_pair: Rule = seq(together, _one, opt(word("and_people")), _one)
_company: Rule = alt(
    seq(with_self, word("self"), _joint, _kin),
    seq(with_self, word("self"), _joint, _kin, opt(_joint), _kin),
    seq(with_self, word("self"), opt(_joint), _kin, _joint, _kin),
    seq(with_self, _kin, _joint, word("self")),
)
people: Rule = memo(
    "people",
    alt(_company, _one, _for, _pair, seq(together, _pair, opt(word("and_people")), _one), seq(together, _for, word("and_people"), _one)),
)
choices: Rule = alt(
    seq(lambda _s, _t, n, _w: Counted(n), opt(word("the")), word("ordinal"), word("choice_after")),
    seq(lambda _s, _c, n, _w: Counted(n), word("choice_cue"), integer(1, 20), opt(word("choice_after"))),
    seq(lambda _s, n: Counted(n), word("choice")),
)


def some(_s: Lattice, number: Number, _of: Any, unit: str) -> Quantity | None:
    """So many of a unit."""
    return Quantity(number.value, unit) if number.value > 0 else None


def dozens(s: Lattice, number: Any, twelve: int, unit: str | None) -> Quantity | None:
    """Dozens, also halves of them; 打 alone is a verb."""
    if number is None and s.lang == "zh":
        return None
    times = number.value if isinstance(number, Number) else Decimal(str(number or 1))
    return Quantity(times * twelve, unit)


_many = alt(numeral, seq(lambda _s, n: Number(Decimal(str(n))), alt(word("a"), word("half_of"))))
quantities: Rule = memo(
    "quantities",
    alt(
        seq(some, alt(_many, fraction, slashed), opt(sign("-")), word("pack")),
        seq(lambda s, n, u, _h: some(s, Number(n.value + HALF), None, u), numeral, word("pack"), word("half_after")),
        seq(lambda _s, _c, n: Quantity(n.value, "percent"), word("per_cent"), numeral),
        seq(lambda _s, n, unit: Quantity(n.value, unit) if unit == "degree" else None, signed, word("pack")),
        seq(dozens, opt(alt(numeral, word("half_of"))), word("dozen"), opt(word("pack"))),
        seq(lambda _s, unit: Quantity(Decimal(1), unit), word("one_pack")),
        seq(lambda _s, _x, n: Quantity(n.value, None), sign("x", "×"), tight(numeral)),
        seq(lambda _s, n, _x: Quantity(n.value, None), numeral, tight(sign("x", "×"))),
    ),
)
rooms: Rule = seq(lambda _s, n, _m, _w: Counted(n), integer(1, MANY), opt(word("measure")), word("room"))
stars: Rule = alt(
    seq(lambda _s, n, _d, _w: Counted(n), integer(1, 7), opt(tight(sign("-"))), word("star")),
    seq(lambda _s, _w, n: Counted(n), word("star_prefix"), integer(1, 7)),
)
