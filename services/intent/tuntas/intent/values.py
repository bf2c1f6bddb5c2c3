"""`python -m tuntas.intent values`: the dates, times, amounts and counts of texts, one JSON line for each JSON line."""

from __future__ import annotations

from typing import Any

from tuntas.intent.parse import serve
from tuntas.language import Value, values
from tuntas.language.lines import Asked


def main() -> None:
    """Answer standard input line by line on standard output."""
    serve(found)


def found(asked: Asked) -> dict[str, Any]:
    """Every value of the text, in order."""
    return {"values": [value_json(value) for value in values(asked.text, now=asked.now, tz=asked.tz, lang=asked.lang)]}


def value_json(value: Value) -> dict[str, Any]:
    """A value; `grain`, `end` and `unit` only where it has one, `end` also (as null) where an interval is open behind."""
    made: dict[str, Any] = {"kind": value.kind, "span": list(value.span), "text": value.text, "value": value.value}
    if value.grain is not None:
        made["grain"] = value.grain
    if value.end is not None or value.kind == "interval":
        made["end"] = value.end
    if value.unit is not None:
        made["unit"] = value.unit
    return made
