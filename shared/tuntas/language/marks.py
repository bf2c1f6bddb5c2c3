"""The words of a sentence that say what is wanted: topics, verbs, yes and no, things the platform does not do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tuntas.language.gazetteer import FUZZY_LENGTH, index, nearest
from tuntas.language.lexicon import Lattice, entries

INTENT = (
    "topic", "topic_weak", "payment_verb", "verb", "imperative", "unserved", "question", "chat", "approve", "decline", "cancel", "status",
    "negation", "task_noun", "bill_kind", "doing", "poi", "meal", "goods",
)  # fmt: skip
REPAIRED = frozenset(
    {"topic", "topic_weak", "verb", "payment_verb", "weekday", "month_name", "day", "cabin", "part", "unit", "person", "cancel"}
)
INSIDE_VALUES = frozenset({"topic", "topic_weak", "per_night"})
ACTS = ("doing", "verb", "imperative")
MAX_REPAIRS = 12


@dataclass(frozen=True)
class Mark:
    """A word or phrase of one intent category between two tokens."""

    category: str
    value: Any
    i: int
    j: int


@cache
def repairable() -> dict[str, list[str]]:
    """Words worth mending, by first letter."""
    found: dict[str, list[str]] = {}
    for norm, rows in entries().items():
        if len(norm) >= FUZZY_LENGTH and norm.isascii() and any(not rest and category in REPAIRED for rest, _, category, _ in rows):
            found.setdefault(norm[0], []).append(norm)
    return found


def is_slip(said: str, word: str) -> bool:
    """Whether a short word is no other word with one letter changed: *taken* is no *token*, but *tikcet* a *ticket*."""
    return len(word) > FUZZY_LENGTH or len(said) != len(word) or sorted(said) == sorted(word)


def repair(s: Lattice) -> int:
    """Give misspelt words the meanings of the word they are a slip of; how many were mended."""
    tried = mended = 0
    for i, token in enumerate(s.tokens):
        if tried >= MAX_REPAIRS:
            break
        if s.matches[i] or len(token.norm) < FUZZY_LENGTH or not token.norm.isascii() or not token.norm.isalpha() or token.norm in index():
            continue
        tried += 1
        words = [word for word in nearest(token.norm, repairable().get(token.norm[0], [])) if is_slip(token.norm, word)]
        for rest, _, category, value in entries()[words[0]] if len(words) == 1 else ():
            if not rest:
                s.matches[i].setdefault(category, []).append((value, i + 1))
        mended += len(words) == 1
    return mended


def marks_at(s: Lattice, i: int, categories: Iterable[str]) -> list[Mark]:
    """The longest phrase at a token, in all categories it belongs to; a longer word of any kind hides a shorter (微信 is no letter)."""
    last = max([s.reach(i), *(s.longest(i, category) for category in ACTS)])
    least = s.reach(i)
    return [
        Mark(category, value, i, j)
        for category in categories
        for value, j in s.by(i, category)
        if j == last or (category in ACTS and j >= least and j == s.longest(i, category))
    ]


def find_marks(s: Lattice, values: set[int], places: set[int]) -> list[Mark]:
    """Every mark, left to right; inside a value only topics count (*two rooms*), inside a place nothing."""
    found: list[Mark] = []
    i = 0
    while i < len(s.tokens):
        categories = () if i in places else INSIDE_VALUES if i in values else INTENT
        here = marks_at(s, i, categories)
        found.extend(here)
        i = max(mark.j for mark in here) if here else i + 1 if i in places or i in values else s.reach(i)
    return found
