"""`python -m tests.unit.intent.figures`: how many gold sentences are read as people mean them; of tune lines also which are not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.intent.comparing import accepted, free, one_fits, options

from tuntas.language import Reading, read

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)  # a Wednesday
EARLIER = datetime(2026, 11, 25, 15, tzinfo=UTC)  # the same Wednesday in America
ZONES = {"en": "America/New_York", "id": "Asia/Jakarta", "zh": "Asia/Shanghai"}
PARTS = ("tune", "held")
FOLDER = Path(__file__).parent / "gold"
FLOORS = {"en": (0.93, 0.86), "id": (0.94, 0.90), "zh": (0.87, 0.83)}  # of the tune half: intent, slots


@dataclass
class Tally:
    """Counts over one file: sentences, those with the right labels, those right as a whole, and slots found, wanted and right."""

    total: int = 0
    labels: int = 0
    exact: int = 0
    found: int = 0
    wanted: int = 0
    right: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    @property
    def intent(self) -> float:
        """The share of sentences with exactly the right labels."""
        return self.labels / self.total

    @property
    def whole(self) -> float:
        """The share of sentences where every goal and slot is right."""
        return self.exact / self.total

    @property
    def slots(self) -> float:
        """The harmonic mean of precision and recall over slots, of goals with the right label in the right place."""
        return 2 * self.right / max(1, self.found + self.wanted)


def rows(language: str, part: str) -> Iterator[dict[str, Any]]:
    """The sentences of one file."""
    for line in (FOLDER / f"{language}.{part}.jsonl").read_text("utf-8").splitlines():
        yield json.loads(line)


def reading(row: Mapping[str, Any], language: str) -> Reading:
    """What the parser makes of a sentence; the language is not told."""
    tz = row.get("tz", ZONES[language])
    return read(row["text"], now=EARLIER if tz.startswith("America") else NOW, tz=tz)


def as_goals(found: Reading) -> list[tuple[str, dict[str, tuple[Any, str]]]]:
    """Goals in the form of the comparer."""
    return [(goal.label, {name: (slot.canonical, slot.value) for name, slot in goal.slots.items()}) for goal in found.goals]


def count_slots(tally: Tally, row: Mapping[str, Any], goals: list[tuple[str, dict[str, tuple[Any, str]]]]) -> None:
    """Count the slots against the first accepted reading; a slot under a wrong label is a wrong slot."""
    wanted = row.get("goals", [])
    for k in range(max(len(wanted), len(goals))):
        label, found = goals[k] if k < len(goals) else ("", {})
        gold_label, gold = wanted[k] if k < len(wanted) else ("", {})
        count_goal(tally, gold if label in gold_label.split("|") else {}, found, label)
        tally.wanted += 0 if label in gold_label.split("|") else sum(None not in options(v) for v in gold.values())


def count_goal(tally: Tally, gold: Mapping[str, Any], found: Mapping[str, tuple[Any, str]], label: str) -> None:
    """Count one goal's slots; those that may be missing are wanted only where they are found, those that do no harm not at all."""
    left = dict(found)
    for key, value in gold.items():
        name = next((name for name in key.split("|") if name in left), None)
        tally.wanted += name is not None or None not in options(value)
        tally.found += name is not None
        tally.right += name is not None and one_fits(value, name, *left.pop(name))
    tally.found += sum(not free(name, label, *value) for name, value in left.items())


def measure(language: str, part: str) -> Tally:
    """The tally of one file."""
    tally = Tally()
    for number, row in enumerate(rows(language, part), 1):
        found = reading(row, language)
        goals = as_goals(found)
        labels, exact = accepted(row, goals, found.out_of_scope)
        tally.total += 1
        tally.labels += labels
        tally.exact += exact
        count_slots(tally, row, goals)
        if not exact:
            tally.failures.append((number, "slots" if labels else "label"))
    return tally


@cache
def measured(language: str, part: str) -> Tally:
    """The tally of one file, read once."""
    return measure(language, part)


def table() -> Iterator[str]:
    """One line of figures for each language and half."""
    for language in ZONES:
        for part in PARTS:
            tally = measured(language, part)
            shares = f"intent {tally.intent:6.1%}  slots {tally.slots:6.1%}  whole {tally.whole:6.1%}"
            yield f"{language} {part} {tally.total:4}  {shares}"


def main() -> None:
    """Print the table, and which tune lines fail."""
    sys.stdout.write("\n".join(table()) + "\n")
    for language in ZONES:
        failures = measured(language, "tune").failures
        sys.stdout.write(f"{language} tune fails: " + " ".join(f"{number}:{kind}" for number, kind in failures) + "\n")


if __name__ == "__main__":
    main()
