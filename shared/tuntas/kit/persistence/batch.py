"""The one statement that writes a batch: rows behind their fence, timers, calls, outputs. One round trip, all or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tuntas.kit.errors import Transient
from tuntas.kit.persistence.store import Connection, Row, Store


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer as it is to be: due at an instant, or (without one) gone."""

    task_id: UUID
    purpose: str
    tenant: str
    partition: int
    due_at: datetime | None
    traceparent: str


@dataclass(frozen=True, slots=True)
class Work:
    """A call that leaves: its row is deleted by its answer, or found when its lease is over. `call` is its JSON."""

    call_id: UUID
    task_id: UUID
    tenant: str
    partition: int
    call: str
    lease_until: datetime
    traceparent: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """Outputs of one batch in one partition: `count` records as JSON. It is kept until all of them reached the log."""

    id: UUID
    partition: int
    count: int
    records: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch writes. `published` are parcels that are no longer needed."""

    rows: Sequence[Row[Any]] = ()
    timers: Sequence[Timer] = ()
    work: Sequence[Work] = ()
    parcels: Sequence[Parcel] = ()
    published: Sequence[UUID] = ()


def statement(table: str) -> str:
    """Return the statement for a state table. A row that moved on makes it fail as a whole, by a division that only then is by zero.

    A call's id follows from a key that callers choose; under the key of another task's call it gets no row, so that it blocks nobody.
    """
    return f"""with gone as (delete from outbox where id = any($1::uuid[])),
        fresh as (select s.task_id, array_agg(s.id) as ids from unnest($7::uuid[], $8::uuid[]) as s (task_id, id) group by 1),
        saved as (
            insert into {table} as t (task_id, tenant, version, seen, status, doc)
            select u.task_id, u.tenant, u.version + 1, coalesce(f.ids, '{{}}'), u.status, u.doc
            from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::jsonb[]) as u (task_id, tenant, version, status, doc)
            left join fresh f using (task_id)
            order by u.task_id
            on conflict (task_id) do update
            set status = excluded.status, doc = excluded.doc, version = excluded.version, seen = t.seen || excluded.seen, updated_at = now()
            where t.version = excluded.version - 1
            returning 1
        ),
        woken as (
            insert into timers (task_id, purpose, tenant, partition, due_at, traceparent)
            select * from unnest($9::uuid[], $10::text[], $11::text[], $12::int[], $13::timestamptz[], $14::text[])
            on conflict (task_id, purpose) do update set due_at = excluded.due_at, traceparent = excluded.traceparent
        ),
        stilled as (
            delete from timers t using unnest($15::uuid[], $16::text[]) as u (task_id, purpose)
            where (t.task_id, t.purpose) = (u.task_id, u.purpose)
        ),
        called as (
            insert into work (call_id, task_id, tenant, partition, call, lease_until, traceparent)
            select * from unnest($17::uuid[], $18::uuid[], $19::text[], $20::int[], $21::jsonb[], $22::timestamptz[], $23::text[])
            on conflict do nothing
        ),
        parcelled as (
            insert into outbox (id, partition, count, records) select * from unnest($24::uuid[], $25::int[], $26::int[], $27::bytea[])
        )
        select 1 / (count(*) = cardinality($2::uuid[]))::int from saved"""


async def write(con: Connection, sql: str, store: Store[Any], changes: Changes) -> None:
    """Write a batch with its statement.

    Raises:
        Transient: `conflict`: another writer was quicker with one of the rows; nothing is written.
    """
    try:
        await con.fetchval(sql, *_arguments(store, changes))
    except asyncpg.DivisionByZeroError:
        raise Transient("conflict", f"rows of {store.table} moved") from None


def _arguments(store: Store[Any], changes: Changes) -> list[list[Any]]:
    states = [(row, store.kept(row.state)) for row in changes.rows if row.state is not None]
    put = [timer for timer in changes.timers if timer.due_at]
    return [
        list(changes.published),
        *_columns(5, ((r.task_id, r.tenant, r.version, str(s.status), s.model_dump_json(exclude_defaults=True)) for r, s in states)),
        *_columns(2, ((row.task_id, message) for row, _ in states for message in row.fresh)),
        *_columns(6, ((t.task_id, t.purpose, t.tenant, t.partition, t.due_at, t.traceparent) for t in put)),
        *_columns(2, ((t.task_id, t.purpose) for t in changes.timers if not t.due_at)),
        *_columns(7, ((w.call_id, w.task_id, w.tenant, w.partition, w.call, w.lease_until, w.traceparent) for w in changes.work)),
        *_columns(4, ((p.id, p.partition, p.count, p.records) for p in changes.parcels)),
    ]


def _columns(width: int, rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into columns, as `unnest` takes them; no rows are empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
