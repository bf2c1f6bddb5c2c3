"""The engines service at work on a real database and a real broker, with a scripted provider behind it."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer
from tests.integration.engines.wall import SCRIPTS, Wall

from tuntas.contracts.topics import ENGINES_EVENTS, SHARED
from tuntas.engines.app import service
from tuntas.kit.messaging import topics
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.process import Process
from tuntas.kit.settings import KafkaSettings
from tuntas.local.stack import Backends

KEY, TENANT_KEY = "inner-key-of-the-services", "key-of-acme"
PRICED = """
[[providers.wall.models.{model}.prices]]
id = "wall/{model}/1"
since = 2026-01-01T00:00:00Z
currency = "USD"
input = "1"
cached = "0.5"
output = "10"
"""
POLICY = """
[scenarios."t.{name}"]
routes = {routes}
reference = "openai/gpt-6-luna"
deadline_ms = 2500
first_word_ms = 400
hops = 2
max_tokens = 100
system = "Say it."
[scenarios."t.{name}".input]
type = "object"
[scenarios."t.{name}".output]
type = "object"
required = ["text"]
"""


def providers(url: str) -> str:
    codes = {"starved": "insufficient_quota", "throttled": "^18$"}
    rules = "".join(f'[[providers.wall.rules]]\nkind = "{kind}"\ncode = "{code}"\n' for kind, code in codes.items())
    models = "".join(f"[providers.wall.models.{name}]\nwindow = 5000\n{PRICED.format(model=name)}" for name in SCRIPTS)
    unpriced = "[providers.wall.models.unpriced]\nwindow = 5000\n"
    return f'[providers.wall]\nbase_url = "{url}"\nrenames = {{max_tokens = "max_completion_tokens"}}\n{rules}{models}{unpriced}'


def policies() -> str:
    names = {name: f'["wall/{name}", "wall/spare"]' for name in SCRIPTS}
    alone = {f"{name}-alone": f'["wall/{name}"]' for name in ("broken", "throttled", "pausing", "short", "silent")}
    more = {"unpriced": '["wall/unpriced", "openai/gpt-6-luna"]', "three": '["wall/silent", "wall/starved", "wall/spare"]'}
    return "".join(POLICY.format(name=name, routes=routes) for name, routes in (names | alone | more).items())


class Engines:
    """The service, and a client of its door."""

    def __init__(self, prefix: str, backends: Backends, pool: asyncpg.Pool, wall: Wall) -> None:
        self.prefix, self.backends, self.pool, self.wall = prefix, backends, pool, wall

    async def start(self) -> None:
        self.process = Process([service], "127.0.0.1", 0)
        await self.process.start()
        self.client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.process.port}", headers={"Authorization": f"Bearer {KEY}"}, timeout=20
        )

    async def stop(self) -> None:
        await self.client.aclose()
        await self.process.stop()

    async def ask(self, model: str, document: Any = None, **more: Any) -> httpx2.Response:
        headers = more.pop("headers", {})
        content = json.dumps({} if document is None else document) if not isinstance(document, str) else document
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        return await self.client.post("/v1/chat/completions", json=body, headers=headers)

    async def kept(self, call: str) -> list[asyncpg.Record]:
        return list(await self.pool.fetch("select * from engines.calls where call = $1 order by attempt", UUID(call)))

    async def told(self, wanted: set[tuple[str, int]], seconds: float = 30) -> list[Any]:
        """Read the events of these attempts from the topic."""
        consumer = AIOKafkaConsumer(
            self.prefix + ENGINES_EVENTS.name, bootstrap_servers=self.backends.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        found: list[Any] = []
        try:
            async with asyncio.timeout(seconds):
                while {(e["call"], e["attempt"]) for e in found} != wanted:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        bodies = [json.loads(r.value) | {"key": r.key.decode(), "headers": dict(r.headers)} for r in records]
                        found += [body for body in bodies if (body["call"], body["attempt"]) in wanted]
        finally:
            await consumer.stop()
        return found


@pytest.fixture(scope="module")
async def wall() -> AsyncIterator[Wall]:
    found = Wall()
    yield found
    await found.stop()


@pytest.fixture(scope="module")
async def settled(backends: Backends, monkeypatch_module: pytest.MonkeyPatch, wall: Wall, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the schema, the topics and the environment; return the topics' prefix."""
    admin = await asyncpg.connect(backends.dsn)
    await admin.execute("drop schema if exists engines cascade")
    for statement in bootstrap({"engines": "engines"}, "ops"):
        await admin.execute(statement)
    await admin.close()
    dsn = backends.dsn.replace(backends.dsn.split("//")[1].split("@")[0], "engines:engines")
    await asyncio.to_thread(upgrade, "engines", "tuntas.engines", dsn)
    folder, prefix = tmp_path_factory.mktemp("engines"), f"t{uuid4().hex[:8]}."
    (folder / "providers.toml").write_text(providers(await wall.start()))
    (folder / "scenarios.toml").write_text(policies())
    for name, value in {
        "TUNTAS_KAFKA_BOOTSTRAP": backends.bootstrap,
        "TUNTAS_TOPIC_PREFIX": prefix,
        "TUNTAS_KAFKA_INSTANCE": "1",
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_ENGINES_DATABASE_URL": dsn,
        "TUNTAS_ENGINES_KEY": KEY,
        "TUNTAS_ENGINES_TENANT_KEYS": json.dumps({hashlib.sha256(TENANT_KEY.encode()).hexdigest(): "acme"}),
        "TUNTAS_ENGINES_PROVIDERS_FILE": str(folder / "providers.toml"),
        "TUNTAS_ENGINES_SCENARIOS_FILE": str(folder / "scenarios.toml"),
    }.items():
        monkeypatch_module.setenv(name, value)
    await topics.create(KafkaSettings(), SHARED)
    return prefix


@pytest.fixture(scope="module")
async def pool(backends: Backends) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(backends.dsn, min_size=1, max_size=2) as found:
        yield found


@pytest.fixture(scope="module")
async def engines(settled: str, backends: Backends, pool: asyncpg.Pool, wall: Wall) -> AsyncIterator[Engines]:
    found = Engines(settled, backends, pool, wall)
    await found.start()
    yield found
    await found.stop()


class Child:
    """The service in a process of its own, which a test may kill."""

    def __init__(self, failpoints: str = "") -> None:
        env = os.environ | {"TUNTAS_FAILPOINTS": failpoints}
        command = [sys.executable, "-m", "tuntas.engines", "serve"]
        self._log = Path(os.devnull).open("wb")  # noqa: SIM115 - lives as long as the child
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=self._log)

    async def url(self) -> str:
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        return str(json.loads(line)["listening"])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
