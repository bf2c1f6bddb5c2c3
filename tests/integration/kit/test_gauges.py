"""Gauges tell of rows that are not at an end, and do not read the rest, however many there are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import generate_latest

from tuntas.kit.persistence.tables import RUNTIME, state_table
from tuntas.kit.telemetry.gauges import refresh
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.local.stack import Backends

ENDS = frozenset({"completed", "compensated"})
ENDED = 2_000


@pytest.fixture
async def pool(backends: Backends) -> AsyncIterator[asyncpg.Pool]:
    schema = f"gauges_{uuid4().hex}"
    made = await asyncpg.create_pool(backends.dsn, min_size=1, max_size=2, server_settings={"search_path": schema})
    await made.execute(f"create schema {schema}")
    for statement in (*state_table("sagas"), *RUNTIME):
        await made.execute(statement)
    yield made
    await made.execute(f"drop schema {schema} cascade")
    await made.close()


async def stored(pool: asyncpg.Pool, status: str, doc: str, count: int = 1, age: timedelta = timedelta()) -> None:
    created = datetime.now(UTC) - age
    rows: list[tuple[UUID, str, int, list[UUID], str, str, datetime]] = [
        (uuid4(), "acme", 1, [], status, doc, created) for _ in range(count)
    ]
    columns = ["task_id", "tenant", "version", "seen", "status", "doc", "created_at"]
    await pool.copy_records_to_table("sagas", columns=columns, records=rows)


async def told(pool: asyncpg.Pool, ends: frozenset[str] = ENDS) -> str:
    metrics = Metrics("saga")
    await refresh(pool, metrics, "sagas", ends, has_risk=True)
    return generate_latest(metrics.registry).decode()


async def test_open_rows_are_counted_by_status_with_their_age_and_their_money(pool: asyncpg.Pool) -> None:
    await stored(pool, "running", '{"at_risk":{"IDR":250000}}', 2, timedelta(minutes=5))
    await stored(pool, "needs_attention", '{"at_risk":{"IDR":1,"SGD":70}}')
    await stored(pool, "completed", '{"at_risk":{}}', 3, timedelta(days=9))
    text = await told(pool)
    assert 'tuntas_tasks{service="saga",status="running"} 2.0' in text
    assert 'tuntas_tasks{service="saga",status="needs_attention"} 1.0' in text
    assert 'tuntas_money_at_risk_minor{currency="IDR",service="saga"} 500001.0' in text
    assert 'tuntas_money_at_risk_minor{currency="SGD",service="saga"} 70.0' in text
    assert 'tuntas_saga_age_seconds{service="saga",status="running"} 30' in text
    assert 'status="completed"' not in text


@pytest.mark.parametrize("ends", [ENDS, frozenset()])
async def test_a_table_without_rows_has_no_gauges(pool: asyncpg.Pool, ends: frozenset[str]) -> None:
    assert "tuntas_tasks{" not in await told(pool, ends)


async def test_without_statuses_at_an_end_all_rows_are_counted(pool: asyncpg.Pool) -> None:
    await stored(pool, "alive", "{}", 4)
    assert 'tuntas_tasks{service="saga",status="alive"} 4.0' in await told(pool, frozenset())


async def test_rows_at_an_end_are_not_read(pool: asyncpg.Pool) -> None:
    await stored(pool, "completed", "no document at all", ENDED)
    await stored(pool, "running", '{"at_risk":{"IDR":5}}')
    await pool.execute("vacuum analyze sagas")
    before = await _read(pool)
    await told(pool)
    assert await _read(pool) - before < ENDED / 10


async def _read(pool: asyncpg.Pool) -> int:
    """Return how many rows and entries of indexes were read, as the server counts them."""
    query = """select seq_tup_read + (select sum(idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid)
        from pg_stat_user_tables t where relid = 'sagas'::regclass"""
    await pool.expire_connections()  # a session that ends tells its statistics at once
    async with pool.acquire() as con:
        return int(await con.fetchval(query))
