"""State rows of a batch: lent from memory or loaded, written back once, fenced by their version. A state model has a `status`."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import asyncpg
from pydantic import BaseModel

S = TypeVar("S", bound=BaseModel)
Connection = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection

KEPT_ROWS = 4096
"""So many rows of a table stay in memory; the ones used longest ago go first."""


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


@dataclass(frozen=True, slots=True)
class _Kept(Generic[S]):
    """A row as this process committed or read it last. What a version holds never changes, so only being behind can go wrong."""

    tenant: str
    version: int
    state: S
    seen: frozenset[UUID]


class Store(Generic[S]):
    """A state table. One row per task; one writer at a time, because a write of a version that moved on is refused.

    Rows are remembered after the commit: to read them again is only needed after a failure, or when another replica wrote them. `wide`
    says that more than rows is read or written, so that a transaction must hold it together.
    """

    wide: ClassVar[bool] = False

    def __init__(self, table: str, model: type[S]) -> None:
        self.table, self.model = table, model
        self._kept: OrderedDict[UUID, _Kept[S]] = OrderedDict()
        self._load = f"select task_id, tenant, version, seen, doc from {table} where task_id = any($1::uuid[])"

    async def load(self, con: Connection, keys: Iterable[UUID], new: frozenset[UUID] = frozenset()) -> dict[UUID, Row[S]]:
        """Return the rows of these tasks; tasks without a row are not in the answer. A row that turns out to be old refuses its write.

        Tasks that are taken for `new` are not asked for; one that was not refuses its write as well.
        """
        wanted = set(keys)
        rows = {key: Row(key, kept.tenant, kept.version, kept.state, kept.seen) for key in wanted if (kept := self._kept.get(key))}
        if missing := wanted - rows.keys() - new:
            rows |= {r["task_id"]: self._read(r) for r in await con.fetch(self._load, missing)}
        return rows

    def _read(self, found: Any) -> Row[S]:
        state = self.model.model_validate_json(found["doc"])
        return Row(found["task_id"], found["tenant"], found["version"], state, frozenset(found["seen"]))

    async def rows_for(self, con: Connection, events: Sequence[Any], new: frozenset[UUID]) -> dict[UUID, Row[S]]:
        """Load what a batch's events need; a service whose tasks share something loads that as well."""
        return await self.load(con, (event.task_id for event in events), new)

    def kept(self, state: S) -> S:
        """Return what is written of a state; the rest of it was lent for the decision."""
        return state

    async def beside(self, con: Connection, rows: Sequence[Row[S]]) -> None:
        """Write what a service keeps beside its rows, in the transaction that wrote them (`wide`)."""

    def remember(self, rows: Iterable[Row[S]]) -> None:
        """Keep rows in memory as they were committed."""
        for row in rows:
            if row.state is not None:
                self._kept[row.task_id] = _Kept(row.tenant, row.version + 1, self.kept(row.state), row.seen.union(row.fresh))
                self._kept.move_to_end(row.task_id)
        while len(self._kept) > KEPT_ROWS:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Read all rows anew when they are needed next: after a failure nobody knows what was committed."""
        self._kept.clear()

    async def read(self, con: Connection, task_id: UUID) -> S | None:
        """Read one state without locking it."""
        doc = await con.fetchval(f"select doc from {self.table} where task_id = $1", task_id)
        return self.model.model_validate_json(doc) if doc else None


class Clock:
    """The database's clock, by which deadlines are judged, as far as it is ahead of this machine's; asked for now and then."""

    AGAIN_SECONDS = 30.0

    def __init__(self) -> None:
        self._ahead, self._asked_at = timedelta(), float("-inf")

    async def now(self, con: Connection) -> datetime:
        """Return the instant it is at the database, give or take half a round trip."""
        if time.monotonic() - self._asked_at > self.AGAIN_SECONDS:
            sent = datetime.now(UTC)
            told: datetime = await con.fetchval("select clock_timestamp()")
            self._ahead = told - (sent + (datetime.now(UTC) - sent) / 2)
            self._asked_at = time.monotonic()
        return datetime.now(UTC) + self._ahead
