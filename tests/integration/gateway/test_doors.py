"""The gateway on a real broker and a real database: both doors, the public topic, streams, and what a crash leaves."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tuntas.contracts.base import Message, utc
from tuntas.contracts.connectors import Outcome, StepReplied
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES
from tuntas.contracts.ids import task_id
from tuntas.contracts.intent import IntentUnread, QuestionAsked
from tuntas.contracts.saga import Receipt, SagaEnded, SagaOutcome
from tuntas.contracts.topics import INTENTS, SHARED, TASKS, Kind, Topic
from tuntas.gateway.app import service
from tuntas.kit.failpoints import arm, disarm
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


class Gateway:
    """A gateway at work, and clients of both its doors."""

    def __init__(self, prefix: str, bootstrap_servers: str) -> None:
        self.prefix, self.bootstrap = prefix, bootstrap_servers

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
        consumer = AIOKafkaConsumer(self.prefix + topic.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            mine: list[Any] = []
            async with asyncio.timeout(30):
                while len(mine) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        mine += [r for r in records if json.loads(r.value)["source_id"] == source_id]
            return mine
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


def ended(task: UUID) -> SagaEnded:
    outcome = SagaOutcome.COMPLETED
    receipt = Receipt(task_id=task, tenant="acme", closing=1, outcome=outcome, code="finished", effects=(), postings=(), kept={})
    return SagaEnded(outcome=outcome, closing=1, code="finished", kept={"IDR": 5}, receipt=receipt)


async def _schema(backends: Backends) -> str:
    admin = await asyncpg.connect(backends.dsn)
    await admin.execute("drop schema if exists gateway cascade")
    for statement in bootstrap({"gateway": "gateway", "trust": "trust"}, "ops"):
        await admin.execute(statement)
    await admin.close()
    dsn = backends.dsn.replace(backends.dsn.split("//")[1].split("@")[0], "gateway:gateway")
    await asyncio.to_thread(upgrade, "tuntas.gateway", dsn)
    return dsn


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tenants file: acme signs, brio has topics of its own."""
    path = tmp_path_factory.mktemp("gateway") / "tenants.json"
    acme = {"api_keys": [hashed("acme-key")], "signing_keys": {"k1": public_hex(PRIVATE)}}
    brio = {"api_keys": [hashed("brio-key")], "door_topic": OWN_DOOR.name, "events_topic": OWN_EVENTS.name}
    path.write_text(json.dumps({"acme": acme, "brio": brio}))
    return path


@pytest.fixture(scope="module")
async def gateway(backends: Backends, monkeypatch_module: pytest.MonkeyPatch, tenants: Path) -> AsyncIterator[Gateway]:
    prefix, dsn = f"t{uuid4().hex[:8]}.", await _schema(backends)
    for name, value in {
        "TUNTAS_KAFKA_BOOTSTRAP": backends.bootstrap,
        "TUNTAS_TOPIC_PREFIX": prefix,
        "TUNTAS_KAFKA_INSTANCE": "1",
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_GATEWAY_DATABASE_URL": dsn,
        "TUNTAS_GATEWAY_OPERATIONS_URL": backends.dsn,
        "TUNTAS_GATEWAY_TENANTS_FILE": str(tenants),
    }.items():
        monkeypatch_module.setenv(name, value)
    await topics.create(KafkaSettings(), (*SHARED, OWN_DOOR, OWN_EVENTS))
    gateway = Gateway(prefix, backends.bootstrap)
    await gateway.start()
    yield gateway
    await gateway.stop()


async def test_a_published_intent_is_accepted_once_however_often_it_is_published(gateway: Gateway) -> None:
    task = await gateway.knock("once")
    for _ in range(5):
        await gateway.knock("once")
    await gateway.knock("once-more")
    await gateway.public("once-more", 1)
    (record,) = await gateway.public("once", 1)
    assert (record.key.decode(), record.partition) == (str(task), partition_of(task))
    assert json.loads(record.value) | {"at": ""} == {
        "task_id": str(task),
        "tenant": "acme",
        "source": "shop",
        "source_id": "once",
        "reference": "order 7",
        "seq": 1,
        "at": "",
    }


async def test_every_wrong_submission_comes_back_rejected_and_is_a_row(gateway: Gateway) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "too_large": {"body": b" " * (MAX_SUBMISSION_BYTES + 1)},
        "not_utf8": {"body": b"\xff"},
        "bad_envelope": {"ce_specversion": "0.3"},
        "unknown_type": {"ce_type": "tuntas.task.submitted.v1"},
        "unknown_tenant": {"ce_tenant": "nobody"},
        "no_signature": {"signed": False},
        "forged": {"ce_signature": "AAAA"},
        "bad_body": {"body": {"asker": {}}},
        "foreign": {"topic": OWN_DOOR},
    }
    for code, fault in wrong.items():
        await gateway.knock(f"wrong-{code}", **fault)
    for code in wrong:
        (record,) = await gateway.public(f"wrong-{code}", 1)
        event = json.loads(record.value)
        assert (event["code"], record.key.decode()) == (code, event["task_id"])
        if event["tenant"] == "acme":
            shown = (await gateway.client.get(f"/v1/tasks/{event['task_id']}")).json()
            assert (shown["status"], shown["code"]) == ("rejected", code)


async def test_another_body_under_the_same_id_is_rejected_and_the_first_goes_on(gateway: Gateway) -> None:
    task = await gateway.knock("reused")
    await gateway.public("reused", 1)
    await gateway.knock("reused", BODY | {"asker": {"person": "p-2"}})
    events = [json.loads(record.value) for record in await gateway.public("reused", 2)]
    rejected = next(event for event in events if event.get("code"))
    assert (rejected["code"], rejected["task_id"] != str(task)) == ("id_reused", True)
    assert (await gateway.client.get(f"/v1/tasks/{task}")).json()["status"] == "accepted"


async def test_a_tenants_own_topic_is_read_and_written(gateway: Gateway) -> None:
    await gateway.knock("own", topic=OWN_DOOR, signed=False, ce_tenant="brio")
    (record,) = await gateway.public("own", 1, OWN_EVENTS)
    assert json.loads(record.value)["tenant"] == "brio"
    shown = await gateway.client.get(f"/v1/tasks/{task_id('brio', 'shop', 'own')}", headers={"X-Api-Key": "brio-key"})
    assert shown.json()["status"] == "accepted"


async def test_a_posted_task_is_accepted_in_the_answer_and_followed_to_its_end(gateway: Gateway) -> None:
    posted = await gateway.client.post("/v1/tasks", json=WORDS, headers={"Idempotency-Key": "k-1"})
    assert (posted.status_code, posted.json()["status"]) == (202, "accepted")
    task = UUID(posted.json()["task_id"])
    following = asyncio.create_task(gateway.stream(task))
    await gateway.say(task, QuestionAsked(slot="nights", question="Berapa malam?", until=datetime.now(UTC) + timedelta(hours=1)))
    await gateway.public("k-1", 2)
    answered = await gateway.client.post(f"/v1/tasks/{task}/answer", json={"text": "dua malam"})
    assert answered.status_code == 202
    for step in ("hold", "pay", "book"):
        await gateway.say(task, StepReplied(step_id=step, attempt=1, key=uuid4(), seq=1, outcome=Outcome.DONE))
    await gateway.public("k-1", 3)
    await gateway.say(task, ended(task))
    whole = [(1, "accepted"), (2, "question"), (3, "progressed"), (4, "completed")]
    assert await following == whole
    assert await gateway.stream(task, last=2) == whole[2:]
    assert (await gateway.client.get(f"/v1/tasks/{task}/receipt")).json()["closing"] == 1
    again = await gateway.client.post("/v1/tasks", json=WORDS, headers={"Idempotency-Key": "k-1"})
    assert again.json()["status"] == "completed"
    assert (await gateway.client.post("/v1/tasks", json=BODY, headers={"Idempotency-Key": "k-1"})).status_code == 409


async def test_no_personal_word_is_stored_or_sent_in_plain(gateway: Gateway) -> None:
    posted = await gateway.client.post("/v1/tasks", json=WORDS, headers={"Idempotency-Key": "k-personal"})
    assert posted.status_code == 202
    con = await asyncpg.connect(os.environ["TUNTAS_GATEWAY_DATABASE_URL"])
    stored = "".join(
        [
            str(r)
            for table in ("tasks", "task_events", "outbox", "work", "timers")
            for r in await con.fetch(f"select t::text from {table} t")
        ]
    )
    await con.close()
    consumer = AIOKafkaConsumer(
        gateway.prefix + "tuntas.gateway.events.v1", bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    sent = b""
    while b"k-personal" not in sent:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            sent += b"".join(r.value for r in records)
    await consumer.stop()
    for secret in ("Siti", "Bandung", "p-1"):
        assert secret not in stored
        assert secret.encode() not in sent


async def test_concurrent_posts_of_one_key_are_one_task(gateway: Gateway) -> None:
    posts = [gateway.client.post("/v1/tasks", json=BODY, headers={"Idempotency-Key": "k-burst"}) for _ in range(20)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert len(await gateway.public("k-burst", 1)) == 1


@pytest.mark.parametrize("point", ["before_commit", "committed", "published"])
async def test_a_failure_at_any_point_of_a_batch_loses_and_doubles_nothing(gateway: Gateway, point: str) -> None:
    arm(f"gateway.{point}", "raise", 2)
    task = await gateway.knock(f"fail-{point}")
    try:
        events = await gateway.public(f"fail-{point}", 1)
    finally:
        disarm()
    await gateway.say(task, IntentUnread(code="not_understood"))
    events = await gateway.public(f"fail-{point}", 2)
    ids = {dict(record.headers)["ce_id"] for record in events}
    assert sorted({json.loads(record.value)["seq"] for record in events}) == [1, 2]
    assert len(ids) == 2
