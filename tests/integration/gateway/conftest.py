"""A gateway on a real broker and a real database, and clients of both its doors."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tuntas.contracts.base import Message, utc
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.ids import task_id
from tuntas.contracts.topics import INTENTS, SHARED, TASKS, Kind, Topic
from tuntas.gateway.app import service
from tuntas.kit.messaging import topics
from tuntas.kit.messaging.wire import partition_of
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.process import Process
from tuntas.kit.settings import KafkaSettings
from tuntas.kit.signing import public_hex, sign, submission_bytes
from tuntas.local.stack import Backends

PRIVATE = Ed25519PrivateKey.generate().private_bytes_raw().hex()
BODY = {"asker": {"person": "p-1", "reference": "order 7"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}
WORDS = {"asker": {"person": "p-1", "travellers": ["Siti Rahma"]}, "text": "kamar di Bandung malam ini"}
KEY = {"X-Api-Key": "acme-key"}
OWN_DOOR, OWN_EVENTS = Topic("brio.intents", Kind.DOOR), Topic("brio.events", Kind.EVENTS)


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Wire:
    """A line to a server that can be cut: connections end and new ones are refused; or frozen: nothing moves, nothing ends."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._moves = asyncio.Event()
        self._moves.set()
        self.port = 0

    async def start(self) -> None:
        """Listen, at the port of the last time if there was one."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End what is connected and refuse what comes."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing through and end nothing."""
        self._moves.clear()

    def thaw(self) -> None:
        """Let everything through again."""
        self._moves.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._moves.wait()
        behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
        pair = {writer, behind_writer}
        self._writers |= pair
        try:
            await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer))
        finally:
            self._writers -= pair

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._moves.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


class Gateway:
    """A gateway at work, and clients of both its doors."""

    def __init__(self, prefix: str, bootstrap_servers: str, wire: Wire) -> None:
        self.prefix, self.bootstrap, self.wire = prefix, bootstrap_servers, wire

    async def start(self) -> None:
        self.process = Process([service], "127.0.0.1", 0)
        await self.process.start()
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.process.port}", headers=KEY, timeout=20)
        self.producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=4_000_000)
        await self.producer.start()

    async def stop(self) -> None:
        await self.client.aclose()
        await self.producer.stop()
        await self.process.stop()

    async def knock(self, source_id: str, body: Any = None, *, topic: Topic = INTENTS, signed: bool = True, **changed: str) -> UUID:
        """Publish a submission; return the id of the task it asks for."""
        value = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
        expires_at = datetime.now(UTC) + timedelta(minutes=5)
        wire_type = changed.get("ce_type", "tuntas.intent.submitted.v1")
        headers = {"ce_type": wire_type, "ce_source": "shop", "ce_id": source_id, "ce_tenant": "acme", "ce_expirytime": utc(expires_at)}
        if signed:
            covered = submission_bytes(
                wire_type=wire_type, source="shop", submission=source_id, tenant="acme", expires_at=expires_at, body=value
            )
            headers |= {"ce_keyid": "k1", "ce_signature": sign(PRIVATE, covered)}
        pairs = [(name, text.encode()) for name, text in (headers | changed).items()]
        await self.producer.send_and_wait(self.prefix + topic.name, value, key=os.urandom(3), headers=pairs)
        return task_id("acme", "shop", source_id)

    async def say(self, task: UUID, message: Message) -> None:
        """Publish an inner message, as another service would."""
        assert message.topic is not None
        envelope = Envelope(
            id=uuid4(), type=message.wire_type, source="test", time=datetime.now(UTC), tenant="acme", task_id=task, cause=uuid4()
        )
        pairs = [(name, text.encode()) for name, text in envelope.headers().items()]
        await self.producer.send_and_wait(
            self.prefix + message.topic.name,
            message.model_dump_json().encode(),
            key=str(task).encode(),
            headers=pairs,
            partition=partition_of(task),
        )

    async def public(self, source_id: str, count: int, topic: Topic = TASKS) -> list[Any]:
        """Read a public topic until a submission has this many events; return records."""
        return await self.read(topic, count, lambda record: json.loads(record.value)["source_id"] == source_id)

    async def read(self, topic: Topic, count: int, mine: Callable[[Any], bool]) -> list[Any]:
        """Read a topic until this many records are meant; return them."""
        consumer = AIOKafkaConsumer(self.prefix + topic.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            found: list[Any] = []
            async with asyncio.timeout(30):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += filter(mine, records)
            return found
        finally:
            await consumer.stop()

    async def stream(self, task: UUID, last: int = 0) -> list[tuple[int, str]]:
        """Follow a task to its end; return numbers and types."""
        found, number = [], 0
        path = f"/v1/tasks/{task}/events?until=terminal"
        async with self.client.stream("GET", path, headers={"Last-Event-ID": str(last)}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                if line.startswith("event: "):
                    found.append((number, line.removeprefix("event: tuntas.task.").removesuffix(".v1")))
        return sorted(found)


async def _schema(backends: Backends) -> str:
    admin = await asyncpg.connect(backends.dsn)
    await admin.execute("drop schema if exists gateway cascade")
    for statement in bootstrap({"gateway": "gateway", "trust": "trust"}, "ops"):
        await admin.execute(statement)
    await admin.close()
    dsn = backends.dsn.replace(backends.dsn.split("//")[1].split("@")[0], "gateway:gateway")
    await asyncio.to_thread(upgrade, "gateway", "tuntas.gateway", dsn)
    return dsn


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tenants file: acme signs, brio has topics of its own."""
    path = tmp_path_factory.mktemp("gateway") / "tenants.json"
    acme = {"api_keys": [hashed("acme-key")], "signing_keys": {"k1": public_hex(PRIVATE)}}
    brio = {"api_keys": [hashed("brio-key")], "door_topic": OWN_DOOR.name, "events_topic": OWN_EVENTS.name}
    keys = [hashed(f"{name}-key") for name in ("operators", "second", "alias")]
    operators = {"api_keys": keys, "names": {f"key:{keys[n][:8]}": "ana" for n in (0, 2)}}
    path.write_text(json.dumps({"acme": acme, "brio": brio, "operators": operators}))
    return path


@pytest.fixture(scope="module")
async def gateway(backends: Backends, monkeypatch_module: pytest.MonkeyPatch, tenants: Path) -> AsyncIterator[Gateway]:
    prefix, dsn = f"t{uuid4().hex[:8]}.", await _schema(backends)
    port = urlsplit(dsn).port
    assert port is not None
    wire = Wire("127.0.0.1", port)
    await wire.start()
    for name, value in {
        "TUNTAS_KAFKA_BOOTSTRAP": backends.bootstrap,
        "TUNTAS_TOPIC_PREFIX": prefix,
        "TUNTAS_KAFKA_INSTANCE": "1",
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_GATEWAY_DATABASE_URL": dsn.replace(f":{port}/", f":{wire.port}/"),
        "TUNTAS_GATEWAY_OPERATIONS_URL": backends.dsn.replace(f":{port}/", f":{wire.port}/"),
        "TUNTAS_GATEWAY_AUDIT_KEY_ID": "a1",
        "TUNTAS_GATEWAY_AUDIT_PRIVATE_KEY": "11" * 32,
        "TUNTAS_GATEWAY_TENANTS_FILE": str(tenants),
    }.items():
        monkeypatch_module.setenv(name, value)
    await topics.create(KafkaSettings(), (*SHARED, OWN_DOOR, OWN_EVENTS))
    gateway = Gateway(prefix, backends.bootstrap, wire)
    await gateway.start()
    yield gateway
    await gateway.stop()
    await wire.cut()
