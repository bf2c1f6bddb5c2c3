"""Workload (b): a signed intent event at the public topic, and its outcome there. Every service has its part in it."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from aiokafka import AIOKafkaProducer
from tests.bench.load import Workload, written
from tests.bench.trip import PRICE, PRIVATE

from tuntas.contracts.base import utc
from tuntas.contracts.gateway import IntentSubmitted, TaskCompensated, TaskCompleted
from tuntas.contracts.ids import derive, task_id
from tuntas.contracts.plan import Goal
from tuntas.contracts.topics import INTENTS, TASKS
from tuntas.contracts.trust import Mandate, MandateSet
from tuntas.kit.decision import Send
from tuntas.kit.messaging.wire import Record, encode, partition_of
from tuntas.kit.signing import public_hex, sign, submission_bytes

TENANT = "bench"
SOURCE = "bench/intents"
PERSONS = 256
"""So many people ask in turn: a person's wallet is one row, and one who asks for all would be the queue that is measured."""


def identity(number: int) -> UUID:
    """Return the id of the task that the submission of this number makes."""
    return task_id(TENANT, SOURCE, str(number))


def submitted(task: UUID, number: int, refused: bool) -> Record:
    """Return the signed submission of a trip; a refused one is declined at its fourth step."""
    asked, until = body(number % PERSONS, refused), _until()
    attributes = {"wire_type": IntentSubmitted.wire_type, "source": SOURCE, "submission": str(number), "tenant": TENANT}
    signature = sign(PRIVATE, submission_bytes(**attributes, expires_at=until, body=asked))
    headers = {
        "ce_type": IntentSubmitted.wire_type,
        "ce_source": SOURCE,
        "ce_id": str(number),
        "ce_tenant": TENANT,
        "ce_expirytime": utc(until),
        "ce_keyid": TENANT,
        "ce_signature": signature,
    }
    return Record(task, INTENTS.name, str(task).encode(), headers, asked, partition_of(task))


@cache
def _until() -> datetime:
    return datetime.now(UTC) + timedelta(hours=3)


@cache
def body(person: int, refused: bool) -> bytes:
    """Return what a person asks for: the trip, as a goal."""
    goal = Goal(goal_id="trip", type="bench.trip", parameters={"refuse": True} if refused else {})
    return json.dumps({"asker": {"person": f"p-{person}"}, "goals": [goal.model_dump(mode="json")]}).encode()


def tenants() -> str:
    """Return the gateway's tenants file."""
    return json.dumps({TENANT: {"api_keys": [hashlib.sha256(PRIVATE.encode()).hexdigest()], "signing_keys": {TENANT: public_hex(PRIVATE)}}})


async def consent(bootstrap: str) -> None:
    """Give the standing consent of every person, so that nobody is asked. It is read before any plan, which takes longer to come."""
    much = {PRICE.currency: 10**17}
    mandate = Mandate(goal_types=("bench.*",), per_task=much, budget=much, expires_at=_until())
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for person in (derive("person", TENANT, f"p-{number}") for number in range(PERSONS)):
            message = Send(MandateSet(person=person, mandate=mandate))
            await written(
                producer,
                encode(message, source="gateway", task_id=person, tenant=TENANT, cause_id=person, ordinal=0, now=_now(), traceparent=""),
            )
        await producer.flush()
    finally:
        await producer.stop()


def _now() -> datetime:
    return datetime.now(UTC)


INTENT = Workload(
    name="intent event -> outcome",
    outcomes=TASKS,
    ends=frozenset({TaskCompleted.wire_type.encode(), TaskCompensated.wire_type.encode()}),
    identity=identity,
    make=submitted,
)
