"""Sentences as people write them: half were used while the parser was written, half never."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tuntas.intent.parsing import Goal, read

NOW = datetime(2026, 11, 25, 10)
ZONES = {"en": "America/New_York", "id": "Asia/Jakarta", "zh": "Asia/Shanghai"}
FOLDER = Path(__file__).parent / "sentences"


def sentences(language: str, part: str) -> Iterator[dict[str, Any]]:
    for line in (FOLDER / f"{language}.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["set"] == part:
            yield row


def money(value: dict[str, Any]) -> list[Any]:
    return [value["amount_minor"], value["currency"]]


def compact(slot: str, value: Any, expected: Any) -> Any:
    """A canonical value in the short form of the sentence files."""
    if not isinstance(value, dict):
        return value
    if "code" in value:
        return value["name"] if value["name"] == expected else value["code"]
    if "adults" in value:
        return [value["adults"], value["children"]]
    if "amount_minor" in value:
        return money(value)
    if "count" in value:
        return value["count"]
    if slot == "price_range":
        return {**value, "max": money(value["max"])}
    if slot == "hotel":
        stars = [f"{value['stars']} star"] if value["stars"] else []
        return [*([value["name"]] if value["name"] else []), *stars, *value["features"]]
    return next((value[key] for key in ("number", "kind") if key in value), value["name"] if "name" in value else value)


def matches(goal: Goal, expected: dict[str, Any]) -> bool:
    read_slots = {name: compact(name, slot.canonical, expected.get(name)) for name, slot in goal.slots.items()}
    return read_slots == expected


def judge(row: dict[str, Any], language: str) -> tuple[bool, bool]:
    """Whether all labels are right, and whether everything is."""
    tz = row.get("tz", ZONES[language])
    reading = read(row["text"], now=NOW.replace(tzinfo=ZoneInfo(tz)), tz=tz)
    expected = row.get("goals", [])
    labels = [goal.label for goal in reading.goals] == [label for label, _ in expected] and reading.out_of_scope == row.get("out_of_scope")
    exact = labels and all(matches(goal, slots) for goal, (_, slots) in zip(reading.goals, expected, strict=True))
    return labels, exact


def accuracy(language: str, part: str) -> tuple[float, float]:
    verdicts = [judge(row, language) for row in sentences(language, part)]
    return sum(label for label, _ in verdicts) / len(verdicts), sum(exact for _, exact in verdicts) / len(verdicts)


@pytest.mark.parametrize("language", ["en", "id", "zh"])
def test_sentences_are_read_as_people_mean_them(language: str, record_property: Any) -> None:
    for part in ("tune", "held"):
        labels, exact = accuracy(language, part)
        record_property(f"{language}.{part}", f"labels {labels:.0%}, all slots {exact:.0%}")
        print(f"{language} {part}: labels {labels:.0%}, all slots exact {exact:.0%}")
