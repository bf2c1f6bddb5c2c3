"""Billing and the gateway on a real broker and a real database: messages in, invoices out at every door."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from tests.unit.billing.conftest import PLAN, ZONE

from tuntas.billing.app import service
from tuntas.contracts.topics import DEAD_LETTERS, SHARED
from tuntas.gateway.app import service as gateway
from tuntas.kit.billing.months import month_of
from tuntas.kit.messaging import topics
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.wire import partition_of
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.process import Process
from tuntas.kit.settings import KafkaSettings
from tuntas.local.stack import Backends

NOW = datetime.now(UTC).replace(microsecond=0)
MONTH = month_of(NOW, ZONE)
KEYS = {"acme": "acme-key", "brio": "brio-key", "operators": "operators-key"}
SECONDS = 30


class Office:
    """Billing at work, and everybody who wants something of it."""

    def __init__(self, prefix: str, bootstrap_servers: str, dsns: dict[str, str]) -> None:
        self.prefix, self.bootstrap, self.dsns = prefix, bootstrap_servers, dsns

    async def start(self) -> None:
        self.process = Process([service, gateway], "127.0.0.1", 0)
        await self.process.start()
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.process.port}", timeout=20)
        self.producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await self.producer.start()
        self.pool = await asyncpg.create_pool(self.dsns["billing"], min_size=1, max_size=4)

    async def stop(self) -> None:
        await self.client.aclose()
        await self.producer.stop()
        await self.pool.close()
        await self.process.stop()

    async def say(self, *events: Event) -> None:
        """Publish messages as other services would, in this order."""
        for event in events:
            envelope, body = event.envelope, event.body
            assert envelope is not None
            topic = getattr(type(body), "topic", None)
            assert topic is not None
            await self.producer.send_and_wait(
                self.prefix + topic.name,
                body.model_dump_json().encode(),  # type: ignore[union-attr]
                key=str(envelope.task_id).encode(),
                headers=[(name, text.encode()) for name, text in envelope.headers().items()],
                partition=partition_of(envelope.task_id),
            )

    async def decided(self, events: Sequence[Event]) -> None:
        """Wait until each of these messages had its effect, or was counted before."""
        ids = {event.cause for event in events}
        tasks = {event.task_id for event in events}
        async with asyncio.timeout(SECONDS):
            while not ids <= {i for r in await self.rows("select seen from subjects where task_id = any($1)", tasks) for i in r["seen"]}:
                await asyncio.sleep(0.05)  # a row tells nobody that it changed

    async def settled(self, *events: Event) -> None:
        """Publish messages and wait until they are decided."""
        await self.say(*events)
        await self.decided(events)

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """Read billing's own tables."""
        return list(await self.pool.fetch(query, *values))

    async def get(self, path: str, caller: str = "operators", **params: str) -> tuple[int, Any]:
        """Ask the HTTP door."""
        answer = await self.client.get(path, params=params, headers={"X-Api-Key": KEYS[caller]})
        return answer.status_code, answer.json()

    async def command(self, *words: str, **environment: str) -> tuple[int, Any]:
        """Run `tuntas billing ... --json`; return its exit status and what it printed, on either stream."""
        status, printed = await self.run(*words, "--json", **environment)
        return status, json.loads(printed)

    async def run(self, *words: str, **environment: str) -> tuple[int, str]:
        """Run `tuntas billing`; return its exit status and what it printed, on either stream."""
        program = str(Path(sys.executable).parent / "tuntas")
        profile = {
            "TUNTAS_CLI_GATEWAY": str(self.client.base_url),
            "TUNTAS_CLI_API_KEY": KEYS["acme"],
            "TUNTAS_CLI_OPERATOR_KEY": KEYS["operators"],
            "TUNTAS_CLI_OPERATIONS_URL": self.dsns["tuntas_ops"],
            "TUNTAS_CLI_TENANT": "acme",
        }
        done = await asyncio.to_thread(
            subprocess.run,
            [program, "billing", *words],
            capture_output=True,
            text=True,
            timeout=30,
            env=os.environ | profile | environment,
            check=False,
        )
        return done.returncode, done.stdout or done.stderr

    async def dead_letters(self, key: UUID) -> list[str]:
        """Return the codes for which records of a key were set aside; waits for the first."""
        reader = AIOKafkaConsumer(self.prefix + DEAD_LETTERS.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await reader.start()
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    batch = [r for records in (await reader.getmany(timeout_ms=200)).values() for r in records]
                    if found := [dict(r.headers) for r in batch if r.key == str(key).encode()]:
                        return [headers["dlq_code"].decode() for headers in found if headers["dlq_service"] == b"billing"]
        finally:
            await reader.stop()


async def _schemas(backends: Backends) -> dict[str, str]:
    names = {"billing": "billing", "gateway": "gateway"}
    admin = await asyncpg.connect(backends.dsn)
    for name in names:
        await admin.execute(f"drop schema if exists {name} cascade")
    for statement in bootstrap(names, "ops"):
        await admin.execute(statement)
    await admin.close()
    login = backends.dsn.split("//")[1].split("@")[0]
    dsns = {role: backends.dsn.replace(login, f"{role}:{password}") for role, password in (names | {"tuntas_ops": "ops"}).items()}
    for name in names:
        await asyncio.to_thread(upgrade, name, f"tuntas.{name}", dsns[name])
    return dsns


@pytest.fixture(scope="module")
async def office(
    backends: Backends, monkeypatch_module: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """Billing with one plan for everybody, and a gateway with two tenants and operators."""
    prefix, dsns, folder = f"t{uuid4().hex[:8]}.", await _schemas(backends), tmp_path_factory.mktemp("billing")
    plans = {"plans": [PLAN.model_dump(mode="json")], "default": {"plan": PLAN.plan, "zone": ZONE}}
    (folder / "plans.yaml").write_text(yaml.safe_dump(plans))
    (folder / "tenants.json").write_text(json.dumps({name: {"api_keys": [_hashed(key)]} for name, key in KEYS.items()}))
    for name, value in {
        "TUNTAS_KAFKA_BOOTSTRAP": backends.bootstrap,
        "TUNTAS_TOPIC_PREFIX": prefix,
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_BILLING_DATABASE_URL": dsns["billing"],
        "TUNTAS_BILLING_PLANS_FILE": str(folder / "plans.yaml"),
        "TUNTAS_GATEWAY_DATABASE_URL": dsns["gateway"],
        "TUNTAS_GATEWAY_OPERATIONS_URL": dsns["tuntas_ops"],
        "TUNTAS_GATEWAY_AUDIT_KEY_ID": "a1",
        "TUNTAS_GATEWAY_AUDIT_PRIVATE_KEY": "11" * 32,
        "TUNTAS_GATEWAY_TENANTS_FILE": str(folder / "tenants.json"),
    }.items():
        monkeypatch_module.setenv(name, value)
    await topics.create(KafkaSettings(), SHARED)
    found = Office(prefix, backends.bootstrap, dsns)
    await found.start()
    yield found
    await found.stop()


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
