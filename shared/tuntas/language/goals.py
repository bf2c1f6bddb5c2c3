"""The table of goals: which labels there are, which slots they have, what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tuntas.language.lexicon import load_table
from tuntas.language.model import Goal


@dataclass(frozen=True)
class Spec:
    """One row of the table: a topic with a label for each thing that may be done with it, the usual one first."""

    topic: str
    labels: Mapping[str, str]
    slots: tuple[str, ...]
    needs: tuple[str, ...]
    enough: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def usual(self) -> str:
        """What is done with it when nothing says what."""
        return next(iter(self.labels))


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return load_table("goals.toml")


@cache
def specs() -> dict[str, Spec]:
    """Every goal by its topic."""
    return {row["topic"]: spec_of(row) for row in table()["goal"]}


def spec_of(row: dict[str, Any]) -> Spec:
    """A row of the table."""
    slots, needs, enough, evidence = (tuple(row[key]) for key in ("slots", "needs", "enough", "evidence"))
    return Spec(row["topic"], row["labels"], slots, needs, enough, evidence)


@cache
def by_label() -> dict[str, Spec]:
    """Every goal by its labels; a label that several topics share belongs to the first."""
    return {label: spec for spec in reversed(specs().values()) for label in spec.labels.values()}


def missing(goal: Goal) -> tuple[str, ...]:
    """The slots that a goal still needs, the most important first; a round trip needs its return date."""
    spec = by_label().get(goal.label)
    if spec is None:
        return ()
    trip = goal.slots.get("trip_type")
    needs = (*spec.needs, "return_date") if trip and trip.canonical == "round_trip" else spec.needs
    return tuple(name for name in needs if name not in goal.slots)
