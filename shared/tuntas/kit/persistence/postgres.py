"""What a service keeps, in PostgreSQL: one statement writes a batch, one transaction holds what needs several."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import cramjam
import msgspec

from tuntas.contracts.base import Document, Frozen
from tuntas.contracts.ids import timer_id
from tuntas.kit.decision import Call
from tuntas.kit.errors import Transient
from tuntas.kit.messaging.wire import Record
from tuntas.kit.persistence.database import PAGE, Changes, Parcel, Row, Shared, SharedTable, Timer, Work

S = TypeVar("S", bound=Frozen)
Connection = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection

_CALL = msgspec.json.Decoder(Call)
_RECORDS = msgspec.msgpack.Decoder(list[Record])
_CLAIM_TIMERS = """delete from timers t using unnest($1::uuid[], $2::text[], $3::timestamptz[]) as u (task_id, purpose, due_at)
    where (t.task_id, t.purpose, t.due_at) = (u.task_id, u.purpose, u.due_at) and t.due_at <= $4
    returning t.task_id, t.purpose, t.due_at"""
_CLAIM_CALLS = "delete from work where call_id = any($1::uuid[]) returning call_id"
_LEFTOVERS = """select id, partition, records, created_at from outbox
    where partition = any($1::int[]) and created_at < $2 and not id = any($3::uuid[]) order by seq limit $4"""
_LOST = """select * from work
    where partition = any($1::int[]) and lease_until < $2 and not call_id = any($3::uuid[]) order by lease_until, call_id limit $4"""
_KEEP = "insert into outbox (id, partition, count, records, created_at) values ($1, $2, $3, $4, $5)"
_TIMERS = "select * from timers where partition = any($1::int[]) and due_at < $2 order by due_at, task_id, purpose limit $3"


@cache
def statement(table: str, *, apart: bool) -> str:
    """Return the statement for a state table. A row that moved on makes it fail as a whole, by a division that only then is by zero.

    `apart`: the table keeps settled fields beside its documents, and those that come as null stay as they are. A call's id follows from
    a key that callers choose; under the key of another task's call it gets no row, so that it blocks nobody.
    """
    added = (", settled", ", u.settled", ", settled = coalesce(excluded.settled, t.settled)") if apart else ("", "", "")
    return f"""with gone as (delete from outbox where id = any($1::uuid[])),
        fresh as (select s.task_id, array_agg(s.id) as ids from unnest($7::uuid[], $8::uuid[]) as s (task_id, id) group by 1),
        saved as (
            insert into {table} as t (task_id, tenant, version, seen, status, doc{added[0]})
            select u.task_id, u.tenant, u.version + 1, coalesce(f.ids, '{{}}'), u.status, u.doc{added[1]}
            from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $29::text[])
                as u (task_id, tenant, version, status, doc, settled)
            left join fresh f using (task_id)
            order by u.task_id
            on conflict (task_id) do update
            set status = excluded.status, doc = excluded.doc, version = excluded.version, seen = t.seen || excluded.seen,
                updated_at = now(){added[2]}
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
            insert into outbox (id, partition, count, records, created_at)
            select * from unnest($24::uuid[], $25::int[], $26::int[], $27::bytea[], $28::timestamptz[])
        )
        select 1 / (count(*) = cardinality($2::uuid[]))::int from saved"""


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """A session on one connection."""

    con: Connection

    async def time(self) -> datetime:
        """Return the database's clock."""
        told: datetime = await self.con.fetchval("select clock_timestamp()")
        return told

    async def claim(self, timers: Sequence[tuple[UUID, str, datetime]], calls: Sequence[UUID], now: datetime) -> set[UUID]:
        """Delete the rows: what was cancelled or decided elsewhere is gone."""
        won: set[UUID] = set()
        if timers:
            rows = await self.con.fetch(_CLAIM_TIMERS, *_columns(3, timers), now)
            won |= {timer_id(r["task_id"], r["purpose"], r["due_at"]) for r in rows}
        if calls:
            won |= {r["call_id"] for r in await self.con.fetch(_CLAIM_CALLS, list(calls))}
        return won

    async def rows(self, table: str, model: type[S], keys: Sequence[UUID]) -> list[Row[S]]:
        """Read rows without locking."""
        settled = "settled" if model.settled else "null as settled"
        query = f"select task_id, tenant, version, seen, doc, {settled} from {table} where task_id = any($1::uuid[])"
        return [_row(model, *r) for r in await self.con.fetch(query, list(keys))]

    async def shared(self, table: SharedTable, keys: Sequence[UUID]) -> dict[UUID, Shared]:
        """Read and lock shared documents in key order."""
        query = f"select {table.key}, tenant, version, doc from {table.name} where {table.key} = any($1::uuid[]) order by 1 for update"
        return {key: Shared(tenant, version, doc) for key, tenant, version, doc in await self.con.fetch(query, list(keys))}

    async def share(self, table: SharedTable, documents: Mapping[UUID, Shared]) -> None:
        """Write shared documents behind their versions."""
        query = f"""insert into {table.name} as w ({table.key}, tenant, version, doc)
            select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[])
            on conflict ({table.key}) do update set doc = excluded.doc, version = excluded.version, updated_at = now()
            where w.version = excluded.version - 1 returning 1"""
        columns = _columns(4, ((key, d.tenant, d.version + 1, d.doc) for key, d in sorted(documents.items())))
        if len(await self.con.fetch(query, *columns)) != len(documents):
            raise Transient("conflict", f"rows of {table.name} moved")

    async def write(self, table: str, changes: Changes[Any]) -> None:
        """Write a batch with one statement."""
        apart = any(row.state.settled for row in changes.rows if row.state is not None)
        try:
            await self.con.fetchval(statement(table, apart=apart), *_arguments(changes))
        except asyncpg.DivisionByZeroError:
            raise Transient("conflict", f"rows of {table} moved") from None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A service's schema, through its pool."""

    pool: asyncpg.Pool

    @asynccontextmanager
    async def session(self, *, wide: bool) -> AsyncIterator[PostgresSession]:
        """Lend a session on a connection of its own."""
        async with self.pool.acquire() as con, con.transaction() if wide else nullcontext():
            yield PostgresSession(con)

    async def leftovers(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID], limit: int) -> list[Parcel]:
        """Return parcels that were committed and not published."""
        found = await self.pool.fetch(_LEFTOVERS, list(partitions), before, list(known), limit)
        return [Parcel(r["id"], r["partition"], _unpacked(r["records"]), r["created_at"]) for r in found]

    async def lost_calls(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID]) -> list[Work]:
        """Return calls whose lease ends before an instant."""
        found = await self.pool.fetch(_LOST, list(partitions), before, list(known), PAGE)
        return [Work(**(dict(r) | {"call": _CALL.decode(r["call"])})) for r in found]

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Timer]:
        """Return timers, soonest first."""
        return [Timer(**dict(r)) for r in await self.pool.fetch(_TIMERS, list(partitions), before, PAGE)]


async def keep(con: Connection, parcels: Iterable[Parcel]) -> None:
    """Put parcels that no batch made into the outbox, in the caller's transaction; the sweep of their partition's owner delivers them."""
    for parcel in parcels:
        await con.execute(_KEEP, *_parcel(parcel))


def _arguments(changes: Changes[Any]) -> list[list[Any]]:
    rows = [(row, row.state) for row in changes.rows if row.state is not None]
    put = [timer for timer in changes.timers if timer.due_at]
    return [
        list(changes.published),
        *_columns(5, ((r.task_id, r.tenant, r.version, str(s.status), _unsettled(s).model_dump_json()) for r, s in rows)),
        *_columns(2, ((row.task_id, message) for row, _ in rows for message in row.fresh)),
        *_columns(6, ((t.task_id, t.purpose, t.tenant, t.partition, t.due_at, t.traceparent) for t in put)),
        *_columns(2, ((t.task_id, t.purpose) for t in changes.timers if not t.due_at)),
        *_columns(7, (_work(w) for w in changes.work)),
        *_columns(5, (_parcel(p) for p in changes.parcels)),
        [_settled(row.was, state) for row, state in rows],
    ]


def _row(model: type[S], task_id: UUID, tenant: str, version: int, seen: Iterable[UUID], doc: str, settled: str | None) -> Row[S]:
    """Join what is kept apart. Who does not keep it apart, such as the version before, writes whole documents: those go before."""
    joined = f"{settled[:-1]},{doc[1:]}" if settled and doc != "{}" else settled or doc
    state = model.model_validate_json(joined)
    whole = settled is None or any(f'"{name}":' in doc for name in model.settled)
    return Row(task_id, tenant, version, state, frozenset(seen), was=None if whole else state)


def _unsettled(state: Frozen) -> Frozen:
    """Return a state without what is kept beside its document."""
    return state.model_copy(update=_blank(type(state))) if state.settled else state


@cache
def _blank(model: type[Frozen]) -> Document:
    return {each.name: each.default for each in msgspec.structs.fields(model) if each.name in model.settled}


def _settled(was: Frozen | None, state: Frozen) -> str | None:
    """Return the settled fields as JSON, or nothing if they lie in the table as they are."""
    names = state.settled
    if not names or (was is not None and all(getattr(was, name) is getattr(state, name) for name in names)):
        return None
    return msgspec.json.encode({name: getattr(state, name) for name in names}, enc_hook=str).decode()


def _work(w: Work) -> tuple[Any, ...]:
    return w.call_id, w.task_id, w.tenant, w.partition, msgspec.json.encode(w.call, enc_hook=str).decode(), w.lease_until, w.traceparent


def _parcel(parcel: Parcel) -> tuple[Any, ...]:
    return parcel.id, parcel.partition, len(parcel.records), _packed(parcel.records), parcel.made_at


def _packed(records: Sequence[Record]) -> bytes:
    """Pack records; compressed, for writing their bytes costs the server more than that costs us."""
    return bytes(cramjam.lz4.compress_block(msgspec.msgpack.encode(records)))


def _unpacked(packed: bytes) -> list[Record]:
    return _RECORDS.decode(bytes(cramjam.lz4.decompress_block(packed)))


def _columns(width: int, rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into columns, as `unnest` takes them; no rows are empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
