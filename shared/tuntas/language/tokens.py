"""Splits a text into tokens: words, digit runs, single Han characters and single signs, each with its offsets in the original."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

PATTERN = re.compile(r"[0-9]+|[\u3400-\u9fff\u3007]|[^\W\d_\u3400-\u9fff]+|\S")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: `norm` is folded (lower case, no accents, half width), `start` and `end` are offsets in the original."""

    norm: str
    start: int
    end: int

    @property
    def is_digits(self) -> bool:
        """Whether it is a run of ASCII digits."""
        return self.norm.isdecimal() and self.norm.isascii()

    @property
    def is_han(self) -> bool:
        """Whether it is one Chinese character."""
        return "\u3400" <= self.norm <= "\u9fff" or self.norm == "\u3007"

    @property
    def is_word(self) -> bool:
        """Whether it is made of letters, Han included."""
        return self.norm[0].isalpha() or self.is_han


def fold_char(char: str) -> str:
    """One character without case, accent or width; always one character, so that offsets hold."""
    if char.isascii():
        return char.lower()
    plain = "".join(c for c in unicodedata.normalize("NFKD", char).lower() if not unicodedata.combining(c))
    return plain if len(plain) == 1 else char


def fold(text: str) -> str:
    """Fold every character of a text; the result is as long as the text."""
    return text.lower() if text.isascii() else "".join(map(fold_char, text))


def tokenize(text: str) -> list[Token]:
    """All tokens of a text, in order; whitespace is dropped, nothing else is."""
    return [Token(m.group(), m.start(), m.end()) for m in PATTERN.finditer(fold(text))]
