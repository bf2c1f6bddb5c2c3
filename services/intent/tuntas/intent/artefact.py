"""What an engine read, held against the words it was read from: it may see what our own reader misses, and may invent nothing.

Labels and slots are known ones, spans lie in the text, and each value is one that the words carry: a name that stands there, or an amount,
a date, a time, a count or a place that our own reader finds in them. What else an engine says is refused whole, and our own reader reads.
"""

import re
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

from tuntas.contracts.base import Document
from tuntas.kit.engines import Forgone
from tuntas.language import Goal, Reading, Slot, read, values
from tuntas.language.gazetteer import key_of, lookup
from tuntas.language.goals import by_label, table

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d{2}:\d{2}")
_Span = tuple[Annotated[int, Field(ge=0)], int]


class _Slot(BaseModel, frozen=True):
    slot: str
    value: str
    canonical: JsonValue
    span: _Span


class _Goal(BaseModel, frozen=True):
    label: str
    confidence: float = Field(default=0.5, ge=0, le=1)
    slots: tuple[_Slot, ...]


class _Artefact(BaseModel, frozen=True):
    lang: Literal["en", "id", "zh"]
    goals: tuple[_Goal, ...]
    out_of_scope: Literal["not_a_task", "unsupported"] | None
    unread: tuple[tuple[Annotated[int, Field(ge=0)], int, str], ...]


def question(text: str, *, now: datetime, tz: str, lang: str | None) -> Document:
    """Return what the scenario `intent.parse` is asked."""
    labels: dict[str, JsonValue] = {label: list(spec.slots) for label, spec in by_label().items()}
    return {"text": text, "now": now.isoformat(), "tz": tz, "lang": lang, "labels": labels}


def reading(found: Any, text: str, *, now: datetime, tz: str, lang: str | None) -> Reading:
    """Return an engine's answer as what was read.

    Raises:
        Forgone: `invalid`: it is not an answer, or says what the words do not.
    """
    try:
        artefact = _Artefact.model_validate(found)
    except ValidationError as error:
        raise Forgone("invalid", f"{error.error_count()} faults of form") from None
    words = _Words(text, now, tz, lang)
    goals = tuple(_goal(goal, words) for goal in artefact.goals)
    if bool(goals) == (artefact.out_of_scope is not None):
        raise Forgone("invalid", "goals and out of scope at once, or neither")
    for begin, end, part in artefact.unread:
        _held(begin < end <= len(text) and text[begin:end] == part, "unread words that are not there")
    return Reading(artefact.lang, goals, artefact.out_of_scope, artefact.unread)


def _held(condition: object, reason: str) -> None:
    if not condition:
        raise Forgone("invalid", reason)


def _goal(goal: _Goal, words: "_Words") -> Goal:
    spec = by_label().get(goal.label)
    _held(spec is not None or goal.label in _task_labels(), "a label that is not known")
    slots = {}
    for each in goal.slots:
        begin, end = each.span
        _held(spec is None or each.slot in spec.slots or words.fills(each.slot), "a slot that the label does not have")
        _held(begin < end <= len(words.text) and words.text[begin:end] == each.value, "a span that is not the value's")
        _held(words.carry(each), f"a value of {each.slot} that the words do not carry")
        slots[each.slot] = Slot(each.slot, each.value, each.canonical, each.span)
    return Goal(goal.label, slots, goal.confidence)


def _task_labels() -> Collection[str]:
    return {"task.answer", *table()["tasks"].values()}


class _Words:
    """A text, and what our own reader makes of it, as far as that is needed."""

    def __init__(self, text: str, now: datetime, tz: str, lang: str | None) -> None:
        self.text, self._when, self._lang = text, (now, tz), lang

    def carry(self, slot: _Slot) -> bool:
        """Say whether the words carry a slot's value."""
        found = slot.canonical
        if isinstance(found, dict) and found.keys() == {"name"}:
            return str(found["name"]).casefold() in self.text.casefold()
        if isinstance(found, dict) and "code" in found:
            place = lookup(key_of(slot.value))
            return (place is not None and place.as_json() == found) or self.ours(slot.slot, found)
        return self._typed(found) or self.ours(slot.slot, found)

    def _typed(self, found: Any) -> bool:
        spoken = self._values
        if isinstance(found, dict) and found.keys() == {"amount_minor", "currency"}:
            return any(v.kind == "money" and (v.value, v.unit) == (found["amount_minor"], found["currency"]) for v in spoken)
        if isinstance(found, str) and _INSTANT.fullmatch(found):
            return any(found in {v.value, v.end} for v in spoken if isinstance(v.value, str | None) and isinstance(v.end, str | None))
        return any(v.kind == "people" and v.value == found for v in spoken)

    @cached_property
    def _values(self) -> list[Any]:
        now, tz = self._when
        return values(self.text, now=now, tz=tz, lang=self._lang)

    @cached_property
    def _own(self) -> list[Slot]:
        now, tz = self._when
        return [slot for goal in read(self.text, now=now, tz=tz, lang=self._lang).goals for slot in goal.slots.values()]

    def fills(self, name: str) -> bool:
        """Say whether our own reader fills a slot of this name."""
        return any(slot.slot == name for slot in self._own)

    def ours(self, name: str, canonical: object) -> bool:
        """Say whether our own reader fills the slot, or one of another name, with the same value."""
        return any(slot.canonical == canonical for slot in self._own if slot.slot == name or not isinstance(canonical, str))
