"""The only place that builds brokers and subscribers: the framework's defaults lose messages, these settings do not.

Read from the earliest offset, never acknowledge first, idempotent keyed publishing with one wait for all, a parser that cannot raise,
the range assignor, a drain before partitions are given up, lazy offset commits (a record met again is known by its id).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import InvalidProducerEpoch, OutOfOrderSequenceNumber, ProducerClosed, ProducerFenced, UnknownProducerId
from aiokafka.structs import TopicPartition
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage

from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.client import Right, require
from tuntas.kit.messaging.connection import Connection
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.messaging.wire import Raw, Record
from tuntas.kit.settings import KafkaSettings
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

ASSIGNOR = RangePartitionAssignor
"""A task has the same partition number in every topic, and by range all of that number go to one replica (protocol R9)."""
FATAL = (OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerEpoch, ProducerFenced, ProducerClosed)
LIMIT_SECONDS = 12.0
"""So long a publish or a commit may take; the client library repeats either for ever."""
DRAIN_SECONDS = 20.0
COMMIT_SECONDS = 0.25
Handle = Callable[[Sequence[Raw]], Awaitable[None]]


class Batch(KafkaAckableMessage):
    """A batch that is acknowledged at once: its offsets are committed later, and no batch waits for that."""

    link: "Link"

    async def ack(self) -> None:
        """Count the batch as done; the service's loop or the drain commits it."""
        if not self.committed:
            self.link.done(self.raw_message)
            self.committed = None
        await super(KafkaAckableMessage, self).ack()


@dataclass
class Link(ConsumerRebalanceListener):  # type: ignore[misc]
    """A service's connection to Kafka: one broker, one batch subscriber, the publisher.

    `processed` are the offsets of what is done or waits and is not committed. The client's own positions are ahead of it while a batch is
    decided. What is `waiting` is never committed, nor what comes after it.
    `dice` spread what all replicas do after the same failure.
    """

    service: str
    broker: KafkaBroker
    prefix: str
    metrics: Metrics
    log: Log
    fatal: Callable[[BaseException], None]
    owner_topic: str
    assigned: Callable[[frozenset[int]], None]
    subscriber: Any = None
    waiting: Waiting = field(default_factory=Waiting)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    processed: dict[TopicPartition, int] = field(default_factory=dict)
    committed_at: float = 0.0
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    dice: random.Random = field(default_factory=random.Random)

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """Return the consumer beneath the subscriber, once it has started."""
        return self.subscriber.consumer if self.subscriber else None

    def watch(self) -> None:
        """End the service when a loop of the client library's ends by an error: it would be deaf or mute for ever, and stay a member."""
        for loop in _loops(self.broker):
            loop.add_done_callback(self._ended)

    def _ended(self, loop: asyncio.Future[Any]) -> None:
        if not loop.cancelled() and (error := loop.exception()):
            self.log.error("client.ended", error=repr(error.__cause__ or error))
            self.fatal(error)

    async def publish(self, records: Sequence[Record]) -> None:
        """Publish in order and wait for all confirmations. The time limit covers sending, too: an idempotent producer retries for ever.

        Each partition's records go as one batch past the framework, which would add headers and wait for each record by itself.
        """
        producer: Any = self.broker.config.producer
        async with asyncio.timeout(LIMIT_SECONDS):
            sent = [await send for send in _batches(producer._producer.producer, self.prefix, records)]  # noqa: SLF001
            await asyncio.gather(*sent)

    def flow(self, takes: bool) -> None:
        """Take records, or stop taking them: slow providers never block a partition's owner, they slow its intake."""
        if self.consumer is None:
            return
        paused = self.consumer.paused()
        if takes and paused:
            self.consumer.resume(*paused)
        elif not takes:
            self.consumer.pause(*self.consumer.assignment())

    def done(self, records: Sequence[Raw]) -> None:
        """Count records as done or waiting: once nothing waits before them, their offsets may be committed."""
        self.processed |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}

    async def commit(self, *, now: bool = False) -> None:
        """Commit the offsets of what is done, at most every quarter of a second unless told to at once.

        One at a time: the client repeats a commit while Kafka is away, and an older one that comes through last takes the group back.
        Raises what the client raises, TimeoutError after `LIMIT_SECONDS`, and keeps what is not committed for the next.
        """
        if not now and not self._should_commit():
            return
        async with self.committing:
            if self.consumer is None or not self.processed:
                return
            self.committed_at = asyncio.get_running_loop().time()
            offsets, self.processed = self._committable()
            try:
                async with asyncio.timeout(LIMIT_SECONDS):
                    await self.consumer.commit(offsets)
            except BaseException as error:
                owned = self.consumer.assignment()
                self.processed = {place: offset for place, offset in offsets.items() if place in owned} | self.processed
                if isinstance(error, Exception):
                    self.metrics.of("tuntas_commit_failures_total").inc()
                raise
            pass_point(self.service, "acknowledged")

    def _committable(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return what may be committed, and what stays because something waits before it."""
        offsets, left = {}, {}
        for place, offset in self.processed.items():
            floor = self.waiting.floor((place.topic, place.partition))
            offsets[place] = offset if floor is None else min(offset, floor)
            if offsets[place] < offset:
                left[place] = offset
        return offsets, left

    def _should_commit(self) -> bool:
        return bool(self.processed) and asyncio.get_running_loop().time() - self.committed_at >= COMMIT_SECONDS

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Let the batch in flight finish and commit before the partitions go; the rejoin waits for this."""
        if revoked and self.subscriber is not None:
            await self.subscriber.lock.wait_release(DRAIN_SECONDS)
            try:
                await self.commit(now=True)
            finally:
                self.assigned(frozenset())  # forgets what waits, so not before the commit, which stops at it
                self.processed.clear()
            self.log.info("partitions.revoked", count=len(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Tell the runtime which partitions are this replica's."""
        owned = frozenset(p.partition for p in assigned if p.topic == self.owner_topic)
        self.log.info("partitions.assigned", count=len(assigned), owned=sorted(owned))
        self.assigned(owned)
        self.ready.set()

    async def guarded(self, handle: Handle, batch: Sequence[Raw]) -> None:
        """Run a handler; on a failure of our own infrastructure wait and have the batch read again."""
        try:
            await handle(batch)
            self.failures = 0
        except Exception as error:
            self.failures += 1
            self.metrics.of("tuntas_batch_rewinds_total", error=type(error).__name__).inc()
            self.log.warning("batch.rewound", error=repr(error), failures=self.failures)
            if isinstance(error, FATAL):
                self.fatal(error)
            await asyncio.sleep(min(20.0, 0.1 * 2 ** min(self.failures, 8)) * self.dice.uniform(0.5, 1))
            raise NackMessage from error


def _batches(producer: Any, prefix: str, records: Sequence[Record]) -> Iterator[Awaitable[Any]]:
    """Yield what sends records, each partition's in order. The client places those of a compacted topic."""
    places: dict[tuple[str, int | None], list[Record]] = {}
    for record in records:
        places.setdefault((prefix + record.topic, record.partition), []).append(record)
    for (topic, partition), group in places.items():
        if partition is None:
            yield from (producer.send(topic, r.body, key=r.key, headers=_headers(r)) for r in group)
        else:
            yield from (producer.send_batch(batch, topic, partition=partition) for batch in _filled(producer, group))


def _filled(producer: Any, records: Sequence[Record]) -> Iterator[Any]:
    """Yield closed batches: an open one would linger for more."""
    batch = producer.create_batch()
    for record in records:
        if not _put(batch, record):
            yield batch
            batch = producer.create_batch()
            _put(batch, record)
    batch.close()
    yield batch


def _put(batch: Any, record: Record) -> bool:
    """Put a record into a batch; say whether it had room. An empty one has room for any."""
    return batch.append(timestamp=None, key=record.key, value=record.body, headers=_headers(record)) is not None


def _headers(record: Record) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in record.headers.items()]


def _loops(broker: KafkaBroker) -> list[asyncio.Future[Any]]:
    """Return the tasks in which the client library reads, keeps its membership, learns of brokers and sends. It tells nobody of an end."""
    subscribers: list[Any] = list(broker.subscribers)
    readers = [subscriber.consumer for subscriber in subscribers]
    sender: Any = broker.config.producer
    writer = sender._producer.producer  # noqa: SLF001 - nothing public tells
    found = [reader._fetcher.error_future for reader in readers]  # noqa: SLF001
    found += [getattr(reader._coordinator, "_coordination_task", None) for reader in readers]  # noqa: SLF001
    found += [client._sync_task for client in (*(reader._client for reader in readers), writer.client)]  # noqa: SLF001
    return [loop for loop in (*found, writer._sender.sender_task) if loop]  # noqa: SLF001


class _Broker(KafkaBroker):
    """A broker that makes sure it is let in and may read: a consumer that is not says nothing and waits for ever."""

    def __init__(self, settings: KafkaSettings, **options: Any) -> None:
        super().__init__(settings.bootstrap, **options)
        self._settings = settings

    async def start(self) -> None:
        readers: list[Any] = list(self.subscribers)
        groups = {reader.group_id for reader in readers if reader.group_id}
        for group in groups or {None}:
            await require(self._settings, [(name, Right.READ) for reader in readers for name in reader.topic_names], group)
        await super().start()


def build_broker(service: str, settings: KafkaSettings) -> KafkaBroker:
    """Return a broker that confirms with all replicas, never creates topics, and leaves security to the settings.

    Its `start` raises ConfigurationError (`kafka_login`, `kafka_certificate`, `kafka_forbidden`) or Transient (`kafka_unreachable`).
    """
    Connection.install()
    return _Broker(
        settings,
        client_id=f"tuntas-{service}",
        security=settings.security(),
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        compression_type="snappy",
        max_batch_size=262_144,
        graceful_timeout=DRAIN_SECONDS,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=logging.getLogger(f"tuntas.{service}.broker"),
        log_level=logging.DEBUG,
    )


def subscribe(link: Link, settings: KafkaSettings, topics: Sequence[str], handle: Handle) -> None:
    """Give a link its one batch subscriber, in the group `tuntas.<service>`."""

    async def parse(records: tuple[Raw, ...]) -> Batch:
        place = f"{records[0].topic}/{records[0].partition}/{records[0].offset}"
        batch = Batch(
            raw_message=records, body=records, consumer=link.consumer or FAKE_CONSUMER, correlation_id=link.service, message_id=place
        )
        batch.link = link
        return batch

    async def decode(message: Batch) -> Any:
        return message.raw_message

    async def consume(records: Any) -> None:
        await link.guarded(handle, records)

    link.subscriber = link.broker.subscriber(
        *topics,
        group_id=settings.group(link.service),
        group_instance_id=settings.instance_of(link.service),
        batch=True,
        max_records=settings.max_records,
        batch_timeout_ms=20,
        no_reply=True,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        listener=link,
        partition_assignment_strategy=(ASSIGNOR,),
        session_timeout_ms=30_000 if settings.instance else 10_000,
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=300_000,
        parser=parse,
        decoder=decode,
    )
    link.subscriber(consume)


def follow(link: Link, topic: str, apply: Callable[[Raw], None], *, whole: bool = True) -> Any:
    """Read a topic for ever, in every replica, without a group; return the subscriber. `whole`: from its beginning, else what comes."""

    async def parse(records: tuple[Raw, ...]) -> KafkaAckableMessage:
        return KafkaAckableMessage(
            raw_message=records, body=records, consumer=FAKE_CONSUMER, correlation_id=link.service, message_id="state"
        )

    async def decode(message: KafkaAckableMessage) -> Any:
        return message.raw_message

    async def consume(records: Any) -> None:
        for record in records:
            apply(record)

    subscriber = link.broker.subscriber(
        topic,
        batch=True,
        batch_timeout_ms=50,
        auto_offset_reset="earliest" if whole else "latest",
        no_reply=True,
        ack_policy=AckPolicy.MANUAL,
        parser=parse,
        decoder=decode,
    )
    subscriber(consume)
    return subscriber
