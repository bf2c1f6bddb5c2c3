"""The gateway on a real broker and a real database: both doors, the public topic, streams, and what a crash leaves."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from tuntas.contracts.connectors import Outcome, StepReplied
from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES
from tuntas.contracts.ids import task_id
from tuntas.contracts.intent import IntentUnread, QuestionAsked
from tuntas.contracts.saga import Receipt, SagaEnded, SagaOutcome
from tuntas.contracts.topics import Kind, Topic
from tuntas.kit.failpoints import arm, disarm
from tuntas.kit.messaging.wire import partition_of

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

BODY = {"asker": {"person": "p-1", "reference": "order 7"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}
WORDS = {"asker": {"person": "p-1", "travellers": ["Siti Rahma"]}, "text": "kamar di Bandung malam ini"}
OWN_DOOR, OWN_EVENTS = Topic("brio.intents", Kind.DOOR), Topic("brio.events", Kind.EVENTS)


def ended(task: UUID) -> SagaEnded:
    outcome = SagaOutcome.COMPLETED
    receipt = Receipt(task_id=task, tenant="acme", closing=1, outcome=outcome, code="finished", effects=(), postings=(), kept={})
    return SagaEnded(outcome=outcome, closing=1, code="finished", kept={"IDR": 5}, receipt=receipt)


async def test_a_published_intent_is_accepted_once_however_often_it_is_published(gateway: "Gateway") -> None:
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


async def test_every_wrong_submission_comes_back_rejected_and_is_a_row(gateway: "Gateway") -> None:
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


async def test_another_body_under_the_same_id_is_rejected_and_the_first_goes_on(gateway: "Gateway") -> None:
    task = await gateway.knock("reused")
    await gateway.public("reused", 1)
    await gateway.knock("reused", BODY | {"asker": {"person": "p-2"}})
    events = [json.loads(record.value) for record in await gateway.public("reused", 2)]
    rejected = next(event for event in events if event.get("code"))
    assert (rejected["code"], rejected["task_id"] != str(task)) == ("id_reused", True)
    assert (await gateway.client.get(f"/v1/tasks/{task}")).json()["status"] == "accepted"


async def test_a_tenants_own_topic_is_read_and_written(gateway: "Gateway") -> None:
    await gateway.knock("own", topic=OWN_DOOR, signed=False, ce_tenant="brio")
    (record,) = await gateway.public("own", 1, OWN_EVENTS)
    assert json.loads(record.value)["tenant"] == "brio"
    shown = await gateway.client.get(f"/v1/tasks/{task_id('brio', 'shop', 'own')}", headers={"X-Api-Key": "brio-key"})
    assert shown.json()["status"] == "accepted"


async def test_a_posted_task_is_accepted_in_the_answer_and_followed_to_its_end(gateway: "Gateway") -> None:
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


async def test_no_personal_word_is_stored_or_sent_in_plain(gateway: "Gateway") -> None:
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


async def test_concurrent_posts_of_one_key_are_one_task(gateway: "Gateway") -> None:
    posts = [gateway.client.post("/v1/tasks", json=BODY, headers={"Idempotency-Key": "k-burst"}) for _ in range(20)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert len(await gateway.public("k-burst", 1)) == 1


@pytest.mark.parametrize("point", ["before_commit", "committed", "published"])
async def test_a_failure_at_any_point_of_a_batch_loses_and_doubles_nothing(gateway: "Gateway", point: str) -> None:
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
