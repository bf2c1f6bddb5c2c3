"""Numbers in three languages, in digits and words, and account numbers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tuntas.language.grammar import Parsed, Rule, alt, memo, sign, word
from tuntas.language.lexicon import Lattice

TEN, HUNDRED, THOUSAND, MYRIAD = 10, 100, 1000, 10_000
MYRIADS = (10_000, 100_000_000)  # the scales that take thousands: 一千二百万
HAN_SCALES = frozenset("十百千万亿萬億零")
GROUP = 3
MAX_DIGITS, MAX_GROUPS, MAX_PARTS, YEAR_DIGITS = 24, 8, 24, 4
SHORT_ACCOUNT, LONG_ACCOUNT, MAX_ACCOUNT = 8, 10, 20


@dataclass(frozen=True)
class Number:
    """A number; `scaled` says that a word like *jt*, *k* or 万 made it, as people write money."""

    value: Decimal
    scaled: bool = False
    scale: Decimal = Decimal(1)


def digits(s: Lattice, i: int) -> Parsed:
    """A number written in digits: `2500`, `2.500.000`, `2,500.75`, `1,5`."""
    if i >= len(s.tokens) or not s.tokens[i].is_digits:
        return []
    parts, marks, j = [s.tokens[i].norm], [], i + 1
    while (
        len(parts) < MAX_GROUPS
        and j + 1 < len(s.tokens)
        and s.tokens[j].norm in ".,"
        and s.is_adjacent(j)
        and s.is_adjacent(j + 1)
        and s.tokens[j + 1].is_digits
    ):
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


counted: Rule = alt(
    *map(
        word,
        (
            "unit", "person", "room", "star", "month_name", "month_mark", "day_mark", "hour_mark", "ampm", "ordinal_suffix",
            "measure", "scale", "oclock", "tight_unit",
        ),
    ),
    sign("/", ":", "%"),
)  # fmt: skip


class Words:
    """Adds up number words: parts fall in size, and a scale takes all smaller parts before it."""

    def __init__(self) -> None:
        self.parts: list[Decimal] = []
        self.last_scale = Decimal(0)
        self.scaled = False
        self.is_open = True  # whether the next part may be a plain number

    def fits(self, value: Decimal) -> bool:
        """Whether a plain number may follow: after nothing, after a scale, or after tens (*twenty five*)."""
        if not self.parts:
            return True
        last = self.parts[-1]
        is_unit = value < TEN and last % HUNDRED >= 2 * TEN and last % TEN == 0
        return (self.is_open or is_unit) and value < last

    def add(self, value: Decimal) -> bool:
        """A plain number part; False if it cannot follow."""
        if not self.fits(value):
            return False
        self.parts.append(value)
        self.is_open = False
        return True

    def multiply(self, scale: Decimal) -> bool:
        """A scale word; False if nothing it may take stands before it and it is not the first."""
        taken, limit = Decimal(0), min(scale, Decimal(MYRIAD if scale in MYRIADS else THOUSAND))
        kept = list(self.parts)
        while kept and kept[-1] < limit:
            taken += kept.pop()
        if kept and (kept[-1] < scale or (not taken and scale != TEN)):
            return False
        self.parts = [*kept, (taken or Decimal(1)) * scale]
        self.scaled |= scale >= THOUSAND
        self.last_scale, self.is_open = scale, True
        return True

    def number(self) -> Number:
        """The sum so far."""
        return Number(sum(self.parts, Decimal(0)), self.scaled, self.last_scale if self.scaled else Decimal(1))

    def add_next_lower(self, value: Decimal) -> None:
        """A last digit that counts the scale below the last one: 两千五 is 2500."""
        self.parts.append(value * self.last_scale / TEN)
        self.is_open = False


def number_words(s: Lattice, i: int) -> Parsed:
    """A number in words, digits with scale words included: `two hundred and five`, *dua juta*, 两千五百, *3jt*, 1.5万."""
    words, j = Words(), i
    whole: tuple[Number, int] | None = None
    while j - i < MAX_PARTS and (k := step(s, words, j)) > j:
        j = k
        whole = (words.number(), j) if words.is_open and words.scaled else whole
    if whole is not None and j > whole[1] and (s.by(j, "scale") or counted(s, j)):
        return [whole]  # what came after it counts something else: *dua juta, dua orang*
    return [(words.number(), j)] if words.parts else []


def step(s: Lattice, words: Words, j: int) -> int:
    """Read one more part of a number at `j`; the place after it, or `j` if the number ends."""
    if j >= len(s.tokens):
        return j
    for part in (scale_part, ten_part, whole_part, digit_part, first_part if not words.parts else joined_part):
        if (k := part(s, words, j)) > j:
            return k
    return j


def scale_part(s: Lattice, words: Words, j: int) -> int:
    """*hundred*, *ribu*, 万; only 十 may begin a number."""
    may = words.parts or s.tokens[j].norm == "十"
    return next((k for value, k in s.by(j, "scale") if may and words.multiply(Decimal(value))), j)


def ten_part(s: Lattice, words: Words, j: int) -> int:
    """*belas*: ten more than the digit before it."""
    for value, k in s.by(j, "plus_ten"):
        if words.parts and words.parts[-1] < value and not words.is_open:
            words.parts[-1] += value
            return k
    return j


def whole_part(s: Lattice, words: Words, j: int) -> int:
    """*seratus*, *sejuta*: one of a scale in one word."""
    for value, k in s.by(j, "scale_one"):
        if words.is_open and (not words.parts or words.parts[-1] > value):
            words.add(Decimal(1))
            words.multiply(Decimal(value))
            return k
    return j


def digit_part(s: Lattice, words: Words, j: int) -> int:
    """A digit word of any language."""
    for value, k in s.by(j, "digit"):
        if s.tokens[j].is_han:
            return han_digit(s, words, j, k, value)
        if words.add(Decimal(value)):
            return k
    return j


def joined_part(s: Lattice, words: Words, j: int) -> int:
    """What goes on a number: *two hundred and five*, *twenty-five*, *2 juta 500 ribu*."""
    joint = s.tokens[j].norm
    if joint == "-" or (joint == "and" and words.is_open):
        fits = any(words.fits(Decimal(value)) for value, _ in s.by(j + 1, "digit"))
        return step(s, words, j + 1) if fits else j
    if s.tokens[j].is_digits and words.is_open and words.last_scale >= THOUSAND and has_scale(s, j):
        return first_digits(s, words, j)
    return j


def has_scale(s: Lattice, j: int) -> bool:
    """Whether digits at `j` are followed by a scale word."""
    return any(s.by(k, "scale") for _, k in digits(s, j)[:1])


def first_digits(s: Lattice, words: Words, j: int) -> int:
    """Digits as a part of a number in words."""
    return next((int(k) for number, k in digits(s, j)[:1] if words.add(number.value)), j)


def first_part(s: Lattice, words: Words, j: int) -> int:
    """What only begins a number: digits before a scale, *a hundred*, *setengah juta*."""
    if s.tokens[j].is_digits:
        return first_digits(s, words, j) if has_scale(s, j) else j
    for category in ("a", "half_of"):
        for value, k in s.by(j, category):
            if s.by(k, "scale") and len(s.tokens[k].norm) > 1 - s.tokens[k].is_han:
                words.add(Decimal(str(value)))
                return k
    return j


def han_digit(s: Lattice, words: Words, j: int, k: int, value: int) -> int:
    """A Chinese digit: after 百, 千 or 万 a last one counts the next lower scale, as in 两千五; 零 only joins."""
    if value == 0:
        if not words.parts:
            words.add(Decimal(0))
        return k
    is_last = k >= len(s.tokens) or s.tokens[k].norm not in HAN_SCALES
    is_counted = s.by(k, "measure") or s.by(k, "day_mark")  # 百五个 is no 150
    is_dangling = bool(words.parts) and words.is_open and words.last_scale >= HUNDRED and s.tokens[j - 1].norm != "零"
    if is_last and is_dangling and not is_counted:
        words.add_next_lower(Decimal(value))
        return k
    return k if words.add(Decimal(value)) else j


def han_year(s: Lattice, i: int) -> Parsed:
    """Digit by digit, as years are written: 二零二六."""
    j, text = i, ""
    while j < len(s.tokens) and len(text) <= YEAR_DIGITS and s.tokens[j].is_han and (found := s.by(j, "digit")):
        text += str(found[0][0])
        j += 1
    return [(Number(Decimal(text)), j)] if len(text) == YEAR_DIGITS else []


whole: Rule = memo("whole", alt(han_year, number_words, digits))


def account(s: Lattice, i: int) -> Parsed:
    """An account number: ten digits or more, or eight after a word like *rekening*; a round eight-digit number is an amount."""
    j, text = i, ""
    while j < len(s.tokens) and len(text) <= MAX_ACCOUNT and s.tokens[j].is_digits and (j == i or len(s.tokens[j].norm) > GROUP):
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
        found = [(n.value, j) for n, j in whole(s, i)]
        return [(int(v), j) for v, j in found if v == v.to_integral_value() and low <= v <= high]

    return run


count: Rule = alt(integer(0, 99), word("a"))
