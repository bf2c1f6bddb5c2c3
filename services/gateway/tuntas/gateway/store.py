"""Tasks and their public events: written with each batch, read by the HTTP door."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tuntas.contracts.connectors import UndoQuoted
from tuntas.contracts.saga import SagaDrilled
from tuntas.gateway import drills
from tuntas.gateway.repairs import Repairs
from tuntas.gateway.state import Task
from tuntas.kit.persistence.database import Row, Session
from tuntas.kit.persistence.store import Store


class TaskStore(Store[Task]):
    """The state table, and beside it each event that was told and what repairs came to, in the same transaction."""

    wide = True

    def __init__(self, repairs: Repairs) -> None:
        super().__init__("tasks", Task)
        self._repairs = repairs

    def kept(self, state: Task) -> Task:
        """Return a task without what is kept beside it from this batch."""
        return state.model_copy(update={"recorded": (), "repairs": (), "drilled": ()})

    async def beside(self, session: Session, rows: Sequence[Row[Task]]) -> None:
        """Append the events of this batch, and then what repairs came to in it."""
        told = [event for row in rows if row.state for event in row.state.recorded]
        if told:
            await session.con.execute(
                """insert into task_events (task_id, seq, type, at, body)
                select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[])""",
                [event.task_id for event in told],
                [event.seq for event in told],
                [event.wire_type for event in told],
                [event.at for event in told],
                [json.dumps({"type": event.wire_type, **event.model_dump(mode="json")}) for event in told],
            )
        answers = [(row.task_id, answer) for row in rows if row.state for answer in row.state.repairs if answer.repair_id]
        if answers:
            await self._repairs.answered(session.con, answers)
        drilled = [told for row in rows if row.state for told in row.state.drilled if isinstance(told, SagaDrilled | UndoQuoted)]
        await drills.keep(session.con, drilled)


@dataclass(frozen=True, slots=True)
class Stored:
    """A task as it lies in its row."""

    task_id: UUID
    tenant: str
    task: Task
    created_at: datetime
    updated_at: datetime


class Happened(NamedTuple):
    """One public event as it lies in `task_events`; `body` is its JSON, with its type."""

    task_id: UUID
    seq: int
    type: str
    body: str


class Taken(NamedTuple):
    """A submission that has its task: whose it is, and the digest of its body with that person's key."""

    tenant: str
    person: UUID
    digest: str


_COLUMNS = "task_id, tenant, doc, created_at, updated_at"


@dataclass(frozen=True)
class Reader:
    """Reads without locking. `pool` is the service's own."""

    pool: Any

    async def taken(self, tasks: Iterable[UUID]) -> dict[UUID, Taken]:
        """Return the submissions that are known among these."""
        found = await self.pool.fetch(
            """select task_id, tenant, doc::json->>'person' as person, doc::json->>'digest' as digest
            from tasks where task_id = any($1::uuid[])""",
            list(tasks),
        )
        return {row["task_id"]: Taken(row["tenant"], UUID(row["person"]), row["digest"] or "") for row in found if row["person"]}

    async def task(self, task_id: UUID) -> Stored | None:
        """Return one task."""
        row = await self.pool.fetchrow(f"select {_COLUMNS} from tasks where task_id = $1", task_id)
        return _stored(row) if row else None

    async def tasks(self, tenant: str | None, status: str | None, before: tuple[datetime, UUID] | None, limit: int) -> list[Stored]:
        """Return tasks of a tenant (or of all), newest first, from after the place `before`."""
        found = await self.pool.fetch(
            f"""select {_COLUMNS} from tasks
            where ($1::text is null or tenant = $1) and ($2::text is null or status = $2)
            and ($3::timestamptz is null or (created_at, task_id) < ($3, $4)) order by created_at desc, task_id desc limit $5""",
            tenant,
            status,
            *(before or (None, None)),
            limit,
        )
        return [_stored(row) for row in found]

    async def events(self, after: Mapping[UUID, int], limit: int = 1000) -> list[Happened]:
        """Return the events of these tasks that come after the given numbers, in order."""
        found = await self.pool.fetch(
            """select e.task_id, e.seq, e.type, e.body::text as body from task_events e
            join unnest($1::uuid[], $2::int[]) as w (task_id, seq) on e.task_id = w.task_id and e.seq > w.seq
            order by e.task_id, e.seq limit $3""",
            list(after),
            list(after.values()),
            limit,
        )
        return [Happened(*row) for row in found]


def _stored(row: Any) -> Stored:
    return Stored(row["task_id"], row["tenant"], Task.model_validate_json(row["doc"]), row["created_at"], row["updated_at"])
