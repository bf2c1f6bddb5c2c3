"""Numbers and money in three languages, in digits, words and slang."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tuntas.intent.parsing.grammar import Parsed, Rule, alt, memo, opt, seq, sign, unless, word
from tuntas.intent.parsing.lexicon import Lattice

EXPONENTS = {"JPY": 0}
ZONE_CURRENCY = {
    "Asia/Jakarta": "IDR", "Asia/Makassar": "IDR", "Asia/Jayapura": "IDR", "Asia/Pontianak": "IDR", "Asia/Singapore": "SGD",
    "Asia/Kuala_Lumpur": "MYR", "Asia/Shanghai": "CNY", "Asia/Tokyo": "JPY", "Asia/Hong_Kong": "HKD", "Asia/Bangkok": "THB",
    "Europe/London": "GBP", "Australia/Sydney": "AUD",
}  # fmt: skip
LARGE = 1_000_000  # an unmarked amount from here on is rupiah, whoever writes it
THOUSAND = 1000
GROUP = 3
MAX_DIGITS = 24
SHORT_ACCOUNT, LONG_ACCOUNT, MAX_ACCOUNT = 8, 10, 20


@dataclass(frozen=True)
class Number:
    """A number; `scaled` says that a word like *jt*, *k* or 万 made it, as people write money."""

    value: Decimal
    scaled: bool = False
    scale: Decimal = Decimal(1)


@dataclass(frozen=True)
class Money:
    """Integer minor units with an ISO 4217 code, as said: at most, at least or about, per night or in total."""

    amount_minor: int
    currency: str
    bound: str | None = None
    per: str | None = None
    until: int | None = None
    marked: bool = True
    scale: Decimal = Decimal(1)


def digits(s: Lattice, i: int) -> Parsed:
    """A number written in digits: `2500`, `2.500.000`, `2,500.75`, `1,5`."""
    if i >= len(s.tokens) or not s.tokens[i].is_digits:
        return []
    parts, marks, j = [s.tokens[i].norm], [], i + 1
    while j + 1 < len(s.tokens) and s.tokens[j].norm in ".," and s.is_adjacent(j) and s.is_adjacent(j + 1) and s.tokens[j + 1].is_digits:
        marks.append(s.tokens[j].norm)
        parts.append(s.tokens[j + 1].norm)
        j += 2
    if sum(map(len, parts)) > MAX_DIGITS:
        return []
    value = read_groups(parts, marks, s.lang)
    alone: Parsed = [(Number(Decimal(parts[0])), i + 1)]
    return alone if value is None or not marks else [(Number(value), j), *alone]


def read_groups(parts: list[str], marks: list[str], lang: str) -> Decimal | None:
    """Digit groups and the marks between them as one number; None if they make none."""
    grouped = len(parts[0]) <= GROUP and parts[0] != "0" and all(len(p) == GROUP for p in parts[1:])
    if grouped and len(set(marks)) == 1 and (len(marks) > 1 or marks[0] == "," or lang == "id"):
        return Decimal("".join(parts))
    if len(marks) > 1 and (len(set(marks[:-1])) > 1 or marks[-1] == marks[0] or any(len(p) != GROUP for p in parts[1:-1])):
        return None
    return Decimal("".join(parts[:-1] or ["0"]) + "." + parts[-1]) if marks else Decimal(parts[0])


class Words:
    """Adds up number words: parts fall in size, and a scale takes all smaller parts before it."""

    def __init__(self) -> None:
        self.parts: list[Decimal] = []
        self.last_scale = Decimal(0)
        self.scaled = False
        self.is_open = True  # whether the next part may be a plain number

    def add(self, value: Decimal) -> bool:
        """A plain number part; False if it cannot follow."""
        room = self.parts[-1] if self.parts else None
        tens = room is not None and room.is_signed() is False and value < 10 and room % 100 >= 20 and room % 10 == 0  # noqa: PLR2004
        if not (self.is_open or tens) or (room is not None and value >= room):
            return False
        self.parts.append(value)
        self.is_open = False
        return True

    def multiply(self, scale: Decimal) -> bool:
        """A scale word; False if nothing it may take stands before it and it is not the first."""
        taken, limit = Decimal(0), 10_000 if scale in {10_000, 100_000_000} else THOUSAND
        while self.parts and self.parts[-1] < min(scale, limit):
            taken += self.parts.pop()
        if self.parts and self.parts[-1] < scale:
            self.parts.append(taken)
            return False
        if not taken and self.parts and scale != 10:  # noqa: PLR2004
            return False
        self.parts.append((taken or Decimal(1)) * scale)
        self.scaled |= scale >= THOUSAND
        self.last_scale, self.is_open = scale, True
        return True


def number_words(s: Lattice, i: int) -> Parsed:
    """A number in words, digits with scale words included: `two hundred and five`, *dua juta*, 两千五百, *3jt*, 1.5万."""
    words, j = Words(), i
    while (k := step(s, words, j)) > j:
        j = k
    if j == i or not words.parts:
        return []
    return [(Number(sum(words.parts, Decimal(0)), words.scaled, words.last_scale if words.scaled else Decimal(1)), j)]


def step(s: Lattice, words: Words, j: int) -> int:
    """Read one more part of a number at `j`; the place after it, or `j` if the number ends."""
    if j >= len(s.tokens):
        return j
    for value, k in s.by(j, "scale"):
        if (words.parts or s.tokens[j].norm == "十") and words.multiply(Decimal(value)):
            return k
    for value, k in s.by(j, "plus_ten"):
        if words.parts and words.parts[-1] < value and not words.is_open:
            words.parts[-1] += value
            return k
    for value, k in s.by(j, "scale_one"):
        if (words.is_open or not words.parts) and (not words.parts or words.parts[-1] > value):
            words.add(Decimal(1))
            words.multiply(Decimal(value))
            return k
    return plain_part(s, words, j)


def plain_part(s: Lattice, words: Words, j: int) -> int:
    """Read a digit word, digits, *a*, *half a* or a joining *and* at `j`."""
    for value, k in s.by(j, "digit"):
        if s.tokens[j].is_han:
            return han_digit(s, words, j, k, value)
        if words.add(Decimal(value)):
            return k
    if not words.parts:
        return first_part(s, words, j)
    if s.tokens[j].norm in {"and", "-"} and words.parts and s.by(j + 1, "digit") and (s.tokens[j].norm == "-" or words.is_open):
        return step(s, words, j + 1) if step_fits(s, words, j + 1) else j
    if s.tokens[j].is_digits and words.is_open and words.last_scale >= THOUSAND and next_scale(s, j):
        return first_digits(s, words, j)
    return j


def step_fits(s: Lattice, words: Words, j: int) -> bool:
    """Whether a digit word at `j` may go on the number."""
    probe = Words()
    probe.parts, probe.is_open = list(words.parts), words.is_open
    return any(probe.add(Decimal(value)) for value, _ in s.by(j, "digit"))


def next_scale(s: Lattice, j: int) -> bool:
    """Whether digits at `j` are followed by a scale word: *2 juta 500 ribu*."""
    return any(s.by(k, "scale") for _, k in digits(s, j)[:1])


def first_digits(s: Lattice, words: Words, j: int) -> int:
    """Digits as a part of a number in words."""
    for number, k in digits(s, j)[:1]:
        if words.add(number.value):
            return int(k)
    return j


def first_part(s: Lattice, words: Words, j: int) -> int:
    """What only begins a number: digits before a scale, *a hundred*, *setengah juta*."""
    if s.tokens[j].is_digits:
        return first_digits(s, words, j) if next_scale(s, j) else j
    for category in ("a", "half_of"):
        for value, k in s.by(j, category):
            if s.by(k, "scale") and s.tokens[k].norm not in {"m", "w", "k"}:
                words.add(Decimal(str(value)))
                return k
    return j


def han_digit(s: Lattice, words: Words, j: int, k: int, value: int) -> int:
    """A Chinese digit: after 百, 千 or 万 a last one counts the next lower scale, as in 两千五; 零 only joins."""
    if value == 0:
        if not words.parts:
            words.add(Decimal(0))
        return k
    after = s.tokens[k].norm if k < len(s.tokens) else ""
    dangling = words.parts and words.is_open and words.last_scale >= 100 and after not in "十百千万亿萬億零" if after else False  # noqa: PLR2004
    at_end = not after and bool(words.parts) and words.is_open and words.last_scale >= 100  # noqa: PLR2004
    if (dangling or at_end) and s.tokens[j - 1].norm != "零" and not is_counted(s, k):
        words.parts.append(Decimal(value) * words.last_scale / 10)
        words.is_open = False
        return k
    return k if words.add(Decimal(value)) else j


def is_counted(s: Lattice, k: int) -> bool:
    """Whether a thing counted one by one follows, so that 百五 before it is not 150."""
    return bool(s.by(k, "measure") or s.by(k, "day_mark"))


def han_year(s: Lattice, i: int) -> Parsed:
    """Digit by digit, as years are written: 二零二六."""
    j, text = i, ""
    while j < len(s.tokens) and s.tokens[j].is_han and (found := s.by(j, "digit")):
        text += str(found[0][0])
        j += 1
    return [(Number(Decimal(text)), j)] if len(text) == 4 else []  # noqa: PLR2004


number: Rule = memo("number", alt(han_year, number_words, digits))


def account(s: Lattice, i: int) -> Parsed:
    """An account number: ten digits or more, or eight after a word like *rekening*; a round eight-digit number is an amount."""
    j, text = i, ""
    while j < len(s.tokens) and s.tokens[j].is_digits and (j == i or len(s.tokens[j].norm) > GROUP):
        text += s.tokens[j].norm
        j += 2 if j + 2 < len(s.tokens) and s.tokens[j + 1].norm == "-" and s.tokens[j + 2].is_digits and s.is_adjacent(j + 1) else 1
    if not text:
        return []
    has_cue = any(end == i for k in range(max(0, i - 4), i) for name in ("account_cue", "bank") for _, end in s.by(k, name))
    shortest = SHORT_ACCOUNT if has_cue or not text.endswith("000") else LONG_ACCOUNT
    return [(text, j)] if shortest <= len(text) <= MAX_ACCOUNT else []


def integer(low: int, high: int) -> Rule:
    """A whole number between two bounds, as an `int`."""

    def run(s: Lattice, i: int) -> Parsed:
        found = [(n.value, j) for n, j in number(s, i)]
        return [(int(v), j) for v, j in found if v == v.to_integral_value() and low <= v <= high]

    return run


count: Rule = alt(integer(0, 99), word("a"))

_counted: Rule = alt(
    *map(
        word,
        (
            "unit", "person", "room", "star", "month_name", "month_mark", "day_mark", "hour_mark", "ampm", "ordinal_suffix",
            "measure", "scale", "oclock", "tight_unit",
        ),
    ),
    sign("/", ":", "%"),
)  # fmt: skip
plain_number: Rule = unless(number, _counted)


def home_currency(s: Lattice, value: Decimal) -> str:
    """The currency of an amount that names none: the language's own; in English the time zone's, and rupiah from a million on."""
    if s.lang in {"id", "zh"}:
        return {"id": "IDR", "zh": "CNY"}[s.lang]
    return ZONE_CURRENCY.get(s.tz) or ("IDR" if value >= LARGE else "USD")


def minor(value: Decimal, currency: str) -> int:
    """Major units as whole minor units; a smaller fraction is cut off."""
    return int(value.scaleb(EXPONENTS.get(currency, 2)))


def money_of(s: Lattice, n: Number, currency: str | None) -> Money:
    """A number as money, in the named or the home currency."""
    code = currency or home_currency(s, n.value)
    return Money(minor(n.value, code), code, marked=currency is not None, scale=n.scale)


def scaled_money(s: Lattice, n: Number) -> Money | None:
    """A number whose scale word says that it is money."""
    return money_of(s, n, None) if n.scaled else None


_comma_dash = opt(seq(lambda _s, *_: True, sign(","), sign("-")))
_currency = word("currency")
amount: Rule = memo(
    "amount",
    alt(
        seq(lambda s, c, _dot, n, _end, _c: money_of(s, n, c), _currency, opt(sign(".")), number, _comma_dash, opt(_currency)),
        seq(lambda s, n, _end, c: money_of(s, n, c), number, _comma_dash, _currency),
        seq(lambda s, v, c: money_of(s, Number(Decimal(v)), c or "IDR"), word("slang_money"), opt(_currency)),
        seq(lambda s, n: scaled_money(s, n), unless(number, _counted)),
    ),
)


def bounded(bound: str) -> Any:
    """Marks money as a bound."""
    return lambda s, _cue, _about, m: with_bound(m if isinstance(m, Money) else money_of(s, m, None), bound)


def with_bound(m: Money, bound: str) -> Money:
    """The same money as a bound of this kind."""
    return replace(m, bound=bound)


def joined(s: Lattice, _open: Any, low: Number, _until: Any, high: Money, _after: Any) -> Money | None:
    """A range of money; a low end without a scale word is counted in the high end's: *1-2 juta*."""
    value = low.value if low.scaled else low.value * high.scale
    start = money_of(s, Number(value), high.currency).amount_minor
    made = Money(start, high.currency, bound="range", until=high.amount_minor, marked=high.marked)
    return made if 0 < start < high.amount_minor else None


_range_sep = alt(word("until"), word("range_and"))
_bare = alt(amount, plain_number)
bare_money: Rule = alt(
    seq(joined, opt(word("range_open")), number, _range_sep, amount, opt(word("max_after"))),
    seq(bounded("max"), word("max"), opt(word("about")), _bare),
    seq(bounded("min"), word("min"), opt(word("about")), _bare),
    seq(lambda s, m, _about, _after: bounded("max")(s, None, None, m), _bare, opt(word("about")), word("max_after")),
    amount,
)


def priced(_s: Lattice, before: Any, m: Money, after: Any) -> Money:
    """Money with what it is for: each night, or everything."""
    return replace(m, per=before or after)


_per: Rule = alt(
    seq(lambda _s, _w: "night", word("per_night")),
    seq(lambda _s, _w: "total", word("total")),
)
money: Rule = memo("money", seq(priced, opt(_per), bare_money, opt(_per)))
