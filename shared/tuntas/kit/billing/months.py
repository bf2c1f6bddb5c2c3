"""Months of a bill, in a tenant's own zone: when one closes, how long it stays a draft, and which invoice takes what comes late."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tuntas.kit.errors import Rejected

DRAFT = timedelta(hours=72)
"""How long after its end a month's invoice still takes what happened in it."""

_FORM = re.compile(r"2[0-9]{3}-(0[1-9]|1[0-2])")


def month_named(text: str) -> str:
    """Return a month as people write it.

    Raises:
        Rejected: `bad_month`.
    """
    if not _FORM.fullmatch(text):
        raise Rejected("bad_month", "a month is written as in 2026-11")
    return text


def month_of(at: datetime, zone: str) -> str:
    """Return the month of an instant by the calendar of a zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m}"


def following(month: str) -> str:
    """Return the month after."""
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def _preceding(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year - (number == 1):04d}-{(number - 2) % 12 + 1:02d}"


def begins(month: str, zone: str) -> datetime:
    """Return the first instant of a month, in UTC."""
    year, number = map(int, month.split("-"))
    return datetime(year, number, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def closes(month: str, zone: str) -> datetime:
    """Return the instant at which a month is over: midnight in the zone."""
    return begins(following(month), zone)


def issued(month: str, zone: str) -> datetime:
    """Return the instant from which a month's invoice takes nothing more."""
    return closes(month, zone) + DRAFT


def billed_in(month: str, zone: str, recorded: datetime) -> str:
    """Return the month on whose invoice it stands: that in which it happened, or the first that still takes something."""
    found = max(month, _preceding(month_of(recorded, zone)))
    while recorded >= issued(found, zone):
        found = following(found)
    return found
