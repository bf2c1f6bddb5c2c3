"""One transaction for all a batch changes: claim what may be decided, load, decide purely, write. What it returns is published after."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import asyncpg
from pydantic import BaseModel, TypeAdapter

from tuntas.contracts.ids import call_id, timer_id
from tuntas.kit.decision import Answered, Call, Core, Fired
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.fold import Event, Unit, fired, fold
from tuntas.kit.messaging.wire import Record, partition_of
from tuntas.kit.persistence.store import Connection, Store, now

S = TypeVar("S", bound=BaseModel)

LEASE_MARGIN_SECONDS = 5.0
"""How long after a call's deadline its row is taken for lost."""

_CALL: TypeAdapter[Call] = TypeAdapter(Call)
_TRANSACTION_SECONDS = 15.0


@dataclass(slots=True)
class UnitOfWork(Generic[S]):
    """The transactions of one service. `published` are outputs that reached the log; their rows go with the next transaction."""

    service: str
    core: Core[S]
    store: Store[S]
    pool: asyncpg.Pool
    published: list[UUID] = field(default_factory=list)

    async def process(self, events: Sequence[Event]) -> Unit[S]:
        """Decide a batch in one transaction. Everything or nothing is kept; a repeat of it after a failure is safe."""
        async with asyncio.timeout(_TRANSACTION_SECONDS), self.pool.acquire() as con:
            gone = list(self.published)
            async with con.transaction():
                if gone:
                    await con.execute("delete from outbox where id = any($1::uuid[])", gone)
                at = await now(con)
                live = [event for event in await _claim(con, events) if self.core.handles(event.body)]
                rows = await self.store.rows_for(con, live)
                unit = fold(self.core, self.service, rows, live, at)
                await self._write(con, unit, at)
                pass_point(self.service, "before_commit")
            self.published = self.published[len(gone) :]
        pass_point(self.service, "committed")
        return unit

    async def _write(self, con: Connection, unit: Unit[S], at: datetime) -> None:
        await self.store.save(con, list(unit.changed.values()))
        await _write_timers(con, unit)
        await _write_calls(con, unit, at)
        await _write_outbox(con, unit.records)

    async def leftovers(self, partitions: Sequence[int], older_than_seconds: float, limit: int = 1000) -> list[Record]:
        """Return outputs that were committed and not published, oldest first: after a crash these rows are the delivery (protocol R8)."""
        found = await self.pool.fetch(
            """select id, task_id, partition, topic, headers, body from outbox
            where partition = any($1::int[]) and created_at < now() - make_interval(secs => $2) and not id = any($3::uuid[])
            order by seq limit $4""",
            list(partitions),
            older_than_seconds,
            self.published,
            limit,
        )
        return [Record(r["id"], r["topic"], str(r["task_id"]).encode(), json.loads(r["headers"]), r["body"], r["partition"]) for r in found]

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


async def _write_timers(con: Connection, unit: Unit[S]) -> None:
    put = [(task, e.tenant, purpose, partition_of(task), at, e.traceparent) for (task, purpose), (e, at) in unit.timers.items() if at]
    cancelled = [key for key, (_, at) in unit.timers.items() if at is None]
    if put:
        await con.execute(
            """insert into timers (task_id, tenant, purpose, partition, due_at, traceparent)
            select * from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::text[])
            on conflict (task_id, purpose) do update set due_at = excluded.due_at, traceparent = excluded.traceparent""",
            *(list(column) for column in zip(*put, strict=True)),
        )
    if cancelled:
        await con.execute(
            """delete from timers t using unnest($1::uuid[], $2::text[]) as u (task_id, purpose)
            where (t.task_id, t.purpose) = (u.task_id, u.purpose)""",
            *(list(column) for column in zip(*cancelled, strict=True)),
        )


async def _write_calls(con: Connection, unit: Unit[S], at: datetime) -> None:
    if not unit.calls:
        return
    rows = [
        (
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
    await con.execute(
        """insert into work (call_id, task_id, tenant, partition, call, lease_until, traceparent)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::jsonb[], $6::timestamptz[], $7::text[])""",
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def _write_outbox(con: Connection, records: Sequence[Record]) -> None:
    if not records:
        return
    rows = [(r.id, UUID(r.key.decode()), partition_of(r.key.decode()), r.topic, json.dumps(r.headers), r.body) for r in records]
    await con.execute(
        """insert into outbox (id, task_id, partition, topic, headers, body)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::jsonb[], $6::bytea[])""",
        *(list(column) for column in zip(*rows, strict=True)),
    )
