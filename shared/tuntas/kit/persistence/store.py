"""State rows of a batch: loaded and locked in key order, written back once, fenced by their version. A state model has a `status`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from tuntas.kit.errors import Transient

S = TypeVar("S", bound=BaseModel)
Connection = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection


@dataclass(slots=True)
class Row(Generic[S]):
    """A task's state in this batch. `version` is as loaded, 0 for a new row; `fresh` are the message ids counted in this batch."""

    task_id: UUID
    tenant: str
    version: int
    state: S | None
    seen: frozenset[UUID]
    fresh: list[UUID] = field(default_factory=list)

    def counted(self, message: UUID) -> bool:
        """Say whether this message has had its effect already."""
        return message in self.seen or message in self.fresh


class Store(Generic[S]):
    """A state table. One row per task; one writer at a time, because a row is locked and its version must not have moved."""

    def __init__(self, table: str, model: type[S]) -> None:
        self.table, self.model = table, model
        self._load = f"select task_id, tenant, version, seen, doc from {table} where task_id = any($1::uuid[]) order by task_id for update"
        self._save = f"""insert into {table} as t (task_id, tenant, version, seen, status, doc)
            select u.task_id, u.tenant, u.version + 1, coalesce(f.ids, '{{}}'), u.status, u.doc
            from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[]) as u (task_id, tenant, version, status, doc)
            left join (
                select s.task_id, array_agg(s.id) as ids from unnest($6::uuid[], $7::uuid[]) as s (task_id, id) group by 1
            ) f using (task_id)
            order by u.task_id
            on conflict (task_id) do update
            set status = excluded.status, doc = excluded.doc, version = excluded.version, seen = t.seen || excluded.seen, updated_at = now()
            where t.version = excluded.version - 1
            returning task_id"""

    async def load(self, con: Connection, keys: Iterable[UUID]) -> dict[UUID, Row[S]]:
        """Load and lock the rows of these tasks; tasks without a row are not in the answer."""
        found = await con.fetch(self._load, sorted(set(keys)))
        return {
            r["task_id"]: Row(r["task_id"], r["tenant"], r["version"], self.model.model_validate_json(r["doc"]), frozenset(r["seen"]))
            for r in found
        }

    async def rows_for(self, con: Connection, events: Sequence[Any]) -> dict[UUID, Row[S]]:
        """Load what a batch's events need; a service whose tasks share something loads that as well."""
        return await self.load(con, (event.task_id for event in events))

    async def save(self, con: Connection, rows: Sequence[Row[S]]) -> None:
        """Write rows back.

        Raises:
            Transient: `conflict`: another writer was quicker; the batch is decided again on what it wrote.
        """
        if not rows:
            return
        fresh = [(row.task_id, message) for row in rows for message in row.fresh]
        states: list[Any] = [row.state for row in rows]
        written = await con.fetch(
            self._save,
            [row.task_id for row in rows],
            [row.tenant for row in rows],
            [row.version for row in rows],
            [str(state.status) for state in states],
            [state.model_dump_json(exclude_defaults=True) for state in states],
            [task for task, _ in fresh],
            [message for _, message in fresh],
        )
        if len(written) != len(rows):
            raise Transient("conflict", f"{len(rows) - len(written)} rows of {self.table} moved")

    async def read(self, con: Connection, task_id: UUID) -> S | None:
        """Read one state without locking it."""
        doc = await con.fetchval(f"select doc from {self.table} where task_id = $1", task_id)
        return self.model.model_validate_json(doc) if doc else None


async def now(con: Connection) -> datetime:
    """Return the database's clock, the one by which deadlines are judged."""
    instant: Any = await con.fetchval("select clock_timestamp()")
    return instant  # type: ignore[no-any-return]
