"""A closed loop: so many sagas in flight, each started when another ended; latency from the record sent to the outcome read."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from tests.bench.trip import PRICE, PRIVATE, plan

from tuntas.contracts.ids import derive, digest
from tuntas.contracts.plan import Line, Statement
from tuntas.contracts.saga import SagaEnded
from tuntas.contracts.topics import SAGA_EVENTS, Topic
from tuntas.contracts.trust import PlanApproved
from tuntas.kit.decision import Send
from tuntas.kit.messaging.wire import Record, encode
from tuntas.kit.signing import approve

REFUSED_EACH = 5
"""Every fifth trip is declined at its fourth step and rolled back."""


@dataclass(frozen=True)
class Workload:
    """What is started, by number, and where its outcome is told: on `outcomes`, as one of the types `ends`."""

    name: str
    outcomes: Topic
    ends: frozenset[bytes]
    identity: Callable[[int], UUID]
    make: Callable[[UUID, int, bool], Record]

    def record(self, number: int) -> Record:
        """Return the record that starts the saga of this number."""
        return self.make(self.identity(number), number, number % REFUSED_EACH == 0)


@dataclass
class Load:
    """A load of one workload. `numbers` go on from run to run; `seconds` are the last run's latencies."""

    bootstrap: str
    workload: Workload
    numbers: Iterator[int] = field(default_factory=count)
    seconds: list[float] = field(default_factory=list)

    async def run(self, in_flight: int, total: int, pause: float = 0.0) -> float:
        """Run so many sagas to their outcome; return how long all took, in seconds. No two start within `pause` seconds."""
        self.seconds.clear()
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=1)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, fetch_max_wait_ms=20)
        await asyncio.gather(producer.start(), consumer.start())
        try:
            await to_the_end(consumer, self.workload.outcomes.name)
            records = [self.workload.record(next(self.numbers)) for _ in range(total)]
            return await self._closed(producer, consumer, records, in_flight, pause)
        finally:
            await asyncio.gather(producer.stop(), consumer.stop())

    async def run_at(self, rate: float, lasts: float) -> None:
        """Start so many sagas a second, evenly, whatever becomes of them, for so many seconds; return when all have ended."""
        total = int(rate * lasts)
        await self.run(total, total, pause=1 / rate)

    async def _closed(
        self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, records: list[Record], in_flight: int, pause: float
    ) -> float:
        begun: dict[bytes, float] = {}
        free = asyncio.Semaphore(in_flight)
        start = time.perf_counter()
        feeding = asyncio.create_task(_feed(producer, records, free, begun, pause))
        while len(self.seconds) < len(records):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    if record.key in begun and dict(record.headers)["ce_type"] in self.workload.ends:
                        self.seconds.append(time.perf_counter() - begun.pop(record.key))
                        free.release()
        await feeding
        return time.perf_counter() - start


async def to_the_end(consumer: AIOKafkaConsumer, topic: str) -> None:
    """Let a consumer read what comes from now on."""
    await consumer._client.force_metadata_update()
    places = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(places)
    await consumer.seek_to_end(*places)


async def _feed(
    producer: AIOKafkaProducer, records: list[Record], free: asyncio.Semaphore, begun: dict[bytes, float], pause: float
) -> None:
    start = time.perf_counter()
    for number, record in enumerate(records):
        await free.acquire()
        if (early := start + number * pause - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        begun[record.key] = time.perf_counter()
        await written(producer, record)


async def written(producer: AIOKafkaProducer, record: Record) -> None:
    """Hand a record to the producer, as the platform's own services would send it."""
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    await producer.send(record.topic, record.body, key=record.key, headers=headers, partition=record.partition)


def approved(task: UUID, number: int, refused: bool) -> Record:
    """Return workload (a)'s record: the approved plan of a trip."""
    made = plan(str(task), number, refused=refused)
    text, now = made.model_dump_json(), datetime.now(UTC)
    later = now + timedelta(hours=1)
    lines = tuple(
        Line(step_id=step.step_id, payees=("bench",), ceiling=PRICE, instruments=("wallet",)) for step in made.steps if step.ceiling
    )
    statement = Statement(
        tenant="bench",
        task_id=str(task),
        revision=1,
        plan_digest=digest(text),
        lines=lines,
        ceilings=made.ceilings,
        authorize_by=later,
        capture_by=later,
    )
    message = PlanApproved(
        revision=1,
        plan=text,
        digest=digest(text),
        approval=approve(statement, "bench", PRIVATE),
        start_by=later,
        forward_by=later,
        fee_limit={},
    )
    return encode(
        Send(message), source="trust", task_id=task, tenant="bench", cause_id=derive("bench", task), ordinal=0, now=now, traceparent=""
    )


PLAN = Workload(
    name="approved plan -> outcome",
    outcomes=SAGA_EVENTS,
    ends=frozenset({SagaEnded.wire_type.encode()}),
    identity=lambda number: derive("bench", number),
    make=approved,
)
