import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.travel.app import providers as travel_providers
from tuntas.contracts.ids import attempt_key, derive, undo_key
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider, Request, Wish
from tuntas.local.postgres import Postgres
from tuntas.local.processes import Processes

SECRET = "a secret of the tests"  # noqa: S105 - opens nothing


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    with TemporaryDirectory(prefix="tuntas-connectors-") as folder:
        Path(folder).chmod(0o755)
        processes = Processes(Path(folder))
        postgres = Postgres(Path(folder) / "postgres", processes)
        postgres.start()
        yield postgres.dsn
        processes.stop_all()


@dataclass
class World:
    """A running sandbox world, seen by somebody who disturbs it and looks behind it."""

    address: str
    client: httpx2.AsyncClient

    async def fault(self, kind: str, operation: str, task: UUID, **more: Any) -> None:
        match = {"reference_prefix": str(task)}
        answer = await self.client.post("/faults", json={"kind": kind, "operation": operation, "match": match, **more})
        assert answer.status_code == 201, answer.text

    async def effects(self, task: UUID) -> list[dict[str, Any]]:
        answer = await self.client.get("/effects", params={"reference_prefix": str(task)})
        found: list[dict[str, Any]] = answer.json()["effects"]
        return found

    async def alive(self, task: UUID) -> list[dict[str, Any]]:
        return [each for each in await self.effects(task) if each["alive"]]

    async def operations(self, task: UUID) -> list[dict[str, Any]]:
        answer = await self.client.get("/operations", params={"reference_prefix": str(task)})
        found: list[dict[str, Any]] = answer.json()["operations"]
        return found

    async def end(self, reference: str) -> None:
        answer = await self.client.post(f"/objects/{reference}/cancel", json={"reason": "strike"})
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def _running(name: str, dsn: str) -> AsyncIterator[World]:
    command = ["-m", "tuntas.sandbox", "serve", "--world", name, "--dsn", dsn, "--port", "0", "--schema", f"{name}_{secrets.token_hex(4)}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=os.environ | {"TUNTAS_SANDBOX_WEBHOOK_SECRET": SECRET}
    )
    assert process.stdout is not None
    address = json.loads(await process.stdout.readline())["listening"]
    async with httpx2.AsyncClient(base_url=address, timeout=20, trust_env=False) as client:
        yield World(address, client)
    process.terminate()
    await process.wait()


@pytest.fixture(scope="session")
async def travel(dsn: str) -> AsyncIterator[World]:
    async with _running("travel", dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def payment(dsn: str) -> AsyncIterator[World]:
    async with _running("payment", dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def instant(dsn: str) -> AsyncIterator[World]:
    async with _running("instant", dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def shopping(dsn: str) -> AsyncIterator[World]:
    async with _running("shopping", dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def maps(dsn: str) -> AsyncIterator[World]:
    async with _running("maps", dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def sellers(travel: World) -> AsyncIterator[dict[str, Provider]]:
    resources: Any = type("R", (), {"settings": type("S", (), {"base_url": travel.address})})
    found = dict(travel_providers(resources))
    yield found
    for seller in found.values():
        await seller.close()


@pytest.fixture(scope="session")
async def lontar(payment: World) -> AsyncIterator[Lontar]:
    client = Client(payment.address)
    yield Lontar(client)
    await client.close()


@dataclass
class Traveller:
    """One task's requests, built as the kit builds them."""

    task: UUID

    def request(self, action: str, **more: Any) -> Request:
        attempt = more.pop("attempt", 1)
        key = attempt_key(self.task, action, attempt)
        known = {"task_id": self.task, "key": key, "action": action, "idempotency_key": key, "reference": f"{self.task}:{key}"}
        return Request.model_validate({**known, "travellers": ("Sari Dewi",), **more})

    def undoing(self, request: Request, **more: Any) -> Request:
        number = more.pop("number", 1)
        key = undo_key(request.key, number)
        return request.model_copy(update={"idempotency_key": derive("undo", key, more.get("quote_id")), **more})

    def quoting(self, request: Request, **more: Any) -> Request:
        return request.model_copy(update={"idempotency_key": uuid4(), **more})

    def wish(self, kind: str, **parameters: Any) -> Wish:
        return Wish(task_id=self.task, goal=Goal(goal_id="goal", type=kind, parameters=parameters), travellers=("Sari Dewi",))


@pytest.fixture
def traveller(request: pytest.FixtureRequest) -> Traveller:
    return Traveller(derive("test", request.node.nodeid, secrets.token_hex(4)))


def day(ahead: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


@pytest.fixture
def flight_offer(sellers: dict[str, Provider], traveller: Traveller) -> Any:
    async def find(provider: str = "nusantara-air", *, refundable: bool = True, **parameters: Any) -> Offer:
        asked = {"origin": "CGK", "destination": "SRG", "depart_date": day(30)} | parameters
        found = await sellers[provider].quote(traveller.wish("travel.flight.book", **asked))
        return next(o for o in found if o.details["refundable"] is refundable)

    return find


@pytest.fixture
def money() -> Money:
    return Money(amount_minor=500_000, currency="IDR")


async def poll(question: Any) -> Any:
    """Ask until the answer is true, at most ten seconds."""
    async with asyncio.timeout(10):
        while not (answer := await question()):
            await asyncio.sleep(0.05)
    return answer


@pytest.fixture
def eventually() -> Any:
    return poll


@pytest.fixture
def free_port() -> int:
    """A port at which nobody listens: it was bound and let go of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
