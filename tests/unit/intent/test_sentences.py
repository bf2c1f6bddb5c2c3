"""Sentences as people write them: half were used while the parser was written, half never were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.intent.comparing import accepted
from tests.unit.intent.figures import as_goals

from tuntas.language import read

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)  # a Wednesday
EARLIER = datetime(2026, 11, 25, 15, tzinfo=UTC)  # the same Wednesday in America
ZONES = {"en": "America/New_York", "id": "Asia/Jakarta", "zh": "Asia/Shanghai"}
FOLDER = Path(__file__).parent / "sentences"
LABEL_FLOOR = {"tune": 0.95, "held": 0.9}
SLOT_FLOOR = {"tune": 0.86, "held": 0.8}


def sentences(language: str, part: str) -> Iterator[dict[str, Any]]:
    for line in (FOLDER / f"{language}.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["set"] == part:
            yield row


def judge(row: dict[str, Any], language: str) -> tuple[bool, bool]:
    """Whether all labels are right, and whether every slot is too."""
    tz = row.get("tz", ZONES[language])
    reading = read(row["text"], now=EARLIER if tz.startswith("America") else NOW, tz=tz)
    return accepted(row, as_goals(reading), reading.out_of_scope)


def accuracy(language: str, part: str) -> tuple[float, float]:
    verdicts = [judge(row, language) for row in sentences(language, part)]
    return sum(label for label, _ in verdicts) / len(verdicts), sum(exact for _, exact in verdicts) / len(verdicts)


@pytest.mark.parametrize("part", ["tune", "held"])
@pytest.mark.parametrize("language", ["en", "id", "zh"])
def test_sentences_are_read_as_people_mean_them(language: str, part: str, record_property: Callable[[str, object], None]) -> None:
    labels, exact = accuracy(language, part)
    record_property("accuracy", f"{language} {part}: labels {labels:.0%}, all slots {exact:.0%}")
    assert labels >= LABEL_FLOOR[part], f"{language} {part}: labels {labels:.0%}"
    assert exact >= SLOT_FLOOR[part], f"{language} {part}: all slots {exact:.0%}"


def test_there_are_enough_sentences_in_every_language() -> None:
    for language in ZONES:
        assert sum(1 for part in ("tune", "held") for _ in sentences(language, part)) >= 40
