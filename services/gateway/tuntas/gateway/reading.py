"""Bytes from strangers: what may enter our rows and messages as JSON, and what may not."""

import math
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from pydantic_core import from_json

from tuntas.kit.errors import Rejected


def text_of(raw: bytes) -> str:
    """Return bytes as text.

    Raises:
        Rejected: `not_utf8`.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Rejected("not_utf8", f"at byte {error.start}") from None


def parse(body: bytes) -> JsonValue:
    """Return the JSON value of a body that every store and reader of ours can keep.

    Raises:
        Rejected: `not_utf8`; `bad_body`: not JSON, nested too deep, a lone surrogate, a NUL character or a number without end.
    """
    text_of(body)
    try:
        value: JsonValue = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Rejected("bad_body", str(error)[:400]) from None
    if not _storable(value):
        raise Rejected("bad_body", "a NUL character or a number out of range")
    return value


def _storable(value: JsonValue) -> bool:
    """PostgreSQL's jsonb takes no NUL, and JSON knows no infinity."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return all("\0" not in name and _storable(part) for name, part in value.items())
    if isinstance(value, list):
        return all(_storable(part) for part in value)
    return not isinstance(value, float) or math.isfinite(value)


def known_zone(name: str) -> bool:
    """Say whether a time zone exists."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
