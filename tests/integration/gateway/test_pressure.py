"""The door's look at the services' signs of life, in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tuntas.gateway.pressure import Pressure
from tuntas.local.stack import Backends


@pytest.fixture
async def signs(backends: Backends) -> AsyncIterator["Signs"]:
    """A table that has nothing but signs of life."""
    admin = await asyncpg.connect(backends.dsn)
    name = f"pressure_{uuid4().hex}"
    await admin.execute(f"create schema {name}")
    await admin.execute(f"create table {name}.heartbeats (service text, instance text, at timestamptz, detail jsonb)")
    yield Signs(admin, name)
    await admin.execute(f"drop schema {name} cascade")
    await admin.close()


class Signs:
    """Reads `ops` where this test's schema is."""

    def __init__(self, con: asyncpg.Connection, schema: str) -> None:
        self.con, self.schema = con, schema

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        return await self.con.fetchval(query.replace("ops.", f"{self.schema}."), *arguments)

    async def beat(self, service: str, age: float, detail: str) -> None:
        await self.con.execute(
            f"insert into {self.schema}.heartbeats values ($1, '1', now() - make_interval(secs => $2), $3)", service, age, detail
        )


async def test_the_latest_service_of_late_counts_and_neither_old_signs_nor_those_that_come_after_the_end(
    signs: Signs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", nothing)
    pressure = Pressure(signs)
    await pressure.step()
    assert pressure.delay == 0
    await signs.beat("executor", 1, '{"delay": 2.5}')
    await signs.beat("saga", 1, '{"delay": 1}')
    await signs.beat("planner", 11, '{"delay": 99}')
    await signs.beat("engines", 1, '{"delay": 50}')
    await signs.beat("intent", 1, '{"ready": true}')
    await pressure.step()
    assert pressure.delay == 2.5
