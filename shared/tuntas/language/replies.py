"""Tells a person how their task stands, from typed facts by templates; and says of a text whether it holds to such facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tuntas.contracts.money import Money
from tuntas.language.lexicon import load_table

LANGUAGES = ("en", "id", "zh")
Facts = Mapping[str, str | Sequence[str]]
"""Names to words: `question`, `titles`, `price`, `undo`, `kept`, `why`; those that are empty are left out."""

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NAME = re.compile(r"[A-Z][\w'’&-]*|[$€£¥₩]")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ][\w'’&-]*")


@cache
def _table() -> dict[str, Any]:
    return load_table("replies.toml")


def write(state: str, facts: Facts, lang: str) -> str:
    """Return what to tell a person: the sentences of the state whose facts are there; a state without sentences is `other`."""
    told = _table()[lang if lang in LANGUAGES else "en"]
    lines = [line for line in told["states"].get(state, told["states"]["other"]) if _fits(line, facts)]
    shown = {name: fact if isinstance(fact, str) else told["join"].join(fact) for name, fact in facts.items()}
    return str(told["between"].join(line["text"].format_map(shown) for line in lines))


def _fits(line: Mapping[str, Any], facts: Facts) -> bool:
    needs = re.findall(r"\{(\w+)\}", line["text"])
    return all(facts.get(name) for name in needs) and not any(facts.get(name) for name in line.get("without", ()))


def amounts(found: Mapping[str, int], lang: str) -> str:
    """Return amounts in words, such as `IDR 1,250,000`; Indonesian writes points for commas and the reverse."""
    text = " + ".join(str(Money(amount_minor=minor, currency=currency)) for currency, minor in sorted(found.items()) if minor)
    return text.translate(str.maketrans(",.", ".,")) if lang == "id" else text


def why(code: str | None, lang: str) -> str:
    """Return a code as words; empty for one that no words are known of."""
    return str(_table()[lang if lang in LANGUAGES else "en"]["codes"].get(code or "", ""))


def grounded(text: str, facts: Facts, lang: str) -> bool:
    """Say whether a text holds to the facts: every number, amount and name in it is in them, as it is written there.

    A name is a word in capitals, or in Chinese any word in Latin script; a capital that only begins a sentence of our own vocabulary is
    none. What has no capitals and no digits, such as a name in Han characters, is not seen.
    """
    given = " ".join(fact for value in facts.values() for fact in ([value] if isinstance(value, str) else value))
    numbers = set(_NUMBER.findall(given))
    if not set(_NUMBER.findall(text)) <= numbers:
        return False
    known = {word.casefold() for word in _words(given)} | _vocabulary(lang if lang in LANGUAGES else "en")
    named = _LATIN.findall(text) if lang == "zh" else _NAME.findall(text)
    return all(part.casefold() in known for name in named for part in (_WORD.findall(name) or [name]))


def _words(text: str) -> Iterator[str]:
    yield from _WORD.findall(text)
    yield from re.findall(r"[$€£¥₩]", text)


@cache
def _vocabulary(lang: str) -> frozenset[str]:
    """The words that our own sentences are made of, and those that sentences begin with."""
    told = _table()[lang]
    lines = [re.sub(r"\{\w+\}", " ", line["text"]) for state in told["states"].values() for line in state]
    return frozenset(word.casefold() for text in (*lines, *told["codes"].values(), *told["begins"]) for word in _WORD.findall(text))
