"""Money in three languages: amounts, bounds, ranges, prices per night."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tuntas.language.grammar import Parsed, Rule, alt, memo, opt, seq, sign, unless, word
from tuntas.language.lexicon import Lattice
from tuntas.language.numerals import Number, counted, integer
from tuntas.language.rationals import number, plain_number

EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0}
ZONE_CURRENCY = {
    "Asia/Jakarta": "IDR", "Asia/Makassar": "IDR", "Asia/Jayapura": "IDR", "Asia/Pontianak": "IDR", "Asia/Singapore": "SGD",
    "Asia/Kuala_Lumpur": "MYR", "Asia/Shanghai": "CNY", "Asia/Tokyo": "JPY", "Asia/Hong_Kong": "HKD", "Asia/Bangkok": "THB",
    "Europe/London": "GBP", "Australia/Sydney": "AUD",
}  # fmt: skip
WRITTEN_OUT = frozenset({"hundred", "thousand", "million", "billion", "lakh", "crore"})
CENTS = 100
ZERO = Number(Decimal(0))
LARGE = 1_000_000  # an unmarked amount from here on is rupiah, whoever writes it


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
    code = "JPY" if currency == "CNY" and s.tz == "Asia/Tokyo" else currency or home_currency(s, n.value)
    return Money(minor(n.value, code), code, marked=currency is not None, scale=n.scale)


def scaled_money(s: Lattice, n: Number) -> Money | None:
    """A number whose scale word says that it is money."""
    return money_of(s, n, None) if n.scaled else None


def with_cents(s: Lattice, whole: Number, currency: str | None, cents: Number) -> Money:
    """*20 dollars and 50 cents*."""
    return money_of(s, Number(whole.value + cents.value / CENTS), currency or (None if s.lang == "id" else "USD"))


def with_jiao(s: Lattice, whole: Number, count: int, size: int) -> Money:
    """三块五, 五毛: tenths and hundredths of a yuan, `size` in hundredths."""
    return money_of(s, Number(whole.value + Decimal(count * size) / CENTS), "CNY")


def spelled_scale(s: Lattice, i: int) -> Parsed:
    """A number whose scale may make it money: one that is written out in English counts anything, outside Indonesia."""
    if s.lang != "en" or (home_currency(s, Decimal(LARGE)) == "IDR" and s.tz in ZONE_CURRENCY):
        return number(s, i)
    return [(n, j) for n, j in number(s, i) if s.tokens[j - 1].norm not in WRITTEN_OUT]


_comma_dash = opt(seq(lambda _s, *_: True, sign(","), sign("-")))
_currency = word("currency")
amount: Rule = memo(
    "amount",
    alt(
        seq(lambda s, c, _dot, n, _end, _c: money_of(s, n, c), _currency, opt(sign(".")), number, _comma_dash, opt(_currency)),
        seq(lambda s, n, _end, c: money_of(s, n, c), number, _comma_dash, _currency),
        seq(lambda s, v, c: money_of(s, Number(Decimal(v)), c or "IDR"), word("slang_money"), opt(_currency)),
        seq(lambda s, n, c, _a, m, _w: with_cents(s, n, c, m), number, _currency, opt(word("and_people")), number, word("cents")),
        seq(lambda s, n, _w: with_cents(s, ZERO, None, n), number, word("cents")),
        seq(lambda s, n, _y, m, j: with_jiao(s, n, m, j), number, word("yuan"), integer(1, 9), word("jiao")),
        unless(seq(lambda s, n, _y, m: with_jiao(s, n, m, 10), number, word("yuan"), integer(1, 9)), counted),
        seq(lambda s, m, j: with_jiao(s, ZERO, m, j), integer(1, 9), unless(word("jiao"), word("unit"))),
        seq(scaled_money, unless(spelled_scale, counted)),
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


def between(s: Lattice, _open: Any, low: Money, _until: Any, high: Money | Number, _after: Any) -> Money | None:
    """A range whose low end names the currency too: *$120 to $180*."""
    top = high if isinstance(high, Money) else money_of(s, high, low.currency)
    if not low.marked or not 0 < low.amount_minor < top.amount_minor:
        return None
    return Money(low.amount_minor, low.currency, bound="range", until=top.amount_minor)


_range_sep = alt(word("until"), word("range_and"))
_bare = alt(amount, plain_number)
_plain_range = seq(
    lambda s, low, _u, high, _b: joined(s, None, low, None, money_of(s, high, None), None),
    plain_number,
    word("until"),
    plain_number,
    opt(sign("之间")),
)
_hundreds = seq(lambda _s, n: n if n.value >= CENTS else None, plain_number)
bare_money: Rule = alt(
    seq(joined, opt(word("range_open")), number, _range_sep, amount, opt(word("max_after"))),
    seq(between, opt(word("range_open")), amount, _range_sep, alt(amount, plain_number), opt(word("max_after"))),
    seq(bounded("max"), word("max"), opt(word("about")), _bare),
    seq(bounded("min"), word("min"), opt(word("about")), _bare),
    seq(lambda s, c, a, m, _after: bounded("max")(s, c, a, m), opt(word("max")), opt(word("about")), _bare, word("max_after")),
    seq(lambda s, m, _about, _after: bounded("max")(s, None, None, m), _bare, opt(word("about")), word("max_after")),
    seq(
        lambda s, _m, _a, _p, m: replace(bounded("max")(s, None, None, m), per="night"),
        word("max"),
        opt(word("about")),
        word("per_night"),
        _bare,
    ),
    seq(lambda _s, _c, m: m, word("price_cue"), _plain_range),
    seq(lambda s, m, _a: bounded("about")(s, None, None, m), unless(_hundreds, counted), word("about_after")),
    amount,
)


def priced(_s: Lattice, before: Any, m: Money, after: Any) -> Money:
    """Money with what it is for: each night, or everything."""
    return replace(m, per=before or after)


_per: Rule = alt(
    seq(lambda _s, _w: "night", word("per_night")),
    seq(lambda _s, _w: "total", word("total")),
)
money: Rule = memo(
    "money",
    alt(
        seq(priced, opt(_per), bare_money, opt(_per)),
        seq(lambda s, p, m: priced(s, p, m, None), _per, _plain_range),
        seq(lambda s, m, p: priced(s, None, m, p), _plain_range, _per),
    ),
)
