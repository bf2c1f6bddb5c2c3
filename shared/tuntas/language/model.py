"""What the parser answers: values found in a sentence, and goals with their slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Value:
    """One typed value in a text.

    `kind` is `date`, `time`, `datetime`, `interval`, `duration`, `money`, `number`, `quantity` or `people`. `span` holds character
    offsets and `text` is the slice. `value` is JSON-able: an ISO 8601 date, `HH:MM` or local instant with offset, a number, integer
    minor units, or `{"adults", "children"}`. An `interval` of days, times or instants goes to `end` (of days the last one); it has the
    value `None` if it is open at the front, and no `end` if it is open behind. A longer day or time (a week, the evening) has an `end`
    too. `grain` is `day`, `week`, `weekend`, `month`, `year`, `part`, `minute`; `unit` is a duration's or a quantity's unit or a
    currency's ISO 4217 code.
    """

    kind: str
    span: tuple[int, int]
    text: str
    value: Any
    grain: str | None = None
    end: Any = None
    unit: str | None = None


@dataclass(frozen=True)
class Slot:
    """One filled slot: its name, the words it was read from, a JSON-able typed value, and where the words stand."""

    slot: str
    value: str
    canonical: Any
    span: tuple[int, int]


@dataclass(frozen=True)
class Goal:
    """One thing the person wants: a label of the taxonomy, its slots by name, and a confidence between 0 and 1."""

    label: str
    slots: Mapping[str, Slot] = field(default_factory=dict)
    confidence: float = 0.0


@dataclass(frozen=True)
class Reading:
    """A whole sentence, read. `unread` holds the meaningful words that found no place: start, end, text."""

    lang: str
    goals: tuple[Goal, ...] = ()
    out_of_scope: str | None = None
    unread: tuple[tuple[int, int, str], ...] = ()
