"""Repairs as they lie in their tables: ordered, approved by a second person, sent, stopped, answered. Each is in the audit log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from tuntas.contracts.base import Code, Contract, Document, Text
from tuntas.contracts.money import Amounts
from tuntas.contracts.saga import RepairAction, SagaRepair, SagaRepaired
from tuntas.gateway.journal import Journal
from tuntas.gateway.repairing import Target
from tuntas.kit.audit import Act
from tuntas.kit.errors import Rejected

RepairState = Literal["waiting", "running", "stopped", "sent"]
"""`waiting`: for another operator's approval; `sent`: every task was told, and answers one by one."""


class Order(Contract):
    """What an operator wants: an action on these tasks, at so many a second. `money_at_risk` is in all of them."""

    by: str
    action: RepairAction
    reason: Text
    evidence: Document
    per_second: float
    money_at_risk: Amounts
    traceparent: str = ""


class Progress(Target):
    """One task of a repair, and how far it is. `before` and `after` are the saga's versions around it; equal: nothing was changed."""

    sent: bool
    applied: bool | None
    code: Code | None
    before: int | None
    after: int | None


class Repair(Order):
    """A repair as it stands."""

    id: UUID
    state: RepairState
    approved_by: str | None
    created_at: datetime
    tasks: tuple[Progress, ...] = ()


class Outgoing(Contract):
    """One task's repair that is due to leave."""

    repair_id: UUID
    tenant: str
    task_id: UUID
    message: SagaRepair
    traceparent: str


_REPAIR = "id, by, action, reason, evidence, per_second, money as money_at_risk, state, approved_by, traceparent, created_at"
_TASK = "task_id, tenant, key, expected, money as money_at_risk, sent_at is not null as sent, applied, code, before, after"
_DUE = """select id, by, action, reason, evidence, per_second, traceparent from repairs
    where state = 'running' and next_at <= now() order by next_at limit 1 for update skip locked"""
_PACE = """update repairs set next_at = greatest(next_at, now() - interval '1 second') + make_interval(secs => 1 / per_second)
    where id = $1"""
_ANSWERED = """update repair_tasks t set applied = $3, code = $4, before = $5, after = $6 from repairs r
    where r.id = t.repair_id and t.repair_id = $1 and t.task_id = $2 and t.applied is null
    returning r.by, r.action, r.reason, r.evidence, t.key"""


@dataclass(frozen=True)
class Repairs:
    """The tables of repairs. `pool` is the service's own. Rows are locked before the audit log, always: nobody waits in a circle."""

    pool: Any
    journal: Journal

    async def order(self, order: Order, targets: Sequence[Target], *, alone: bool) -> Repair:
        """Keep a repair; `alone` says that its operator needs nobody's approval."""
        repair_id, state = uuid4(), "running" if alone else "waiting"
        values = (order.by, order.action, order.reason, _json(order.evidence), order.per_second, _json(order.money_at_risk))
        rows = [(repair_id, n, t.task_id, t.tenant, t.key, t.expected, _json(t.money_at_risk)) for n, t in enumerate(targets)]
        async with self.pool.acquire() as con, con.transaction():
            await con.execute(
                """insert into repairs (id, by, action, reason, evidence, per_second, money, state, traceparent)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
                repair_id,
                *values,
                state,
                order.traceparent,
            )
            await con.executemany(
                """insert into repair_tasks (repair_id, place, task_id, tenant, key, expected, money)
                values ($1, $2, $3, $4, $5, $6, $7)""",
                rows,
            )
            await self.journal.write(con, [_ordered(repair_id, order, targets)])
            return await _read(con, repair_id)

    async def get(self, repair_id: UUID) -> Repair:
        """Return a repair with its tasks.

        Raises:
            Rejected: `not_found`.
        """
        async with self.pool.acquire() as con:
            return await _read(con, repair_id)

    async def recent(self, limit: int) -> list[Repair]:
        """Return repairs without their tasks, the newest first."""
        return [_repair(row) for row in await self.pool.fetch(f"select {_REPAIR} from repairs order by created_at desc limit $1", limit)]

    async def approve(self, repair_id: UUID, by: str) -> Repair:
        """Let a repair that waits begin.

        Raises:
            Rejected: `not_found`, `repair_over` (it does not wait), or `same_operator`: whoever ordered it can't approve it.
        """
        async with self.pool.acquire() as con, con.transaction():
            repair = await _locked(con, repair_id, {"waiting"})
            if repair.by == by:
                raise Rejected("same_operator", by)
            await con.execute("update repairs set state = 'running', approved_by = $2, next_at = now() where id = $1", repair_id, by)
            return await self._noted(con, repair_id, Act(by=by, action="repair.approved", subject=str(repair_id), reason=repair.reason))

    async def stop(self, repair_id: UUID, by: str, reason: str) -> Repair:
        """Let nothing more of a repair leave; what has left goes on.

        Raises:
            Rejected: `not_found` or `repair_over`.
        """
        async with self.pool.acquire() as con, con.transaction():
            await _locked(con, repair_id, {"waiting", "running"})
            await con.execute("update repairs set state = 'stopped' where id = $1", repair_id)
            return await self._noted(con, repair_id, Act(by=by, action="repair.stopped", subject=str(repair_id), reason=reason))

    async def _noted(self, con: Any, repair_id: UUID, act: Act) -> Repair:
        await self.journal.write(con, [act])
        return await _read(con, repair_id)

    async def due(self, con: Any) -> Outgoing | None:
        """Take the next task that is due, inside a transaction: it counts as sent once that is committed. None if nothing is."""
        repair = await con.fetchrow(_DUE)
        if repair is None:
            return None
        task = await con.fetchrow(
            """update repair_tasks set sent_at = now() where (repair_id, task_id) = (select repair_id, task_id from repair_tasks
            where repair_id = $1 and sent_at is null order by place limit 1) returning task_id, tenant, key, expected""",
            repair["id"],
        )
        if task is None:
            await con.execute("update repairs set state = 'sent' where id = $1", repair["id"])
            return None
        await con.execute(_PACE, repair["id"])
        return _outgoing(repair, task)

    async def answered(self, con: Any, answers: Sequence[tuple[UUID, SagaRepaired]]) -> None:
        """Keep what repairs came to, in the transaction of the messages that said so."""
        acts = []
        for task_id, told in answers:
            row = await con.fetchrow(_ANSWERED, told.repair_id, task_id, told.applied, told.code, told.before, told.after)
            if row:
                acts.append(_answered(task_id, told, row))
        if acts:
            await self.journal.write(con, acts)


async def _read(con: Any, repair_id: UUID) -> Repair:
    row = await con.fetchrow(f"select {_REPAIR} from repairs where id = $1", repair_id)
    if row is None:
        raise Rejected("not_found", "no such repair")
    tasks = await con.fetch(f"select {_TASK} from repair_tasks where repair_id = $1 order by place", repair_id)
    return _repair(row).model_copy(update={"tasks": tuple(Progress.model_validate(_parsed(task)) for task in tasks)})


async def _locked(con: Any, repair_id: UUID, states: set[RepairState]) -> Repair:
    row = await con.fetchrow(f"select {_REPAIR} from repairs where id = $1 for update", repair_id)
    if row is None:
        raise Rejected("not_found", "no such repair")
    if row["state"] not in states:
        raise Rejected("repair_over", row["state"])
    return _repair(row)


def _repair(row: Any) -> Repair:
    return Repair.model_validate(_parsed(row))


def _parsed(row: Any) -> dict[str, Any]:
    """Return a row with its JSON columns read."""
    return {name: json.loads(value) if name in {"evidence", "money_at_risk"} else value for name, value in row.items()}


def _json(value: Any) -> str:
    return json.dumps(value)


def _outgoing(repair: Any, task: Any) -> Outgoing:
    message = SagaRepair(
        action=repair["action"],
        key=task["key"],
        by=repair["by"],
        reason=repair["reason"],
        evidence=json.loads(repair["evidence"]),
        repair_id=repair["id"],
        expected=task["expected"],
    )
    return Outgoing(
        repair_id=repair["id"], tenant=task["tenant"], task_id=task["task_id"], message=message, traceparent=repair["traceparent"]
    )


def _ordered(repair_id: UUID, order: Order, targets: Sequence[Target]) -> Act:
    tasks: Any = {str(t.task_id): {"expected": t.expected, "key": str(t.key) if t.key else None} for t in targets}
    money: Any = order.money_at_risk
    return Act(
        by=order.by,
        action="repair.ordered",
        subject=str(repair_id),
        reason=order.reason,
        evidence=order.evidence,
        details={"action": order.action, "money_at_risk": money, "tasks": tasks},
    )


def _answered(task_id: UUID, told: SagaRepaired, row: Any) -> Act:
    return Act(
        by=row["by"],
        action=f"repair.{'applied' if told.applied else 'refused'}",
        subject=str(task_id),
        reason=row["reason"],
        evidence=json.loads(row["evidence"]),
        before=told.before,
        after=told.after,
        details={"action": row["action"], "code": told.code, "repair": str(told.repair_id), "key": str(row["key"]) if row["key"] else None},
    )
