"""`python -m tuntas.intent parse`: what people want, one JSON line for each JSON line."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

from tuntas.language import Goal, Slot, read
from tuntas.language.lines import Answer, Asked, answer_lines

OUT_OF_SCOPE = "out_of_scope"


def main() -> None:
    """Answer standard input line by line on standard output."""
    serve(parsed)


def serve(answer: Answer) -> None:
    """Answer standard input on standard output; every answer is flushed before the next line is read."""
    try:
        for made in answer_lines(sys.stdin.buffer, answer, lambda: datetime.now(UTC)):
            sys.stdout.buffer.write(made)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it closes


def parsed(asked: Asked) -> dict[str, Any]:
    """`intent` and `slots` of the first goal, and all `goals`; out of scope says its `reason`."""
    reading = read(asked.text, now=asked.now, tz=asked.tz, lang=asked.lang)
    if reading.out_of_scope is not None:
        none: dict[str, Any] = {"label": OUT_OF_SCOPE, "slots": [], "reason": reading.out_of_scope}
        return {"intent": OUT_OF_SCOPE, "reason": reading.out_of_scope, "slots": [], "goals": [none]}
    goals = [goal_json(goal) for goal in reading.goals]
    return {"intent": goals[0]["label"], "slots": goals[0]["slots"], "goals": goals}


def goal_json(goal: Goal) -> dict[str, Any]:
    """A goal's label and its slots in the order of the text."""
    slots = sorted(goal.slots.values(), key=lambda slot: slot.span)
    return {"label": goal.label, "slots": [slot_json(slot) for slot in slots]}


def slot_json(slot: Slot) -> dict[str, Any]:
    """A slot: its words, its typed value, and where the words stand in characters."""
    return {"slot": slot.slot, "value": slot.value, "canonical": slot.canonical, "span": list(slot.span)}
