"""A history told so that it can be read: who did what, when, of which task."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.kit.decision import Answered

_FIELDS = (
    "step_id",
    "attempt",
    "number",
    "seq",
    "outcome",
    "result",
    "closing",
    "epoch",
    "revision",
    "cause",
    "code",
    "kept",
    "fee",
    "action",
)
_NOTHING: tuple[Any, ...] = (None, "", {}, (), [])


def story(trace: Iterable[tuple[Any, ...]]) -> str:
    """Return a line for each thing that happened."""
    return "\n".join(" ".join(_word(part) for part in line) for line in trace)


def _word(part: Any) -> str:
    if isinstance(part, Message):
        return _message(part)
    if isinstance(part, Answered):
        return f"lost ({part.code})" if part.lost else part.code or _short(part.result)
    if isinstance(part, UUID):
        return str(part)[:8]
    return _short(part)


def _message(message: Message) -> str:
    """Say a message by its type and the fields that tell one from another."""
    told = [getattr(message, "declaration", None), message]
    found = {name: value for each in told if each is not None for name in _FIELDS if (value := getattr(each, name, None)) not in _NOTHING}
    if keys := {str(key)[:8] for each in told if (key := getattr(each, "key", None))}:
        found["key"] = next(iter(keys))
    return " ".join((_name(message.wire_type), *(f"{name}={_short(value)}" for name, value in found.items())))


def _name(wire_type: str) -> str:
    return wire_type.removeprefix("tuntas.").removesuffix(".v1")


def _short(part: Any) -> str:
    told = part.isoformat(timespec="milliseconds") if hasattr(part, "isoformat") else str(part)
    return _name(told)[:200]
