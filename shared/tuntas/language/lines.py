"""JSON lines in, JSON lines out: one answer for each line, at once; a line that cannot be read gets an error and stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tuntas.language.lexicon import LANGUAGES

YEARS = range(1900, 2200)  # where the calendar can be counted forward and back


@dataclass(frozen=True)
class Asked:
    """One line: its id, a text, and when, where and in which language it was said; `lang` None means: find out."""

    id: str | int
    text: str
    now: datetime
    tz: str
    lang: str | None


class BadLineError(Exception):
    """A line that cannot be read; `code` is stable, the message says why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


Answer = Callable[[Asked], dict[str, Any]]


def answer_lines(lines: Iterable[bytes], answer: Answer, clock: Callable[[], datetime]) -> Iterator[bytes]:
    """The answers to all lines, each when its line came; blank lines are passed over."""
    for line in lines:
        if line.strip():
            yield json.dumps(answer_line(line, answer, clock), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def answer_line(line: bytes, answer: Answer, clock: Callable[[], datetime]) -> dict[str, Any]:
    """The answer to one line, under its own `id`, or `{"id"?, "error": {"code", "reason"}}`."""
    row: dict[str, Any] = {}
    try:
        row = row_of(line)
        asked = asked_of(row, clock)
        return {"id": asked.id, **answer(asked)}
    except BadLineError as bad:
        known = {"id": row["id"]} if is_id(row.get("id")) else {}
        return known | {"error": {"code": bad.code, "reason": str(bad)}}


def is_id(value: Any) -> bool:
    """Whether a value can name a line: text, or a whole number."""
    return is_encodable(value) if isinstance(value, str) else isinstance(value, int) and not isinstance(value, bool)


def no_constant(name: str) -> None:
    """Refuse what is no JSON: `NaN`, `Infinity`."""
    raise ValueError(f"{name} is not JSON")


def row_of(line: bytes) -> dict[str, Any]:
    """A line as a JSON object; a byte order mark before it is passed over."""
    try:
        row = json.loads(line.decode("utf-8-sig"), parse_constant=no_constant)
    except (ValueError, RecursionError) as fault:
        raise BadLineError("invalid_json", str(fault)[:200]) from None
    if not isinstance(row, dict):
        raise BadLineError("invalid_line", "not a JSON object")
    return row


def asked_of(row: dict[str, Any], clock: Callable[[], datetime]) -> Asked:
    """What a line asks; without `now` it is said now, without `tz` in UTC."""
    text, tz = row.get("text"), row.get("tz")
    if not is_id(row.get("id")):
        raise BadLineError("invalid_id", "id must be a string of Unicode characters or a whole number")
    if not isinstance(text, str) or not is_encodable(text):
        raise BadLineError("invalid_text", "text must be a string of Unicode characters")
    now = clock() if row.get("now") is None else moment(row["now"])
    return Asked(row["id"], text, now, zone("UTC" if tz is None else tz), language(row.get("lang")))


def is_encodable(text: str) -> bool:
    """Whether a text holds no half of a surrogate pair, which could not be written out again."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def moment(now: Any) -> datetime:
    """An ISO 8601 instant; without offset it is what the person's clock shows."""
    try:
        found = datetime.fromisoformat(now)
    except (TypeError, ValueError):
        raise BadLineError("unknown_now", f"now must be an ISO 8601 instant, not {str(now)[:80]!r}") from None
    if found.year not in YEARS:
        raise BadLineError("unknown_now", f"now must be in the years {YEARS.start} to {YEARS.stop - 1}")
    return found


@lru_cache(maxsize=1024)
def known_zone(tz: str) -> bool:
    """Whether a time zone has this name."""
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone(tz: Any) -> str:
    """An IANA time zone."""
    if not isinstance(tz, str) or not known_zone(tz):
        raise BadLineError("unknown_tz", f"tz must be an IANA time zone, not {str(tz)[:80]!r}")
    return tz


def language(lang: Any) -> str | None:
    """A language tag such as `id` or `zh-CN`."""
    if lang is None:
        return None
    if not isinstance(lang, str) or lang.split("-")[0].split("_")[0].lower() not in LANGUAGES:
        raise BadLineError("unknown_lang", f"lang must be one of {', '.join(LANGUAGES)}, not {str(lang)[:80]!r}")
    return lang.replace("_", "-")
