"""Gauges that are read from tables: timers due, outputs waiting, rows and their age by status, money at risk."""

import asyncpg

from tuntas.kit.telemetry.metrics import Metrics

REFRESH_SECONDS = 10.0


async def refresh(pool: asyncpg.Pool, metrics: Metrics, table: str, *, has_risk: bool) -> None:
    """Read a service's gauges. `has_risk` says that its states carry `at_risk`, minor units per currency."""
    due = await pool.fetchval("select count(*) from timers where due_at < now() - interval '1 second'")
    metrics.of("tuntas_timers_due").set(due)
    metrics.of("tuntas_outbox_records").set(await pool.fetchval("select coalesce(sum(count), 0) from outbox"))
    metrics.clear("tuntas_tasks")
    metrics.clear("tuntas_saga_age_seconds")
    for row in await pool.fetch(
        f"select status, count(*) as n, extract(epoch from now() - min(created_at)) as age from {table} group by 1"
    ):
        metrics.of("tuntas_tasks", status=row["status"]).set(row["n"])
        metrics.of("tuntas_saga_age_seconds", status=row["status"]).set(float(row["age"]))
    if has_risk:
        await _risk(pool, metrics, table)


async def _risk(pool: asyncpg.Pool, metrics: Metrics, table: str) -> None:
    metrics.clear("tuntas_money_at_risk_minor")
    sums = await pool.fetch(
        f"""select risk.key as currency, sum(risk.value::numeric) as minor
        from {table}, json_each_text(doc::json->'at_risk') as risk where status not in ('completed', 'compensated') group by 1"""
    )
    for row in sums:
        metrics.of("tuntas_money_at_risk_minor", currency=row["currency"]).set(float(row["minor"]))
