"""A sentence with everything found in it, cut into one segment for each thing it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuntas.language.dates import Day
from tuntas.language.goals import Spec, specs
from tuntas.language.lexicon import Lattice, build
from tuntas.language.marks import Mark, find_marks, repair
from tuntas.language.model import Slot
from tuntas.language.places import FoundPlace, find_places
from tuntas.language.scan import Found, find
from tuntas.language.tokens import Token

TRANSPORT = ("cabin", "airline", "trip")


@dataclass
class Draft:
    """A goal being read: the tokens `start` to `end` are its own, `at` and `until` those of the word that named it."""

    spec: Spec
    at: int
    until: int
    start: int = 0
    end: int = 0
    slots: dict[str, Slot] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)
    is_plural: bool = False
    name: tuple[int, int] | None = None

    def has(self, i: int) -> bool:
        """Whether a token lies in its segment."""
        return self.start <= i < self.end


@dataclass
class Sentence:
    """A lattice with its values, places and marks; `used` gathers the tokens that found a place."""

    s: Lattice
    values: list[Found]
    places: list[FoundPlace]
    marks: list[Mark]
    mended: int
    drafts: list[Draft] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

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


def analyse(text: str, tokens: list[Token], *, now: datetime, tz: str, lang: str) -> Sentence:
    """Find values, then places in what they leave (三亚 has a digit in its name), then marks in what both leave."""
    s = build(text, tokens, now=now, tz=tz, lang=lang)
    mended = repair(s)
    values = find(s)
    places = find_places(s, tokens_of(v for v in values if v.kind != "number"))
    values = [v for v in values if v.kind != "number" or tokens_of([v]).isdisjoint(tokens_of(places))]
    taken = tokens_of(values)
    marks = find_marks(s, taken, tokens_of(places))
    return Sentence(s, values, places, marks, mended)


def ends_before(s: Lattice, i: int, *categories: str) -> Mark | None:
    """The phrase of one of the categories that ends right before token `i`, the longest one."""
    found = [Mark(c, v, k, end) for k in range(max(0, i - 4), i) for c in categories for v, end in s.by(k, c) if end == i]
    return found[0] if found else None


def starts_at(s: Lattice, i: int, *categories: str) -> Mark | None:
    """The longest phrase of one of the categories that starts at token `i`."""
    found = [Mark(c, v, i, end) for c in categories for v, end in s.by(i, c)]
    return max(found, key=lambda m: m.j) if found else None


def is_negated(sentence: Sentence, mark: Mark) -> bool:
    """Whether *no*, *without*, *ga usah*, 不要 stands right before a topic."""
    return any(m.category == "negation" and 0 <= mark.i - m.j <= 1 for m in sentence.marks if m.i < mark.i)


def is_already_theirs(sentence: Sentence, mark: Mark) -> bool:
    """Whether a trip or stay is spoken of as one that exists: *my flight*, *pesawat saya*, 我的航班."""
    owned = ends_before(sentence.s, mark.i, "possessive") or starts_at(sentence.s, mark.j, "possessive_after")
    return bool(owned) and mark.value in {"flight", "hotel"} and not sentence.places


def has_evidence(sentence: Sentence, spec: Spec) -> bool:
    """Whether something stands in the sentence that makes a weak word mean its topic."""
    kinds = {v.kind for v in sentence.values} | ({"place"} if sentence.places else set())
    return not kinds.isdisjoint(spec.evidence)


def topic_of(mark: Mark) -> tuple[str, bool]:
    """The topic of a mark, and whether it was named in the plural: *flights*, *hotels* ask to see some."""
    name = str(mark.value)
    return (name[:-1], True) if name.endswith("s") and name[:-1] in specs() else (name, False)


def find_mentions(sentence: Sentence) -> list[Draft]:
    """The first mention of each topic, a strong word before a weak one."""
    found: dict[str, Draft] = {}
    for category in ("topic", "topic_weak"):
        for mark in sentence.marks:
            if mark.category != category or is_negated(sentence, mark) or is_already_theirs(sentence, mark):
                continue
            topic, is_plural = topic_of(mark)
            spec = specs()[topic]
            if topic not in found and (category == "topic" or has_evidence(sentence, spec)):
                found[topic] = Draft(spec, mark.i, mark.j, is_plural=is_plural)
    return sorted(found.values(), key=lambda d: d.at)


def cut(sentence: Sentence) -> None:
    """Give every goal its segment: they part at the last connector between two mentions, else where the later is named."""
    n = len(sentence.s.tokens)
    values = tokens_of(sentence.values)
    for before, after in zip(sentence.drafts, sentence.drafts[1:], strict=False):
        joints = [k for k in range(before.until, after.at) if k not in values and sentence.s.by(k, "connector")]
        border = joints[-1] if joints else (before.until if sentence.s.lang == "zh" else after.at)
        before.end = after.start = border
    if sentence.drafts:
        sentence.drafts[0].start, sentence.drafts[-1].end = 0, n
