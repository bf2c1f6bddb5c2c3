"""While PostgreSQL or Kafka is away a caller is told so in bounded time, and what comes after the outage is served again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import pytest

from tuntas.gateway import deadline
from tuntas.local.stack import Backends

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

BODY = {"asker": {"person": "p-1"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}
LIMIT = 3.0
Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]
OPERATOR = {"X-Api-Key": "operators-key"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limit short."""
    monkeypatch.setattr(deadline, "ANSWER_SECONDS", LIMIT)


def post(name: str) -> Ask:
    return lambda client: client.post("/v1/tasks", json=BODY, headers={"Idempotency-Key": name})


def everything() -> dict[str, Ask]:
    """Return a request for each way in which a route needs the database."""
    task = uuid4()
    return {
        "submit": post(f"k-{task}"),
        "list": lambda c: c.get("/v1/tasks"),
        "show": lambda c: c.get(f"/v1/tasks/{task}"),
        "follow": lambda c: c.get(f"/v1/tasks/{task}/events"),
        "cancel": lambda c: c.post(f"/v1/tasks/{task}/cancel"),
        "erase": lambda c: c.delete("/v1/people/somebody"),
        "explain": lambda c: c.get(f"/v1/operations/explain/{task}", headers=OPERATOR),
        "stuck": lambda c: c.get("/v1/operations/stuck", headers=OPERATOR),
    }


async def told_away(gateway: "Gateway", requests: dict[str, Ask]) -> None:
    """Make requests side by side; each must be answered in time that a backend is away."""
    begun = monotonic()
    answers = await asyncio.gather(*(ask(gateway.client) for ask in requests.values()))
    for name, answer in zip(requests, answers, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), name
        assert answer.headers["retry-after"] == "1", name
        assert answer.headers["content-type"] == "application/problem+json", name
    assert monotonic() - begun < LIMIT + 3


async def served(gateway: "Gateway", name: str) -> Any:
    """Repeat a submission, as a caller would that was told to, until it is accepted."""
    async with asyncio.timeout(40):
        while (answer := await post(name)(gateway.client)).status_code == 503 or answer.json()["status"] == "pending":
            assert answer.status_code in {202, 503}
            await asyncio.sleep(0.2)  # what Retry-After is for
    return answer.json()


@asynccontextmanager
async def cut(gateway: "Gateway") -> AsyncIterator[None]:
    await gateway.wire.cut()
    try:
        yield
    finally:
        await gateway.wire.start()


@asynccontextmanager
async def frozen(gateway: "Gateway") -> AsyncIterator[None]:
    gateway.wire.freeze()
    try:
        yield
    finally:
        gateway.wire.thaw()


@asynccontextmanager
async def stopped(backends: Backends) -> AsyncIterator[None]:
    """Let Kafka stand still: it neither answers nor closes anything."""
    (kafka,) = [child for child in backends.processes.running() if child.name == "kafka"]
    kafka.send(signal.SIGSTOP)
    try:
        yield
    finally:
        kafka.send(signal.SIGCONT)


@pytest.mark.parametrize("away", [cut, frozen])
async def test_a_database_that_is_away_is_told_on_every_route_and_work_goes_on_when_it_is_back(gateway: "Gateway", away: Any) -> None:
    name = f"database-{away.__name__}"
    await served(gateway, f"{name}-before")
    async with away(gateway):
        await told_away(gateway, everything())
    assert (await served(gateway, f"{name}-after"))["status"] == "accepted"


async def test_connections_that_were_cut_while_idle_fail_no_more_than_once(gateway: "Gateway") -> None:
    await served(gateway, "idle-before")
    async with cut(gateway):
        pass
    for number in range(10):
        answer = await gateway.client.get("/v1/tasks")
        assert answer.status_code in {200, 503}, number
    assert answer.status_code == 200


async def test_a_kafka_that_stands_still_is_told_and_a_repeat_is_one_task(gateway: "Gateway", backends: Backends) -> None:
    await served(gateway, "kafka-before")
    async with stopped(backends):
        await told_away(gateway, {"submit": post("kafka-still"), "revoke": lambda c: c.delete("/v1/people/p-1/mandate")})
        listed = await gateway.client.get("/v1/tasks")
        assert listed.status_code == 200
    found = await served(gateway, "kafka-still")
    assert found["status"] == "accepted"
    assert len(await gateway.public("kafka-still", 1)) == 1
