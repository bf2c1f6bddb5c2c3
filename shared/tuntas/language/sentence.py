"""A sentence with everything found in it, cut into one segment for each thing it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuntas.language.addresses import find_addresses
from tuntas.language.codes import flight_numbers, order_numbers
from tuntas.language.dates import Day
from tuntas.language.goals import Spec
from tuntas.language.lexicon import Lattice, build
from tuntas.language.marks import Mark, find_marks, repair
from tuntas.language.model import Slot
from tuntas.language.places import FoundPlace, find_places
from tuntas.language.scan import Found, find
from tuntas.language.tokens import Token

TRANSPORT = ("cabin", "airline", "trip")


@dataclass
class Draft:
    """A goal being read: the tokens `start` to `end` are its own, `at` and `until` those of the word that named it.

    `hint` is what that word says is to be done; `is_weak` that it may also mean something else.
    """

    spec: Spec
    at: int
    until: int
    start: int = 0
    end: int = 0
    slots: dict[str, Slot] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)
    hint: str | None = None
    is_weak: bool = False
    name: tuple[int, int] | None = None
    thing: tuple[int, int] | None = None
    act: str = ""

    def has(self, i: int) -> bool:
        """Whether a token lies in its segment."""
        return self.start <= i < self.end


@dataclass
class Sentence:
    """A lattice with its values, places and marks; `used` gathers the tokens that found a place.

    `codes` and `flights` have where each number of an order or flight begins and ends; `held` are the tokens of `addresses`.
    """

    s: Lattice
    values: list[Found]
    places: list[FoundPlace]
    marks: list[Mark]
    mended: int
    drafts: list[Draft] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    codes: dict[int, int] = field(default_factory=dict)
    flights: dict[int, int] = field(default_factory=dict)
    addresses: list[tuple[int, int]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)

    def fill(self, draft: Draft, name: str, canonical: Any, i: int, j: int) -> bool:
        """Give a goal a slot read from tokens `i` to `j`, unless it has it or is not to have it."""
        if name in draft.slots or name not in draft.spec.slots:
            return False
        draft.slots[name] = Slot(name, self.s.slice(i, j), canonical, self.s.span(i, j))
        self.used.update(range(i, j))
        return True

    def of_kind(self, *kinds: str) -> list[Found]:
        """Values of some kinds, in order."""
        return [v for v in self.values if v.kind in kinds]

    def draft(self, topic: str) -> Draft | None:
        """The goal of a topic."""
        return next((d for d in self.drafts if d.spec.topic == topic), None)

    def has_mark(self, *categories: str) -> bool:
        """Whether a mark of one of these categories was found."""
        return any(m.category in categories for m in self.marks)


def tokens_of(pieces: Iterable[Found | FoundPlace]) -> set[int]:
    """The tokens of some values or places."""
    return {k for piece in pieces for k in range(piece.i, piece.j)}


def inside_names(s: Lattice) -> set[int]:
    """The tokens after the first of dishes and goods in several words: the *Padang* of *nasi padang* is no town."""
    names = ((i, s.longest(i, c)) for i in range(len(s.tokens)) for c in ("meal", "cuisine", "goods") if not s.tokens[i].is_han)
    return {k for i, j in names for k in range(i + 1, j)} | {k for k in range(1, len(s.tokens)) if is_style(s, k)}


def is_style(s: Lattice, k: int) -> bool:
    """Whether a town's name is the style of a kitchen: *restoran padang*."""
    return bool(s.by(k, "cuisine")) and not s.tokens[k].is_han and bool(s.matches[k - 1].keys() & {"topic", "eatery", "meal"})


def analyse(text: str, tokens: list[Token], *, now: datetime, tz: str, lang: str) -> Sentence:
    """Find numbers of orders, values, then places in what they leave (三亚 has a digit in its name), then marks in what all leave."""
    s = build(text, tokens, now=now, tz=tz, lang=lang)
    mended = repair(s)
    codes, flights = dict(order_numbers(s)), dict(flight_numbers(s))
    coded = {k for found in (codes, flights) for i, j in found.items() for k in range(i, j)}
    values = [v for v in find(s) if coded.isdisjoint(range(v.i, v.j))]
    addresses = find_addresses(s, values)
    held = {k for i, j in addresses for k in range(i, j)}
    held |= coded
    values = [v for v in values if held.isdisjoint(range(v.i, v.j))]
    taken = coded | held | tokens_of(v for v in values if v.kind != "number")
    places = find_places(s, taken | inside_names(s))
    values = [v for v in values if v.kind != "number" or tokens_of([v]).isdisjoint(tokens_of(places))]
    marks = find_marks(s, tokens_of(values) | coded, tokens_of(places) | held)
    return Sentence(s, values, places, marks, mended, codes=codes, flights=flights, addresses=addresses, held=held)


def ends_before(s: Lattice, i: int, *categories: str) -> Mark | None:
    """The phrase of one of the categories that ends right before token `i`, the longest one."""
    found = [Mark(c, v, k, end) for k in range(max(0, i - 4), i) for c in categories for v, end in s.by(k, c) if end == i]
    return found[0] if found else None


def starts_at(s: Lattice, i: int, *categories: str) -> Mark | None:
    """The longest phrase of one of the categories that starts at token `i`."""
    found = [Mark(c, v, i, end) for c in categories for v, end in s.by(i, c)]
    return max(found, key=lambda m: m.j) if found else None
