"""What to say back: one question for what is missing, one line for what was not read. In the person's language."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from tuntas.language.goals import by_label
from tuntas.language.lexicon import load_table
from tuntas.language.model import Reading


@cache
def phrases() -> dict[str, Any]:
    """The table of phrases."""
    return load_table("phrases.toml")


def spoken(lang: str) -> str:
    """The language to answer in: English for one without phrases."""
    return lang if lang in phrases()["question"] else "en"


def most_important(label: str, missing: Collection[str]) -> str | None:
    """The slot to ask for first: in the order of the label's needs, then as given; None if nothing is missing."""
    spec = by_label().get(label)
    needs = spec.needs if spec else ()
    return next((slot for slot in (*needs, *missing) if slot in missing), None)


def question(label: str, missing: Collection[str], lang: str) -> str | None:
    """One question for the most important missing slot of a goal, in `en`, `id` or `zh`; None if nothing is missing."""
    slot = most_important(label, missing)
    if slot is None:
        return None
    table = phrases()["question"][spoken(lang)]
    return str(table.get(slot, table["other"]))


def not_read(reading: Reading) -> str | None:
    """One line with the words that found no place; None if all did."""
    if not reading.unread:
        return None
    lang = spoken(reading.lang)
    words = phrases()["join"][lang].join(text for _, _, text in reading.unread)
    return str(phrases()["unread"][lang]).format(words=words)
