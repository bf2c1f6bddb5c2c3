"""A service declared on one screen, and the process that runs one or several of them: start, health, drain, stop."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from starlette.routing import BaseRoute

from tuntas.contracts.base import Document, Message
from tuntas.contracts.ids import derive
from tuntas.contracts.topics import SAGA_EVENTS, Topic
from tuntas.kit.decision import Call, Core, Send
from tuntas.kit.errors import NotSent
from tuntas.kit.messaging.broker import COMMIT_SECONDS, DRAIN_SECONDS, Link, build_broker, follow, subscribe
from tuntas.kit.messaging.client import reached
from tuntas.kit.messaging.fold import Event, Unit
from tuntas.kit.messaging.runtime import Prepare, Runtime, read_record
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.messaging.wire import Raw, encode
from tuntas.kit.messaging.work import Admit, Desk, Perform
from tuntas.kit.persistence.pool import open_pool, reach
from tuntas.kit.persistence.postgres import Postgres
from tuntas.kit.persistence.store import Store
from tuntas.kit.privacy import Vault
from tuntas.kit.settings import KafkaSettings, PlatformSettings, ServiceSettings, load
from tuntas.kit.telemetry.gauges import REFRESH_SECONDS, TIMES, refresh
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing

PLATFORM = "platform"
"""The tenant of what is said for nobody in particular, such as a connector's manifest."""

HEARTBEAT_SECONDS = 2.0
STUCK_SECONDS = 120.0
Apply = Callable[[Raw], None]


class Publish(Protocol):
    """Sends a message that no decision caused, such as a manifest at start, and returns when it is in the log."""

    async def __call__(self, key: UUID, tenant: str, send: Send, traceparent: str, cause: UUID | None = None, /) -> None:
        """Send under a key and a tenant; the same `cause` again is the same message."""


@dataclass(frozen=True)
class Resources:
    """What a service's parts are made from."""

    settings: Any
    platform: PlatformSettings
    kafka: KafkaSettings
    pool: asyncpg.Pool
    vault: Vault
    log: Log
    metrics: Metrics
    tracing: Tracing
    publish: Publish


@dataclass(frozen=True)
class Parts:
    """What makes a service itself. `follows` maps state topics to what each record is applied to, in every replica.

    `prepare` does what messages need before they can be decided and what no decision may do itself, such as sealing. `close` lets go
    of what the parts opened, after the last call. `loops` are steps that are made over and over while the service runs.
    """

    core: Core[Any]
    perform: Perform | None = None
    admit: Admit | None = None
    close: Callable[[], Awaitable[None]] | None = None
    follows: Mapping[Topic, Apply] = field(default_factory=dict)
    routes: Sequence[BaseRoute] = ()
    read: Callable[[Raw], Event] = read_record
    store: Store[Any] | None = None
    after: Callable[[Unit[Any]], None] | None = None
    prepare: Prepare | None = None
    announce: Sequence[tuple[UUID, Message]] = ()
    topics: Sequence[str] = ()
    loops: Sequence[Callable[[], Awaitable[None]]] = ()


@dataclass(frozen=True)
class Service:
    """A service: its name, what it reads, where its state lies, its settings, and how its parts are made. `topics[0]` tells ownership."""

    name: str
    table: str
    topics: tuple[Topic, ...] | Callable[[PlatformSettings], tuple[Topic, ...]]
    parts: Callable[[Resources], Parts]
    settings: type[ServiceSettings] = ServiceSettings

    def reads(self, platform: PlatformSettings) -> tuple[Topic, ...]:
        """Return the topics of this deployment that the service reads."""
        return self.topics(platform) if callable(self.topics) else self.topics


async def _nobody(call: Call, _: Event) -> Document:
    raise NotSent("no_performer", call.kind)


class Running:
    """One service at work in this process."""

    def __init__(self, service: Service, stop: Callable[[BaseException], None]) -> None:
        self.service, self._stop = service, stop
        self.log, self.metrics = Log(service.name), Metrics(service.name)
        self.caught_up = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._read_all_at = time.monotonic()
        self.kafka, self.platform, self.settings = load(service.name, service.settings)

    async def reach(self) -> None:
        """Make sure that both backends are there and let this service in. Nothing is opened.

        Raises:
            ConfigurationError: one of them refuses; repeating does not help.
            Transient: `kafka_unreachable` or `database_unreachable`.
        """
        await reach(self.settings.database_url.get_secret_value(), self.service.name)
        async with reached(self.kafka):
            return

    async def start(self) -> None:
        """Connect, follow state topics until they are read whole, announce, then take records."""
        name = self.service.name
        self.pool = await open_pool(self.settings.database_url.get_secret_value(), name, self.settings.pool_size)
        self.tracing = Tracing(name, self.platform.otlp_traces, self.platform.trace_ratio)
        self.broker: KafkaBroker = build_broker(name, self.kafka)
        self._assemble()
        await self.broker.start()
        self.link.watch()
        await self._announce()
        await asyncio.gather(*(self._read_whole(s) for s in self._followers))
        self.caught_up.set()
        self._loops = [
            asyncio.create_task(self._forever(step))
            for step in (self.runtime.tick, self._commits, self._beat, self._lags, self._tables, *self.parts.loops)
        ]
        self.log.info("service.started")

    def _assemble(self) -> None:
        service, prefix = self.service, self.kafka.topic_prefix
        topics = service.reads(self.platform)
        vault = Vault(self.pool, bytes.fromhex(self.platform.vault_key.get_secret_value()))
        resources = Resources(
            self.settings, self.platform, self.kafka, self.pool, vault, self.log, self.metrics, self.tracing, self._publish_one
        )
        self.parts = parts = service.parts(resources)
        store = parts.store or Store(service.table, parts.core.state)
        work = UnitOfWork(service.name, parts.core, store, Postgres(self.pool))
        desk = Desk(service.name, parts.perform or _nobody, self.metrics, self.log, self._nudge, parts.admit)
        self.link = Link(service.name, self.broker, prefix, self.metrics, self.log, self._stop, prefix + topics[0].name, self._assigned)
        self.link.waiting = Waiting(parts.core.waits)
        self.runtime = Runtime(
            service.name,
            work,
            desk,
            self.link.publish,
            self.metrics,
            self.log,
            self.tracing,
            parts.read,
            parts.after,
            parts.prepare,
            self.link.flow,
            self.link.waiting,
        )
        subscribe(self.link, self.kafka, [*(prefix + t.name for t in topics), *parts.topics], self._handle)
        self._followers = [follow(self.link, prefix + topic.name, apply) for topic, apply in parts.follows.items()]
        if self.tracing.exports:
            follow(self.link, prefix + SAGA_EVENTS.name, self.tracing.heard, whole=False)

    def _nudge(self) -> None:
        self.runtime.nudge.set()

    def _assigned(self, partitions: frozenset[int]) -> None:
        self.runtime.assign(partitions)

    async def _handle(self, batch: Sequence[Raw]) -> None:
        await self.caught_up.wait()
        await self.runtime.handle(batch)

    async def _publish_one(self, key: UUID, tenant: str, send: Send, traceparent: str, cause: UUID | None = None, /) -> None:
        record = encode(
            send,
            source=self.service.name,
            task_id=key,
            tenant=tenant,
            cause_id=cause or derive("sent", self.service.name, key, time.time_ns()),
            ordinal=0,
            now=datetime.now(UTC),
            traceparent=traceparent,
        )
        await self.link.publish([record])

    async def _announce(self) -> None:
        for key, message in self.parts.announce:
            await self._publish_one(key, PLATFORM, Send(message), "")

    async def _read_whole(self, follower: Any) -> None:
        consumer = follower.consumer
        ends = await consumer.end_offsets(list(consumer.assignment()))
        async with asyncio.timeout(30):
            while any([await consumer.position(p) < end for p, end in ends.items()]):
                await asyncio.sleep(0.02)  # the client tells no one when it has read up to a place
        self.log.info("state.followed", topics=sorted(p.topic for p in ends))

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - a loop survives an outage of what it talks to
                self.log.warning("sweep.failed", error=repr(error))
                await asyncio.sleep(0.5)

    async def _commits(self) -> None:
        """Commit offsets beside the work, which goes on if that takes long."""
        await self.link.commit()
        await asyncio.sleep(COMMIT_SECONDS)

    async def _beat(self) -> None:
        """Say that this replica lives, and how late it is."""
        delay = round(self._delay(), 3)
        self.metrics.of("tuntas_delay_seconds").set(delay)
        detail = json.dumps({"ready": self.ready(), "owned": sorted(self.runtime.partitions), "delay": delay})
        instance = self.kafka.instance or str(os.getpid())
        await self.pool.execute(
            """insert into ops.heartbeats (service, instance, at, detail) values ($1, $2, now(), $3)
            on conflict (service, instance) do update set at = excluded.at, detail = excluded.detail""",
            self.service.name,
            instance,
            detail,
        )
        await asyncio.sleep(HEARTBEAT_SECONDS)

    def _delay(self) -> float:
        """Return how old records are at least when they are taken, or how long none was taken although there are some."""
        now = time.monotonic()
        if not any(self._lag().values()):
            self._read_all_at = now
        return max(self.runtime.delayed(), now - max(self.runtime.progressed_at, self._read_all_at))

    async def _lags(self) -> None:
        """Refresh the lag's gauges."""
        for topic, lag in self._lag().items():
            self.metrics.of("tuntas_lag_records", topic=topic).set(lag)
        await asyncio.sleep(REFRESH_SECONDS)

    async def _tables(self) -> None:
        """Refresh gauges that are read from tables."""
        core, began = self.parts.core, time.monotonic()
        await refresh(self.pool, self.metrics, self.service.table, core.ends, has_risk="at_risk" in core.state.model_fields)
        await asyncio.sleep(max(REFRESH_SECONDS, TIMES * (time.monotonic() - began)))

    def _lag(self) -> dict[str, int]:
        consumer: Any = self.link.consumer
        behind: dict[str, int] = {}
        for place in consumer.assignment() if consumer else ():
            state = consumer._subscription.subscription.assignment.state_value(place)  # noqa: SLF001 - the public read awaits
            end = consumer.highwater(place)
            if end is not None and state is not None and state.has_valid_position:
                behind[place.topic] = behind.get(place.topic, 0) + max(0, end - state.position)
        return behind

    def ready(self) -> bool:
        """Say whether this replica takes records."""
        return self.caught_up.is_set() and self.link.ready.is_set() and self.link.failures < 5  # noqa: PLR2004

    def alive(self) -> bool:
        """Say whether it makes progress: the consumer's coordination lives, and lag does not stand still."""
        consumer = self.link.consumer
        task = getattr(getattr(consumer, "_coordinator", None), "_coordination_task", None)
        stuck = sum(self._lag().values()) > 0 and time.monotonic() - self.runtime.progressed_at > STUCK_SECONDS
        if stuck:
            self.log.error("consumer.stuck")
        return not (task is not None and task.done()) and not stuck

    async def stop(self) -> None:
        """Drain: finish the batch, wait for calls that are out, leave the group, close clients, export spans, close the pool."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.runtime.desk.drain(5.0)
        if self.runtime.desk.finished:
            await self.runtime.tick()
        with suppress(TimeoutError, KafkaError):  # then the next start meets some records again
            await self.link.commit(now=True)
        await self.broker.stop()
        if self.parts.close:
            await self.parts.close()
        self.tracing.close()
        await self.pool.close()
        self.log.info("service.stopped")


def arm_watchdog(seconds: float = DRAIN_SECONDS + 10) -> None:
    """End the process hard after this long: with Kafka gone the producer's stop never returns, and a thread fires even so."""
    timer = threading.Timer(seconds, os._exit, (75,))
    timer.daemon = True
    timer.start()


def on_signal(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set an event."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
