"""The service dies at the worst moments: what was used is kept, and told once somebody owns its partition again."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
from tests.integration.engines.conftest import KEY, Child, Engines
from tests.integration.engines.wall import Wall

from tuntas.local.stack import Backends

pytestmark = pytest.mark.timeout(120)
BODY: Any = {"model": "scenario/t.once", "messages": [{"role": "user", "content": "{}"}]}


@pytest.fixture
async def lone(settled: str, backends: Backends, pool: asyncpg.Pool, wall: Wall) -> AsyncIterator[Engines]:
    """What looks at the service's tables and topics, without a service of its own."""
    yield Engines(settled, backends, pool, wall)
    await pool.execute("delete from engines.outbox")


@contextlib.asynccontextmanager
async def running(failpoints: str = "") -> AsyncIterator[Child]:
    child = Child(failpoints)
    try:
        yield child
    finally:
        child.kill()


async def ask(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20) as client:
        return await client.post("/v1/chat/completions", json=BODY)


async def rows(lone: Engines) -> set[tuple[str, int]]:
    return {(str(r["call"]), r["attempt"]) for r in await lone.pool.fetch("select call, attempt from engines.calls")}


async def outbox(lone: Engines) -> int:
    return int(await lone.pool.fetchval("select count(*) from engines.outbox"))


async def test_what_was_answered_is_told_after_a_crash_before_publishing(lone: Engines) -> None:
    async with running() as child:
        answer = await ask(await child.url())
        child.process.kill()
        assert answer.status_code == 200
    call = answer.json()["tuntas"]["call"]
    wanted = {(call, n) for n, _ in enumerate(answer.json()["tuntas"]["attempts"], 1)}
    assert wanted <= await rows(lone)
    assert await outbox(lone) == len(wanted), "nothing was published yet"
    async with running() as child:
        await child.url()
        told = await lone.told(wanted, 60)
    assert len(told) == len(wanted)


async def test_what_was_used_is_told_although_its_caller_was_never_answered(lone: Engines) -> None:
    before = await rows(lone)
    async with running("engines.committed=exit*1") as child:
        url = await child.url()
        with pytest.raises(httpx2.HTTPError):
            await ask(url)
        assert await asyncio.to_thread(child.process.wait, 10) == -9
    wanted = await rows(lone) - before
    assert len(wanted) == 1
    async with running() as child:
        await child.url()
        (told,) = await lone.told(wanted, 60)
    assert told["model"] in {"once", "spare"}


async def test_an_attempt_that_can_not_be_kept_is_not_answered(lone: Engines) -> None:
    async with running() as child:
        url = await child.url()
        await lone.pool.execute("alter table engines.calls rename to calls_away")
        try:
            answer = await ask(url)
        finally:
            await lone.pool.execute("alter table engines.calls_away rename to calls")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert json.loads((await ask(url)).json()["choices"][0]["message"]["content"])["text"]
