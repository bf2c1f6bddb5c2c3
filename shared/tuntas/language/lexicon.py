"""The words of three languages with what they may mean, and the lattice of them over one sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from tuntas.language.tokens import Token, tokenize

LANGUAGES = ("en", "id", "zh")
SYNTAX = frozenset(
    (
        "buy_verb", "look_verb", "place_verb", "doing", "determiner", "np_stop", "np_in", "origin_np", "destination_np", "location_np",
        "location_after", "address_cue", "reason_cue", "order_cue", "stop", "doubt", "home", "verb", "imperative",
    ),
)  # fmt: skip
SUFFIXES = ("nya", "ku", "mu")
SHORTEST_STEM = 2
STEMS = frozenset({"goods", "meal", "topic", "feature", "poi", "bill_kind", "reason"})
Meaning = tuple[str, Any]  # category, value
Entry = tuple[tuple[str, ...], str, str, Any]  # further tokens, language, category, value


def load_table(name: str) -> dict[str, Any]:
    """One TOML table of the package's data folder."""
    return tomllib.loads(files(__package__).joinpath("data", name).read_text("utf-8"))


def typed(key: str) -> str | int | float:
    """A table's key as the number it writes, if it writes one."""
    if key.lstrip("-").isdecimal():
        return int(key)
    return float(key) if key.replace(".", "", 1).isdecimal() else key


def phrases_of(language: str) -> Iterator[tuple[str, Any, str]]:
    """Category, value and phrase of every entry of one language."""
    for name in ("values", "words", "intents"):
        for category, rows in load_table(f"{name}_{language}.toml").items():
            for key, phrases in rows.items():
                for phrase in phrases:
                    yield category, typed(key), phrase


@cache
def entries() -> dict[str, list[Entry]]:
    """All phrases by their first token."""
    found: dict[str, list[Entry]] = {}
    for language in LANGUAGES:
        for category, value, phrase in phrases_of(language):
            first, *rest = (t.norm for t in tokenize(phrase))
            found.setdefault(first, []).append((tuple(rest), language, category, value))
    return found


@dataclass
class Lattice:
    """Every reading of every token run of one text, and what is needed to give dates and money a value."""

    text: str
    tokens: list[Token]
    now: datetime
    tz: str
    lang: str
    matches: list[dict[str, list[tuple[Any, int]]]] = field(default_factory=list)
    memo: dict[tuple[str, int], Any] = field(default_factory=dict)
    cuts: dict[str, frozenset[int]] = field(default_factory=dict)

    def by(self, i: int, category: str) -> list[tuple[Any, int]]:
        """Value and end of every phrase of a category that starts at token `i`, longest first."""
        return self.matches[i].get(category, []) if i < len(self.matches) else []

    def longest(self, i: int, category: str) -> int:
        """End of the longest phrase of a category at `i`; `i` itself if there is none."""
        found = self.by(i, category)
        return found[0][1] if found else i

    def reach(self, i: int) -> int:
        """Where the longest phrase with a meaning of its own at `i` ends; the next token if there is none."""
        return max((row[0][1] for category, row in self.matches[i].items() if category not in SYNTAX), default=i + 1)

    def heads(self) -> frozenset[int]:
        """The tokens at which a word begins, by the longest phrases from left to right; only Chinese has others."""
        if "heads" not in self.cuts:
            found, i = set(), 0
            while i < len(self.tokens):
                found.add(i)
                last = max((row[0][1] for row in self.matches[i].values()), default=i + 1)
                i = last if self.tokens[i].is_han else i + 1
            self.cuts["heads"] = frozenset(found)
        return self.cuts["heads"]

    def is_adjacent(self, i: int) -> bool:
        """Whether no space stands between token `i - 1` and token `i`."""
        return 0 < i < len(self.tokens) and self.tokens[i - 1].end == self.tokens[i].start

    def span(self, i: int, j: int) -> tuple[int, int]:
        """Character offsets of the tokens from `i` to before `j`."""
        return self.tokens[i].start, self.tokens[j - 1].end

    def slice(self, i: int, j: int) -> str:
        """The original words of the tokens from `i` to before `j`."""
        start, end = self.span(i, j)
        return self.text[start:end]


def match_at(norms: list[str], i: int) -> Iterator[tuple[str, str, Any, int]]:
    """Language, category, value and end of every phrase at one place."""
    for rest, language, category, value in entries().get(norms[i], ()):
        end = i + 1 + len(rest)
        if not rest or tuple(norms[i + 1 : end]) == rest:
            yield language, category, value, end


def suffixed(norm: str, i: int) -> list[tuple[str, str, Any, int]]:
    """The meanings of an Indonesian word under its suffix: *hotelnya*, *pesananku*."""
    stem = next((norm.removesuffix(end) for end in SUFFIXES if norm.endswith(end) and len(norm) - len(end) >= SHORTEST_STEM), None)
    rows = entries().get(stem, ()) if stem else ()
    return [(language, category, value, i + 1) for rest, language, category, value in rows if not rest and category in STEMS]


def meanings(norms: list[str], i: int, lang: str) -> dict[str, list[tuple[Any, int]]]:
    """By category, value and end of every phrase at one place, longest first; one of another language yields to one as long of its own."""
    found: dict[str, list[tuple[Any, int]]] = {}
    matches = [row for row in match_at(norms, i) if row[0] != "zh" or lang == "zh" or not norms[i].isascii()] or suffixed(norms[i], i)
    own = max((end for language, _, _, end in matches if language == lang), default=i)
    for category, value, end in ((c, v, e) for language, c, v, e in matches if language == lang or e > own):
        row = found.setdefault(category, [])
        if (value, end) not in row:
            row.append((value, end))
    for row in found.values():
        row.sort(key=lambda pair: -pair[1])
    return found


def build(text: str, tokens: list[Token], *, now: datetime, tz: str, lang: str) -> Lattice:
    """The lattice of a text; work is proportional to its length."""
    norms = [t.norm for t in tokens]
    return Lattice(text, tokens, now, tz, lang, [meanings(norms, i, lang) for i in range(len(norms))])
