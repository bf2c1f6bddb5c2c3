"""`intent.parse`: words are read by rules and word lists, as the platform reads them itself."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from pydantic import JsonValue

from tuntas.contracts.base import Document
from tuntas.engines.faults import EngineFault, Kind
from tuntas.language import Goal, read


def answer(document: Document) -> Document:
    """Return what the words of a document ask for. Raises EngineFault `bad_request`: no such time zone."""
    asked: Any = document
    try:
        found = read(asked["text"], now=datetime.fromisoformat(asked["now"]), tz=asked["tz"], lang=asked.get("lang"))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EngineFault(Kind.BAD_REQUEST, f"tz or now: {type(error).__name__}") from None
    return {
        "lang": found.lang,
        "goals": [_goal(goal) for goal in found.goals],
        "out_of_scope": found.out_of_scope,
        "unread": [list(words) for words in found.unread],
    }


def _goal(goal: Goal) -> Document:
    slots: list[JsonValue] = [
        {"slot": slot.slot, "value": slot.value, "canonical": slot.canonical, "span": list(slot.span)} for slot in goal.slots.values()
    ]
    return {"label": goal.label, "confidence": goal.confidence, "slots": slots}
