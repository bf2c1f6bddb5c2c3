"""Giving up a part of what was done: asked for its price first, then done; what is not named stays."""

from time import monotonic
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import Field

from tuntas.contracts.money import Amounts
from tuntas.contracts.saga import SagaDrill, SagaUndo
from tuntas.gateway import drills
from tuntas.gateway.drilling import Drill
from tuntas.gateway.gate import Called, Gate, Gated, Traced
from tuntas.gateway.models import Body, Link, linked
from tuntas.gateway.problems import responses
from tuntas.gateway.store import Stored
from tuntas.kit.errors import Rejected

_COMMON = ("unauthenticated", "invalid_request", "unavailable", "not_found", "not_utf8", "bad_body", "too_large")
_QUOTE_SECONDS, _LOOK_SECONDS = 7.0, 0.2
Goals = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1, max_length=50)]

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


class Named(Body):
    """Which goals of a task are meant, by their ids; a plan's steps are named after them."""

    goals: Goals


class GivenUp(Named):
    """Goals that are given up. Each effect is undone for at most `fee_limit`; without one, for what the person's mandate allows.

    `version` is the one that the quote was for: if the task has changed since, nothing is done.
    """

    fee_limit: Amounts | None = None
    version: int | None = Field(default=None, ge=0)


@router.post("/{task_id}/undo/quote", responses=responses(*_COMMON))
async def quote(task_id: UUID, body: Named, gate: Gated, caller: Called, trace: Traced) -> Drill:
    """Say what giving up these goals would cost now, as the providers quote it. Nothing is undone."""
    return await rehearsed(gate, await gate.seen(caller, task_id), trace, legs=body.goals)


@router.post("/{task_id}/undo", status_code=202, responses=responses(*_COMMON, "not_completed"))
async def undo(task_id: UUID, body: GivenUp, gate: Gated, caller: Called, trace: Traced) -> Link:
    """Give up some goals of a completed task. What comes of it is an event: `reopened` and a new closing, or `undo_refused` with a code."""
    found = await gate.seen(caller, task_id)
    if found.task.status != "completed":
        raise Rejected("not_completed", found.task.status)
    order = SagaUndo(undo_id=uuid4(), legs=body.goals, fee_limit=body.fee_limit, by=caller.name, expected=body.version)
    await gate.tell(found, trace, order)
    return linked(found)


async def rehearsed(gate: Gate, found: Stored, trace: str, *, operator: str | None = None, legs: tuple[str, ...] = ()) -> Drill:
    """Ask what undoing a task, or some legs of it, would cost now; return what was answered in time."""
    drill_id = await drills.order(gate.journal, found.task_id, operator)
    await gate.tell(found, trace, SagaDrill(drill_id=drill_id, legs=legs))
    until = monotonic() + _QUOTE_SECONDS
    answer = await drills.read(gate.journal.pool, drill_id)
    while not answer.complete and monotonic() < until:
        await gate.watch.change(found.task_id, _LOOK_SECONDS)
        answer = await drills.read(gate.journal.pool, drill_id)
    return answer
