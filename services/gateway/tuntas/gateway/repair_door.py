"""The operators' door for repairs, rehearsals and the audit log: one task or by query, looked at first, approved by a second person."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator

from tuntas.contracts.base import Contract, Document, Text
from tuntas.contracts.money import Amounts, within
from tuntas.contracts.saga import RepairAction
from tuntas.gateway.drilling import Drill
from tuntas.gateway.gate import Gate, Gated, Operated, Traced
from tuntas.gateway.models import Body, Done
from tuntas.gateway.operations import Conditions
from tuntas.gateway.problems import responses
from tuntas.gateway.repairing import Target, targets, total
from tuntas.gateway.repairs import Order, Repair
from tuntas.gateway.undo_door import rehearsed
from tuntas.kit import operations
from tuntas.kit.audit import Act, Signed
from tuntas.kit.errors import Rejected

_COMMON = ("unauthenticated", "forbidden", "invalid_request", "unavailable")
_POSTED = ("not_utf8", "bad_body", "too_large")
_MOST = 1000
_RECENT = 50

router = APIRouter(prefix="/v1/operations", tags=["operators"])
Reason = Annotated[Text, Field(min_length=1)]


class RepairOrder(Body):
    """A repair of one task, or of those that are stuck and meet all conditions. A dry run only says which they are and what is at stake."""

    task: UUID | None = None
    where: Conditions | None = None
    action: RepairAction
    key: UUID | None = Field(default=None, description="An attempt of the one task; else the first that waits is decided about")
    reason: Reason
    evidence: Document = Field(default_factory=dict)
    limit: int = Field(default=50, ge=1, le=_MOST)
    per_second: float = Field(default=5, ge=0.01, le=50, allow_inf_nan=False)
    dry_run: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.task is None) == (self.where is None):
            raise ValueError("one of task and where is needed")
        if self.key is not None and self.task is None:
            raise ValueError("key goes with task")
        if self.action == "mark_done" and not self.evidence:
            raise ValueError("mark_done needs evidence")
        return self


class RepairPlan(Contract):
    """What a repair would be told to: `count` tasks with the versions that were seen, and the money at risk in all of them."""

    count: int
    money_at_risk: Amounts
    needs_approval: bool
    tasks: tuple[Target, ...]
    repair: Repair | None = None


class Stop(Body):
    """Why a repair is stopped."""

    reason: Reason


class Redrive(Body):
    """Dead letters that an operator is about to send again, each as topic, partition and offset, and the conditions that chose them."""

    reason: Reason
    where: dict[Annotated[str, Field(max_length=50)], Annotated[str, Field(max_length=300)]] = Field(default_factory=dict, max_length=10)
    letters: tuple[Annotated[str, Field(max_length=300)], ...] = Field(max_length=_MOST)


class RepairPage(Contract):
    """Repairs without their tasks, the newest first."""

    repairs: tuple[Repair, ...]


class AuditPage(Contract):
    """Entries in order, as they were signed; `last` is the number of the newest there is."""

    entries: tuple[Signed, ...]
    last: int


@router.post("/repairs", responses=responses(*_COMMON, *_POSTED, "not_found", "nothing_to_repair"))
async def order(body: RepairOrder, gate: Gated, caller: Operated, trace: Traced, response: Response) -> RepairPlan:
    """Say what a repair would be told to, or order it. What is at risk above the limits waits for another operator."""
    chosen = await _chosen(gate, body)
    money = total(chosen)
    alone = within(money, gate.alone)
    plan = RepairPlan(count=len(chosen), money_at_risk=money, needs_approval=not alone, tasks=tuple(chosen))
    if body.dry_run:
        return plan
    if not chosen:
        raise Rejected("nothing_to_repair")
    wanted = body.model_dump(include={"action", "reason", "evidence", "per_second"})
    wish = Order(by=caller.name, money_at_risk=money, traceparent=trace, **wanted)
    response.status_code = 202
    return plan.model_copy(update={"repair": await gate.repairs.order(wish, chosen, alone=alone)})


async def _chosen(gate: Gate, body: RepairOrder) -> list[Target]:
    where = body.where.where() if body.where else {}
    if body.task and await gate.reader.task(body.task) is None:
        raise Rejected("not_found", "no such task")
    async with gate.views() as con:
        found = await operations.look(con, where, body.task)
    return targets(found, body.action, body.limit, body.key)


@router.get("/repairs", responses=responses(*_COMMON))
async def recent(gate: Gated, caller: Operated) -> RepairPage:
    """List the last repairs, and with them those that wait for an approval."""
    del caller
    return RepairPage(repairs=tuple(await gate.repairs.recent(_RECENT)))


@router.get("/repairs/{repair_id}", responses=responses(*_COMMON, "not_found"))
async def show(repair_id: UUID, gate: Gated, caller: Operated) -> Repair:
    """Show how far a repair is, and what became of it at each task."""
    del caller
    return await gate.repairs.get(repair_id)


@router.post("/repairs/{repair_id}/approve", responses=responses(*_COMMON, "not_found", "repair_over", "same_operator"))
async def approve(repair_id: UUID, gate: Gated, caller: Operated) -> Repair:
    """Let a repair that waits begin; whoever ordered it can't."""
    return await gate.repairs.approve(repair_id, caller.name)


@router.post("/repairs/{repair_id}/stop", responses=responses(*_COMMON, *_POSTED, "not_found", "repair_over"))
async def stop(repair_id: UUID, body: Stop, gate: Gated, caller: Operated) -> Repair:
    """Let nothing more of a repair leave; what has left goes on."""
    return await gate.repairs.stop(repair_id, caller.name, body.reason)


@router.post("/redrives", status_code=202, responses=responses(*_COMMON, *_POSTED))
async def redrive(body: Redrive, gate: Gated, caller: Operated) -> Done:
    """Put a redrive of dead letters into the audit log. The operator's own rights on Kafka send them, after this was answered."""
    where, letters = dict(body.where), list(body.letters)
    details: Document = {"where": where, "letters": letters}  # type: ignore[dict-item]
    await gate.journal.note(Act(by=caller.name, action="letters.redriven", subject="dead-letters", reason=body.reason, details=details))
    return Done()


@router.get("/audit", responses=responses(*_COMMON))
async def audit(
    gate: Gated, caller: Operated, after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=_MOST)] = 200
) -> AuditPage:
    """List what operators did, oldest first. Whoever has the public key can check it: each entry is signed and names the one before it."""
    del caller
    return AuditPage(entries=tuple(await gate.journal.read(after, limit)), last=await gate.journal.last())


@router.post("/drill/{task_id}", responses=responses(*_COMMON, "not_found"))
async def drill(task_id: UUID, gate: Gated, caller: Operated, trace: Traced) -> Drill:
    """Rehearse undoing a task: what it would cost now, as the providers quote it. Nothing is undone, and the task goes on."""
    return await rehearsed(gate, await gate.seen(caller, task_id), trace, operator=caller.name)
