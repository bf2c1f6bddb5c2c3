"""One transaction for all a batch changes: claim what may be decided, load, decide purely, write. What it returns is published after."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import asyncpg
from pydantic import BaseModel, TypeAdapter

from tuntas.contracts.ids import call_id, timer_id
from tuntas.kit.decision import Answered, Call, Core, Fired
from tuntas.kit.errors import Transient
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.fold import Event, Unit, fired, fold
from tuntas.kit.messaging.wire import Record, partition_of
from tuntas.kit.persistence.batch import Changes, Parcel, Timer, Work, statement, write
from tuntas.kit.persistence.store import Clock, Connection, Store

S = TypeVar("S", bound=BaseModel)

LEASE_MARGIN_SECONDS = 5.0
"""How long after a call's deadline its row is taken for lost."""

_CALL: TypeAdapter[Call] = TypeAdapter(Call)
_RECORDS: TypeAdapter[list[Record]] = TypeAdapter(list[Record])
_TRANSACTION_SECONDS = 15.0


@dataclass(slots=True)
class UnitOfWork(Generic[S]):
    """The transactions of one service. `published` are parcels whose outputs reached the log; their rows go with the next transaction."""

    service: str
    core: Core[S]
    store: Store[S]
    pool: asyncpg.Pool
    published: list[UUID] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    sql: str = field(init=False)

    def __post_init__(self) -> None:
        self.sql = statement(self.store.table)

    async def process(self, events: Sequence[Event]) -> tuple[Unit[S], list[UUID]]:
        """Decide a batch in one transaction; return what was decided and the parcels its outputs lie in.

        Everything or nothing is kept; a repeat of it after a failure is safe. If a row in memory turns out to be old, or a task not to be
        new, all is decided again on what is there.
        """
        try:
            return await self._decided(events, self._new(events))
        except Transient:
            return await self._decided(events, frozenset())

    def _new(self, events: Sequence[Event]) -> frozenset[UUID]:
        """Return the tasks that this batch seems to begin: a row of theirs is not looked for."""
        known = {event.task_id for event in events if type(event.body) not in self.core.begins}
        return frozenset(event.task_id for event in events if event.task_id not in known)

    async def _decided(self, events: Sequence[Event], new: frozenset[UUID]) -> tuple[Unit[S], list[UUID]]:
        gone = list(self.published)
        try:
            async with asyncio.timeout(_TRANSACTION_SECONDS), self.pool.acquire() as con:
                at = await self.clock.now(con)
                async with con.transaction() if self._wide(events) else nullcontext():
                    unit, parcels = await self._transact(con, events, new, at, gone)
        except BaseException:
            self.store.forget()
            raise
        self.published = self.published[len(gone) :]
        self.store.remember(unit.changed.values())
        pass_point(self.service, "committed")
        return unit, [parcel.id for parcel in parcels]

    def _wide(self, events: Sequence[Event]) -> bool:
        """Say whether more than one statement has to hold together; one is a transaction by itself."""
        return self.store.wide or any(isinstance(event.body, (Fired, Answered)) for event in events)

    async def _transact(
        self, con: Connection, events: Sequence[Event], new: frozenset[UUID], at: datetime, gone: Sequence[UUID]
    ) -> tuple[Unit[S], list[Parcel]]:
        live = [event for event in await _claim(con, events) if self.core.handles(event.body)]
        rows = await self.store.rows_for(con, live, new)
        unit = fold(self.core, self.service, rows, live, at)
        changed, parcels = list(unit.changed.values()), _parcels(unit.records)
        pass_point(self.service, "before_commit")
        await write(con, self.sql, self.store, Changes(changed, _timers(unit), _work(unit, at), parcels, gone))
        await self.store.beside(con, changed)
        return unit, parcels

    async def leftovers(self, partitions: Sequence[int], older_than_seconds: float, limit: int = 100) -> list[tuple[UUID, list[Record]]]:
        """Return parcels that were committed and not published, oldest first: after a crash they are the delivery (protocol R8)."""
        found = await self.pool.fetch(
            """select id, records from outbox
            where partition = any($1::int[]) and created_at < now() - make_interval(secs => $2) and not id = any($3::uuid[])
            order by seq limit $4""",
            list(partitions),
            older_than_seconds,
            self.published,
            limit,
        )
        return [(r["id"], _RECORDS.validate_json(r["records"])) for r in found]

    async def lost_calls(self, partitions: Sequence[int], known: Sequence[UUID]) -> list[Event]:
        """Return calls whose lease is over as answers that were lost, but not those still out in this process."""
        found = await self.pool.fetch(
            """select task_id, tenant, call, traceparent from work
            where partition = any($1::int[]) and lease_until < now() and not call_id = any($2::uuid[]) limit 500""",
            list(partitions),
            list(known),
        )
        return [_lost(r) for r in found]

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Event]:
        """Return the timers due before an instant, soonest first."""
        found = await self.pool.fetch(
            """select task_id, tenant, purpose, due_at, traceparent from timers
            where partition = any($1::int[]) and due_at < $2 order by due_at limit 5000""",
            list(partitions),
            before,
        )
        return [fired(r["task_id"], r["tenant"], r["purpose"], r["due_at"], r["traceparent"]) for r in found]


def _lost(row: asyncpg.Record) -> Event:
    call = _CALL.validate_json(row["call"])
    answer = Answered(call, code="lease_over", lost=True)
    return Event(row["task_id"], row["tenant"], call_id(call.key, call.number), answer, row["traceparent"])


async def _claim(con: Connection, events: Sequence[Event]) -> list[Event]:
    """Keep messages, and those timers and calls whose row could be deleted: what was cancelled or decided elsewhere is gone."""
    timers = [e for e in events if isinstance(e.body, Fired)]
    calls = [e for e in events if isinstance(e.body, Answered)]
    won: set[UUID] = set()
    if timers:
        due = [(e.task_id, e.body.purpose, e.body.due_at) for e in timers if isinstance(e.body, Fired)]
        rows = await con.fetch(
            """delete from timers t using unnest($1::uuid[], $2::text[], $3::timestamptz[]) as u (task_id, purpose, due_at)
            where (t.task_id, t.purpose, t.due_at) = (u.task_id, u.purpose, u.due_at) and t.due_at <= clock_timestamp()
            returning t.task_id, t.purpose, t.due_at""",
            *(list(column) for column in zip(*due, strict=True)),
        )
        won |= {timer_id(r["task_id"], r["purpose"], r["due_at"]) for r in rows}
    if calls:
        rows = await con.fetch("delete from work where call_id = any($1::uuid[]) returning call_id", [e.cause for e in calls])
        won |= {r["call_id"] for r in rows}
    return [e for e in events if not isinstance(e.body, (Fired, Answered)) or e.cause in won]


def _timers(unit: Unit[Any]) -> list[Timer]:
    return [
        Timer(task, purpose, event.tenant, partition_of(task), at, event.traceparent)
        for (task, purpose), (event, at) in unit.timers.items()
    ]


def _work(unit: Unit[Any], at: datetime) -> list[Work]:
    return [
        Work(
            call_id(call.key, call.number),
            event.task_id,
            event.tenant,
            partition_of(event.task_id),
            _CALL.dump_json(call).decode(),
            at + timedelta(seconds=call.deadline_seconds + LEASE_MARGIN_SECONDS),
            event.traceparent,
        )
        for event, call in unit.calls
    ]


def _parcels(records: Iterable[Record]) -> list[Parcel]:
    """Pack outputs by the partition of their key: that is what ownership, and so delivery after a crash, goes by."""
    packed: dict[int, list[Record]] = {}
    for record in records:
        place = partition_of(record.key.decode()) if record.partition is None else record.partition
        packed.setdefault(place, []).append(record)
    return [Parcel(uuid4(), partition, len(each), _RECORDS.dump_json(each)) for partition, each in packed.items()]


async def keep(con: Connection, records: Iterable[Record]) -> None:
    """Put outputs that no batch made into the outbox, in the caller's transaction; the sweep of their partition's owner delivers them."""
    for parcel in _parcels(records):
        await con.execute(
            "insert into outbox (id, partition, count, records) values ($1, $2, $3, $4)",
            parcel.id,
            parcel.partition,
            parcel.count,
            parcel.records,
        )
