"""Faults on request: which request meets which, and how often. They are rows, so that a restart forgets none."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from asyncpg import Record

from tuntas.sandbox.database import Connection
from tuntas.sandbox.models import Call, NewFault
from tuntas.sandbox.values import new_id

_ON_THE_WAY = frozenset({"slow", "lose_answer", "down"})
_ON_ANYTHING = _ON_THE_WAY | {"refuse"}
_ON_ACTIONS = _ON_ANYTHING | {"act_late", "answer_twice", "pending"}
_ON_HOLDS = _ON_ACTIONS | {"hold_seconds"}
_QUESTIONS = (".search", ".query", ".quote_cancel")
_HOLDS = (".hold", ".authorize")


@dataclass(frozen=True)
class Fault:
    """A fault that a request has met."""

    fault_id: str
    kind: str
    seconds: float
    code: str | None


def applicable(operation: str, *, replay: bool) -> frozenset[str]:
    """The kinds of fault an operation can meet; a repeat whose answer is stored can only be disturbed on its way."""
    if replay:
        return _ON_THE_WAY
    if operation.endswith(_QUESTIONS):
        return _ON_ANYTHING
    return _ON_HOLDS if operation.endswith(_HOLDS) else _ON_ACTIONS


def concerns(fault: dict[str, Any], call: Call) -> bool:
    """Whether a fault, as it was asked for, is meant for this call."""
    match = fault["match"]
    return (
        fnmatchcase(call.operation, fault["operation"])
        and call.reference.startswith(match["reference_prefix"] or "")
        and match["provider"] in (None, call.provider)
        and match["offer_rank"] in (None, call.rank)
    )


def _shown(row: Record) -> dict[str, Any]:
    return {"fault_id": row["fault_id"], **row["fault"], "remaining": row["remaining"], "used": row["used"]}


async def add(tx: Connection, asked: NewFault, now: datetime) -> dict[str, Any]:
    """Keep a new fault and return it with its ``fault_id``."""
    window = asked.kind == "down" and asked.seconds is not None
    times = asked.times if asked.times is not None else (0 if window else 1)
    row = await tx.fetchrow(
        "INSERT INTO faults (fault_id, fault, remaining, until, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING *",
        new_id("flt"),
        asked.model_dump(mode="json"),
        times or None,
        now + timedelta(seconds=asked.seconds or 0) if window else None,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers an insert
    return _shown(row)


async def listed(tx: Connection) -> list[dict[str, Any]]:
    """Every fault that was asked for and not removed, oldest first."""
    return [_shown(row) for row in await tx.fetch("SELECT * FROM faults ORDER BY seq")]


async def remove(tx: Connection, fault_id: str) -> bool:
    """Removes a fault; False if there is none."""
    return await tx.fetchval("DELETE FROM faults WHERE fault_id = $1 RETURNING true", fault_id) is True


async def take(tx: Connection, call: Call, now: datetime, *, replay: bool) -> Fault | None:
    """The oldest fault meant for this call, counted as used; None if there is none left."""
    kinds = applicable(call.operation, replay=replay)
    rows = await tx.fetch(
        "SELECT * FROM faults WHERE (remaining IS NULL OR remaining > 0) AND (until IS NULL OR until > $1) ORDER BY seq", now
    )
    for row in rows:
        fault = row["fault"]
        if fault["kind"] in kinds and concerns(fault, call) and await _use(tx, row["fault_id"]):
            return Fault(row["fault_id"], fault["kind"], fault["seconds"] or 0.0, fault["code"])
    return None


async def _use(tx: Connection, fault_id: str) -> bool:
    used = await tx.fetchval(
        "UPDATE faults SET remaining = remaining - 1, used = used + 1"
        " WHERE fault_id = $1 AND (remaining IS NULL OR remaining > 0) RETURNING true",
        fault_id,
    )
    return used is True
