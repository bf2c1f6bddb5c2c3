"""Dates, times, lengths, money, numbers and people as they are said: every line of readings/, worked out by hand.

A line is `text | kind value unit grain`, `; ` between several values; `a..b` goes from a to b. It is said on Wednesday 25 November 2026 at
10:00 in New York (en) and Jakarta (id), 11:00 in Shanghai (zh).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tuntas.language import Value, values

FOLDER = Path(__file__).parent / "readings"
ZONES = {"en": "America/New_York", "id": "Asia/Jakarta", "zh": "Asia/Shanghai"}
OFFSETS = {"en": "-05:00", "id": "+07:00", "zh": "+08:00"}
NOW = {
    "en": datetime(2026, 11, 25, 15, tzinfo=UTC),
    "id": datetime(2026, 11, 25, 3, tzinfo=UTC),
    "zh": datetime(2026, 11, 25, 3, tzinfo=UTC),
}


def lines(language: str) -> list[tuple[str, str]]:
    rows = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
    return [(text, wanted) for text, _, wanted in (row.partition(" | ") for row in rows)]


def shown(value: Value, language: str) -> str:
    said = value.value
    text = f"{said['adults']}+{said['children']}" if isinstance(said, dict) else str(said)
    if value.end is not None or value.kind == "interval":
        text += f"..{value.end}"
    return " ".join(part for part in (value.kind, text.replace(OFFSETS[language], ""), value.unit, value.grain) if part)


@pytest.mark.parametrize("language", list(ZONES))
def test_every_line_reads_as_it_is_meant(language: str) -> None:
    wrong = {}
    for text, wanted in lines(language):
        found = values(text, now=NOW[language], tz=ZONES[language], lang=language)
        read = "; ".join(shown(value, language) for value in found)
        if read != wanted:
            wrong[text] = (read, wanted)
    assert not wrong


def test_there_are_lines_in_every_language() -> None:
    assert all(len(lines(language)) >= 100 for language in ZONES)
