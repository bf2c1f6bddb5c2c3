"""Gauges that are read from tables: timers due, outputs waiting, open rows and their age by status, money at risk."""

from collections.abc import Set as AbstractSet

import asyncpg

from tuntas.kit.telemetry.metrics import Metrics

REFRESH_SECONDS = 10.0
TIMES = 50
"""A refresh comes after so many times the time that the last one took, so that large tables do not cost more than a fiftieth."""

_OPEN = """with recursive found(status) as (
        (select status from {table} order by status limit 1)
        union all
        select (select status from {table} t where t.status > found.status order by t.status limit 1)
        from found where found.status is not null
    )
    select status, n, extract(epoch from now() - oldest) as age from found,
        lateral (select count(*) as n, min(created_at) as oldest from {table} t where t.status = found.status) as rows
    where status is not null and status <> all($1::text[])"""
"""Goes from one status to the next by the index, and reads the rows of those that are open: finished ones are many."""

_BY_INDEX = "set local enable_seqscan = off"
"""The server takes it that rows are spread evenly over statuses, and would read all of them to find the few that are open."""

_RISK = """select risk.key as currency, sum(risk.value::numeric) as minor
    from {table}, json_each_text(doc::json->'at_risk') as risk where status = any($1::text[]) group by 1"""


async def refresh(pool: asyncpg.Pool, metrics: Metrics, table: str, ends: AbstractSet[str], *, has_risk: bool) -> None:
    """Read a service's gauges.

    Args:
        pool: connections whose search path finds the table.
        metrics: where they are set.
        table: the state table.
        ends: statuses at an end, whose rows are neither counted nor read.
        has_risk: whether states carry `at_risk`, minor units per currency.
    """
    due = await pool.fetchval("select count(*) from timers where due_at < now() - interval '1 second'")
    metrics.of("tuntas_timers_due").set(due)
    metrics.of("tuntas_outbox_records").set(await pool.fetchval("select coalesce(sum(count), 0) from outbox"))
    async with pool.acquire() as con, con.transaction(readonly=True):
        await con.execute(_BY_INDEX)
        rows = await con.fetch(_OPEN.format(table=table), list(ends))
        sums = await con.fetch(_RISK.format(table=table), [row["status"] for row in rows]) if has_risk else []
    metrics.clear("tuntas_tasks")
    metrics.clear("tuntas_saga_age_seconds")
    for row in rows:
        metrics.of("tuntas_tasks", status=row["status"]).set(row["n"])
        metrics.of("tuntas_saga_age_seconds", status=row["status"]).set(float(row["age"]))
    metrics.clear("tuntas_money_at_risk_minor")
    for row in sums:
        metrics.of("tuntas_money_at_risk_minor", currency=row["currency"]).set(float(row["minor"]))
