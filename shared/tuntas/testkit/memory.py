"""A database in memory: rows behind a fence, locks, transactions that commit whole or not at all, and limits on those that stand still."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from tuntas.contracts.base import Frozen
from tuntas.contracts.ids import timer_id
from tuntas.kit.errors import Transient
from tuntas.kit.persistence.database import PAGE, Changes, Parcel, Row, Shared, SharedTable, Timer, Work
from tuntas.testkit.line import Line

S = TypeVar("S", bound=Frozen)
T = TypeVar("T")
Lock = tuple[Any, ...]
Soon: TypeAlias = T | Awaitable[T]

LOCK_SECONDS = 5.0
IDLE_SECONDS = 10.0
"""The server's own limits, as `tuntas.kit.persistence.tables.TIMEOUTS` sets them (protocol R10)."""


@dataclass
class Memory:
    """One service's tables.

    `kept` says whether rows are written as text and read again. `committed` is told of each batch; `changes` counts what changed them.
    """

    name: str
    kept: bool
    now: Callable[[], datetime]
    committed: Callable[["Memory", Changes[Any]], None]
    rows: dict[UUID, Row[Any]] = field(default_factory=dict)
    timers: dict[tuple[UUID, str], Timer] = field(default_factory=dict)
    work: dict[UUID, Work] = field(default_factory=dict)
    outbox: dict[UUID, Parcel] = field(default_factory=dict)
    shared: dict[tuple[str, UUID], Shared] = field(default_factory=dict)
    claimed: set[UUID] = field(default_factory=set)
    locks: dict[Lock, "MemorySession"] = field(default_factory=dict)
    changes: int = 0

    def state(self, task_id: UUID) -> Any:
        """Return a task's state, or none."""
        return self.rows[task_id].state if task_id in self.rows else None

    def free(self, keys: Sequence[Lock], mine: "MemorySession") -> bool:
        """Say whether nobody else holds these; a holder that stands still for too long is ended by the server."""
        for key in keys:
            holder = self.locks.get(key)
            if holder and holder is not mine and not self._ended(holder):
                return False
        return True

    def _ended(self, holder: "MemorySession") -> bool:
        if (self.now() - holder.moved_at).total_seconds() < IDLE_SECONDS:
            return False
        holder.abort("idle in its transaction for too long")
        return True

    def moved(self, rows: Sequence[Row[Any]]) -> bool:
        """Say whether a row is no longer at the version that it was decided on."""
        return any((self.rows[row.task_id].version if row.task_id in self.rows else 0) != row.version for row in rows)

    def take(self, timers: Sequence[tuple[UUID, str]], calls: Sequence[UUID], causes: set[UUID]) -> None:
        """Delete timers and calls that were claimed."""
        self.changes += 1
        for timer in timers:
            self.timers.pop(timer, None)
        for call in calls:
            self.work.pop(call, None)
        self.claimed |= causes

    def put(self, changes: Changes[Any]) -> None:
        """Write a batch."""
        self.changes += 1
        for row in changes.rows:
            before = self.rows[row.task_id].seen if row.task_id in self.rows else frozenset()
            state = self._written(row.state)
            self.rows[row.task_id] = Row(row.task_id, row.tenant, row.version + 1, state, before | set(row.fresh))
        for timer in changes.timers:
            self.timers.pop((timer.task_id, timer.purpose), None)
            if timer.due_at is not None:
                self.timers[timer.task_id, timer.purpose] = timer
        for work in changes.work:
            self.work.setdefault(work.call_id, work)
        self.outbox |= {parcel.id: parcel for parcel in changes.parcels}
        for parcel_id in changes.published:
            self.outbox.pop(parcel_id, None)
        self.committed(self, changes)

    def _written(self, state: Any) -> Any:
        """Return a state as it is read again: the one that a service remembers must be no other."""
        if not self.kept:
            return state
        again = type(state).model_validate_json(state.model_dump_json())
        assert again == state, f"{self.name} would read another state than it remembers: {again!r} for {state!r}"
        return again


class MemorySession:
    """A transaction, or single statements; what it does is staged until it commits, and its locks are held as long."""

    def __init__(self, memory: Memory, line: Line, *, wide: bool) -> None:
        self.memory, self._line, self._wide = memory, line, wide
        self._staged: list[Callable[[], None]] = []
        self._aborted = ""
        self.moved_at = memory.now()

    @property
    def con(self) -> Any:
        """There is no connection: what only one service keeps by its own statements is not simulated."""
        raise AttributeError("memory has no connection: a service with statements of its own needs PostgreSQL")

    async def time(self) -> datetime:
        """Return the database's clock."""
        return self.memory.now()

    async def claim(self, timers: Sequence[tuple[UUID, str, datetime]], calls: Sequence[UUID], now: datetime) -> set[UUID]:
        """Take timers and calls."""
        keys: list[Lock] = [*(("timer", task, purpose) for task, purpose, _ in timers), *(("call", call) for call in calls)]
        return await self._do("claim", keys, lambda: self._claim(timers, calls, now))

    async def rows(self, table: str, model: type[S], keys: Sequence[UUID]) -> list[Row[S]]:
        """Read rows."""
        return await self._do("rows", [], lambda: self._rows(table, model, keys))

    async def shared(self, table: SharedTable, keys: Sequence[UUID]) -> dict[UUID, Shared]:
        """Read shared documents, and hold them."""
        return await self._do("shared", [(table.name, key) for key in keys], lambda: self._shared(table, keys))

    async def share(self, table: SharedTable, documents: Mapping[UUID, Shared]) -> None:
        """Write shared documents."""
        await self._do("share", [(table.name, key) for key in documents], lambda: self._share(table, documents))

    async def write(self, table: str, changes: Changes[Any]) -> None:
        """Write a batch."""
        keys: list[Lock] = [*(("row", row.task_id) for row in changes.rows), *(("timer", t.task_id, t.purpose) for t in changes.timers)]
        keys += [*(("call", work.call_id) for work in changes.work), *(("parcel", parcel) for parcel in changes.published)]
        await self._do("write", keys, lambda: self._write(table, changes))

    async def commit(self) -> None:
        """Make all of it last."""
        await self._do("commit", [], self._commit)

    def abort(self, reason: str = "rolled back") -> None:
        """Forget all of it."""
        self._aborted = reason
        self._staged.clear()
        self._release()

    # What each of these does when its request arrives

    def _claim(self, timers: Sequence[tuple[UUID, str, datetime]], calls: Sequence[UUID], now: datetime) -> Soon[set[UUID]]:
        due = [t for t in timers if (found := self.memory.timers.get(t[:2])) and found.due_at == t[2] <= now]
        there = [call for call in calls if call in self.memory.work]
        won = {*(timer_id(*t) for t in due), *there}
        self._stage(lambda: self.memory.take([t[:2] for t in due], there, won))
        return won

    def _rows(self, _: str, __: type[S], keys: Sequence[UUID]) -> Soon[list[Row[S]]]:
        return [replace(self.memory.rows[key], fresh=[]) for key in keys if key in self.memory.rows]

    def _shared(self, table: SharedTable, keys: Sequence[UUID]) -> Soon[dict[UUID, Shared]]:
        return {key: found for key in keys if (found := self.memory.shared.get((table.name, key)))}

    def _share(self, table: SharedTable, documents: Mapping[UUID, Shared]) -> Any:
        held = self.memory.shared
        for key, document in documents.items():
            version = held[table.name, key].version if (table.name, key) in held else 0
            if version != document.version:
                raise Transient("conflict", f"rows of {table.name} moved")
        written = {(table.name, key): replace(d, version=d.version + 1) for key, d in documents.items()}
        self._stage(lambda: held.update(written))

    def _write(self, table: str, changes: Changes[Any]) -> Any:
        if self.memory.moved(changes.rows):
            raise Transient("conflict", f"rows of {table} moved")
        self._stage(lambda: self.memory.put(changes))

    def _commit(self) -> Any:
        for act in self._staged:
            act()
        self._staged.clear()
        self._release()

    async def _do(self, what: str, keys: list[Lock], act: Callable[[], Soon[T]]) -> T:
        if self._line.dead:
            raise asyncio.CancelledError
        try:
            async with asyncio.timeout(LOCK_SECONDS) if self._line.gated else _Unlimited():
                done = await self._line.reach(what, lambda: self._held(keys, act), lambda: self.memory.free(keys, self))
        except TimeoutError:
            raise asyncpg.LockNotAvailableError(what) from None
        self.moved_at = self.memory.now()
        return done

    def _held(self, keys: list[Lock], act: Callable[[], Soon[T]]) -> Soon[T]:
        if self._aborted:
            raise asyncpg.IdleInTransactionSessionTimeoutError(self._aborted)
        if self._wide:
            self.memory.locks.update((key, self) for key in keys)
        return act()

    def _stage(self, act: Callable[[], None]) -> None:
        """Do something at the end of the transaction, or at once if a statement is one by itself."""
        if self._wide:
            self._staged.append(act)
        else:
            act()

    def _release(self) -> None:
        for key in [key for key, holder in self.memory.locks.items() if holder is self]:
            del self.memory.locks[key]


class _Unlimited:
    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, *_: object) -> None:
        """End."""


@dataclass(frozen=True)
class MemoryDatabase:
    """A process's connection to its service's tables."""

    memory: Memory
    line: Line

    @asynccontextmanager
    async def session(self, *, wide: bool) -> AsyncIterator[MemorySession]:
        """Lend a session; leaving it commits, unless something was raised."""
        session = MemorySession(self.memory, self.line, wide=wide)
        try:
            yield session
            if wide:
                await session.commit()
        finally:
            session.abort()

    async def leftovers(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID], limit: int) -> list[Parcel]:
        """Return parcels that were committed and not published."""

        def read() -> list[Parcel]:
            found = [p for p in self.memory.outbox.values() if p.partition in partitions and p.made_at < before and p.id not in known]
            return found[:limit]

        return await self.line.reach("leftovers", read)

    async def lost_calls(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID]) -> list[Work]:
        """Return calls whose lease ends before an instant."""

        def read() -> list[Work]:
            mine = (work for work in self.memory.work.values() if work.partition in partitions)
            lost = [work for work in mine if work.lease_until < before and work.call_id not in known]
            return sorted(lost, key=lambda work: (work.lease_until, work.call_id))[:PAGE]

        return await self.line.reach("lost_calls", read)

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Timer]:
        """Return timers, soonest first."""

        def read() -> list[Timer]:
            due = [(t.due_at, t) for t in self.memory.timers.values() if t.due_at and t.due_at < before and t.partition in partitions]
            return [timer for _, timer in sorted(due, key=lambda each: (each[0], each[1].task_id, each[1].purpose))][:PAGE]

        return await self.line.reach("timers", read)
