"""Which of the three languages a text is in: script first, then whose words it has."""

from __future__ import annotations

from functools import cache

from tuntas.language.lexicon import LANGUAGES, phrases_of
from tuntas.language.tokens import Token, tokenize

MIN_HAN = 3


@cache
def vocabulary() -> dict[str, frozenset[str]]:
    """For every word of the lexicon the languages that have it."""
    found: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for _, _, phrase in phrases_of(language):
            for token in tokenize(phrase):
                found.setdefault(token.norm, set()).add(language)
    return {norm: frozenset(languages) for norm, languages in found.items()}


def detect(tokens: list[Token], tz: str) -> str:
    """`en`, `id` or `zh`; a text that shows nothing is Indonesian in an Indonesian time zone, else English."""
    han = sum(t.is_han for t in tokens)
    words = [t for t in tokens if t.is_word and not t.is_han]
    if han and (not words or han >= max(MIN_HAN, len(words))):
        return "zh"
    votes = [vocabulary().get(t.norm, frozenset()) for t in words]
    english = sum("en" in v and "id" not in v for v in votes)
    indonesian = sum("id" in v and "en" not in v for v in votes)
    if english == indonesian:
        indonesian += tz in {"Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Pontianak"}
    return "id" if indonesian > english else "en"
