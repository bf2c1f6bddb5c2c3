"""With 200,000 finished sagas in the tables nothing is slower; and what a saga costs does not rise with how many are in flight."""

import asyncio
import statistics
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from tests.bench.__main__ import measure, say
from tests.bench.load import PLAN, Load
from tests.bench.stage import IN_TWO, Stage, stage

FINISHED = 200_000
TABLES = {"executor": "executions", "saga": "sagas", "connectors_bench": "effects"}
LEVELS = {64: 2_000, 256: 3_000, 1024: 6_000, 4096: 12_000}
"""Sagas in flight, and how many are run."""

AT, SAGAS, ROUNDS = 256, 3_000, 3
PAGE = 5_000
Line = dict[str, Any]


async def fill(dsn: str, count: int) -> None:
    """Copy one finished saga's rows so many times into each table, under new ids."""
    con = await asyncpg.connect(dsn)
    try:
        done = await con.fetchval("select task_id from saga.sagas where status = 'completed' limit 1")
        for first in range(0, count, PAGE):
            ids = [uuid4() for _ in range(min(PAGE, count - first))]
            for schema, table in TABLES.items():
                await _copy(con, schema, table, done, ids)
        await con.execute("vacuum analyze")
        await con.execute("checkpoint")  # tables that have grown are measured, not the server writing them out
    finally:
        await con.close()


async def _copy(con: asyncpg.Connection, schema: str, table: str, done: UUID, ids: list[UUID]) -> None:
    (found,) = await con.fetch(f"select * from {schema}.{table} where task_id = $1", done)
    row = dict(found)
    names = [name for name in row if name != "task_id"]

    def made(identity: UUID) -> tuple[Any, ...]:
        values = (row[name].replace(str(done), str(identity)) if isinstance(row[name], str) else row[name] for name in names)
        return (identity, *values)

    await con.copy_records_to_table(table, schema_name=schema, columns=["task_id", *names], records=map(made, ids))


async def _forget(dsn: str, marker: str) -> None:
    con = await asyncpg.connect(dsn)
    try:
        for schema, table in TABLES.items():
            await con.execute(f"truncate {schema}.{table}")
        await con.execute("checkpoint")
        say(marker)
    finally:
        await con.close()


def run() -> Iterator[Line]:
    """Measure with empty tables and with full ones, then with more and more in flight."""
    with stage(IN_TWO) as running:
        load = Load(running.backends.bootstrap, PLAN)
        asyncio.run(load.run(64, 1_000))
        empty, full = [], []
        for _ in range(ROUNDS):
            asyncio.run(_forget(running.dsn, "tables are empty"))
            asyncio.run(load.run(64, 300))
            empty.append(_rate(running, load))
            say(f"copying {FINISHED} finished sagas")
            asyncio.run(fill(running.dsn, FINISHED))
            full.append(_rate(running, load))
        ratio = statistics.mean(full) / statistics.mean(empty)
        yield {"finished": FINISHED, "sagas_per_s_empty": empty, "sagas_per_s_full": full, "ratio": round(ratio, 3)}
        for in_flight, sagas in LEVELS.items():
            say(f"{in_flight} in flight")
            yield asyncio.run(measure(running, load, in_flight, sagas))


def _rate(running: Stage, load: Load) -> float:
    found: float = asyncio.run(measure(running, load, AT, SAGAS))["sagas_per_s"]
    say(f"{found} sagas/s")
    return found
