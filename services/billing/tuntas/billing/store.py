"""Subjects with the facts and the ledger beside them: recorded once, rated and posted in the transaction that wrote the row."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuntas.billing.book import Book
from tuntas.billing.posting import Entry, entries
from tuntas.billing.state import Subject, Usage
from tuntas.billing.usage import opening
from tuntas.kit.billing.months import billed_in
from tuntas.kit.billing.rating import BASE, Key, Plan
from tuntas.kit.persistence.database import Row, Session
from tuntas.kit.persistence.postgres import Connection
from tuntas.kit.persistence.store import Store
from tuntas.kit.telemetry.metrics import Metrics

_PIN = """insert into months (tenant, month, zone, plan) select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])
    on conflict (tenant, month) do nothing"""
_LOCK = """select m.tenant, m.month, m.zone, m.plan, m.tally, m.billed_in
    from months m join unnest($1::text[], $2::text[]) as u (tenant, month) using (tenant, month)
    order by m.tenant, m.month for update of m"""
_RECORD = """insert into usage (id, tenant, subject, task, meter, party, item, currency, quantity, number, price, month, billed_in,
        occurred_at, recorded_at, supersedes)
    select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
        $10::int[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::uuid[])
    on conflict (id) do nothing returning id"""
_ENTER = """insert into entries (id, usage, kind, tenant, billed_in, at)
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])"""
_POST = """insert into postings (entry, account, currency, amount_micro)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])"""
_TALLY = """update months m set tally = u.tally, billed_in = u.billed_in
    from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[]) as u (tenant, month, tally, billed_in)
    where (m.tenant, m.month) = (u.tenant, u.month)"""

Place = tuple[str, str]
"""A tenant and a month."""


@dataclass(slots=True)
class _Month:
    """A tenant's month, locked: the plan it was pinned to, what is counted of it, and the last invoice that took some of it."""

    zone: str
    plan: Plan
    billed_in: str
    counted: dict[Key, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Recorded:
    tenant: str
    fact: Usage
    billed_in: str


class Subjects(Store[Subject]):
    """Rows in `subjects`; beside them `usage`, `months`, `entries` and `postings`."""

    wide = True

    def __init__(self, book: Book, metrics: Metrics) -> None:
        super().__init__("subjects", Subject)
        self._book, self._metrics = book, metrics

    def kept(self, state: Subject) -> Subject:
        """Return a row without what is recorded beside it."""
        return state.model_copy(update={"fresh": ()})

    async def beside(self, session: Session, rows: Sequence[Row[Subject]]) -> None:
        """Record the facts that are new, and post what they cost. A fact that was recorded before changes nothing."""
        told = [(row.tenant, fact) for row in rows if row.state for fact in row.state.fresh]
        if not told:
            return
        months, now = await self._locked(session.con, sorted({(tenant, fact.month) for tenant, fact in told}))
        begun = [(t, opening(t, m, month.zone)) for (t, m), month in months.items() if Key(BASE) not in month.counted]
        recorded = await _record(session.con, (*begun, *told), months, now)
        await _post(session.con, [(r, e) for r in recorded for e in _entries(r, months[r.tenant, r.fact.month])], now)
        await _count(session.con, {(r.tenant, r.fact.month): months[r.tenant, r.fact.month] for r in recorded})
        for r in recorded:
            self._metrics.of("tuntas_usage_total", meter=r.fact.meter).inc()

    async def _locked(self, con: Connection, places: Sequence[Place]) -> tuple[dict[Place, _Month], datetime]:
        """Lock months, in order, and find the invoice that takes what is recorded now. One that took later facts is never passed over."""
        await self._pin(con, places)
        months = {(r["tenant"], r["month"]): _month(r) for r in await con.fetch(_LOCK, *_columns(places))}
        now: datetime = await con.fetchval("select clock_timestamp()")
        for (_, name), month in months.items():
            month.billed_in = max(month.billed_in, billed_in(name, month.zone, now))
        await self._pin(con, sorted({(tenant, month.billed_in) for (tenant, _), month in months.items()}))
        return months, now

    async def _pin(self, con: Connection, places: Sequence[Place]) -> None:
        """Let months begin that have not: each keeps the zone and the plan's row that it begins with."""
        begun = [(t, m, self._book.terms(t).zone, self._book.row(t, m).model_dump_json()) for t, m in places]
        await con.execute(_PIN, *_columns(begun))


def _month(r: Any) -> _Month:
    counted = {Key(*names): quantity for *names, quantity in json.loads(r["tally"])}
    return _Month(r["zone"], Plan.model_validate_json(r["plan"]), r["billed_in"], counted)


def _entries(recorded: _Recorded, month: _Month) -> Iterator[Entry]:
    return entries(recorded.tenant, recorded.fact, month.plan, month.counted)


async def _record(con: Connection, facts: Iterable[tuple[str, Usage]], months: dict[Place, _Month], now: datetime) -> list[_Recorded]:
    """Insert facts; return those that were not there, in their order."""
    offered = {fact.id: _Recorded(tenant, fact, months[tenant, fact.month].billed_in) for tenant, fact in facts}
    rows = [(f.id, r.tenant, *_values(f), f.month, r.billed_in, f.at, now, f.supersedes) for r in offered.values() for f in (r.fact,)]
    new = {r["id"] for r in await con.fetch(_RECORD, *_columns(rows))}
    return [each for each in offered.values() if each.fact.id in new]


def _values(f: Usage) -> tuple[Any, ...]:
    return f.subject, f.task, f.meter, f.party, f.item, f.currency, f.quantity, f.number, f.price


async def _post(con: Connection, entered: Sequence[tuple[_Recorded, Entry]], now: datetime) -> None:
    if not entered:
        return
    await con.execute(_ENTER, *_columns([(e.id, e.usage, e.kind, r.tenant, r.billed_in, now) for r, e in entered]))
    sides = [(e.id, account, e.currency, amount) for _, e in entered for account, amount in e.sides()]
    await con.execute(_POST, *_columns(sides))


async def _count(con: Connection, months: Mapping[Place, _Month]) -> None:
    if not months:
        return
    rows = [(tenant, name, _tally(month.counted), month.billed_in) for (tenant, name), month in months.items()]
    await con.execute(_TALLY, *_columns(rows))


def _tally(counted: Mapping[Key, int]) -> str:
    return json.dumps([[k.meter, k.party, k.item, k.currency, quantity] for k, quantity in counted.items()])


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
