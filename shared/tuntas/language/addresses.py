"""Addresses: all that stands behind *deliver to*, *kirim ke*, 送到, up to what is none of it."""

from __future__ import annotations

from tuntas.language.lexicon import Lattice
from tuntas.language.scan import Found

ASKING = frozenset(("mana", "dimana", "what", "where", "什", "哪", "berapa"))
ENDS_CLAUSE = frozenset("。！？!?;；\n")
TO = frozenset(("to", "ke", "jadi", "成", "为", "到", "是"))
ROADS = frozenset("路街道巷弄号")
EMPTY = ("pronoun", "stop", "np_stop", "connector", "recipient_cue")


def find_addresses(s: Lattice, values: list[Found]) -> list[tuple[int, int]]:
    """Every address, without the words before it."""
    stops = {v.i for v in values if v.kind in {"date", "time", "money"} and not is_in_address(s, v)}
    found: list[tuple[int, int]] = []
    heads, i = s.heads(), 0
    while i < len(s.tokens):
        j = s.longest(i, "address_cue") if i in heads else i
        j = led_to(s, j) if j > i else j
        end = address_end(s, j, stops) if j > i else i
        if end > j > i and not is_empty(s, j, end):
            found.append((j, end))
        i = max(end, i + 1)
    return found


def led_to(s: Lattice, j: int) -> int:
    """Where an address begins that is said behind more words: *the address on order 12 to 8 High Street*."""
    for k in range(j, min(j + 6, len(s.tokens) - 1)):
        if s.tokens[k].norm in ",.，。" or (k > j and s.by(k, "address_cue")):
            return j
        if s.tokens[k].norm in TO:
            return k + 1
    return j


def is_empty(s: Lattice, i: int, j: int) -> bool:
    """Whether the words behind a cue are no address."""
    asks = any(s.tokens[k].norm in ASKING for k in range(i, min(j + 3, len(s.tokens))))
    return asks or s.tokens[i].norm in {"of", "for"} or any(s.longest(i, category) >= j for category in EMPTY)


def is_in_address(s: Lattice, value: Found) -> bool:
    """Whether what looks like a day is a street's number: *42nd Street*, 文三路8号."""
    before = s.tokens[value.i - 1].norm if value.i else ""
    after = value.j < len(s.tokens) and s.text[s.tokens[value.j].start].isupper()
    return before in ROADS or (value.kind == "date" and after and s.tokens[value.i].is_digits)


def address_end(s: Lattice, j: int, stops: set[int]) -> int:
    """Where an address ends: before a day, a time, an amount, a way to pay, or a comma with no number or name behind it."""
    k = j
    while k < len(s.tokens) and k not in stops and not (k > j and ends_at(s, k)):
        k += 1
    while k > j and (not (s.tokens[k - 1].is_word or s.tokens[k - 1].is_digits) or s.longest(k - 1, "particle") == k):
        k -= 1
    return k


def ends_at(s: Lattice, k: int) -> bool:
    """Whether a token ends an address."""
    norm = s.tokens[k].norm
    if norm in ENDS_CLAUSE:
        return True
    if norm in ",，、":
        return not goes_on(s, k)
    return any(s.by(k, category) for category in ("method_cue", "address_stop")) or bool(s.by(k, "connector") and norm not in ".-/")


def goes_on(s: Lattice, k: int) -> bool:
    """Whether what stands behind a comma still belongs to an address: it begins with a capital or a digit."""
    if k + 1 >= len(s.tokens):
        return False
    token = s.tokens[k + 1]
    return token.is_digits or s.text[token.start].isupper()
