"""The batch runtime: a Kafka batch, due timers and finished calls become one transaction, then publishing, then acknowledgement.

Delivery is at least once; effects are once, because a state row counts the message ids it has seen. After a crash, outputs that were
committed and not published are published by whoever owns their partition, before it takes new records.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from tuntas.contracts.base import Frozen
from tuntas.contracts.ids import call_id
from tuntas.kit.decision import Answered, Fired
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.dead_letters import dead_letter
from tuntas.kit.messaging.fold import Event, Unit, arrived, fired
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.messaging.wire import Raw, Record, decode
from tuntas.kit.messaging.work import Desk
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing

S = TypeVar("S", bound=Frozen)
Publish = Callable[[Sequence[Record]], Awaitable[None]]
Prepare = Callable[[list[Event]], Awaitable[list[Event]]]

SWEEP_SECONDS = 5.0
HORIZON_SECONDS = 2 * SWEEP_SECONDS
LEFTOVER_SECONDS = 3.0
IDLE_SECONDS = 1.0
"""Parcels that reached the log go with the next batch's transaction; if none comes for so long, with one of their own."""
MOST_CALLS_OUT = 400
"""So many calls without an answer make a replica stop taking records, until half of them are back."""


def _monotonic() -> float:
    """Return the event loop's clock: a simulated loop has its own."""
    return asyncio.get_running_loop().time()


def read_record(record: Raw) -> Event:
    """Return the event of an inner topic's record. Raises InvalidMessage."""
    incoming = decode(record)
    return arrived(incoming.envelope, incoming.message, record)


@dataclass(slots=True)
class Runtime(Generic[S]):
    """Runs one service's core. `turn` makes Kafka batches and ticks take turns; `partitions` are those this replica owns.

    `waiting` are messages that were read and may be decided later; their offsets stay uncommitted.
    `behind` says that outputs may be waiting in the outbox: at assignment, and after any failure. `flow` takes records or stops it.
    """

    service: str
    work: UnitOfWork[S]
    desk: Desk
    publish: Publish
    metrics: Metrics
    log: Log
    tracing: Tracing
    read: Callable[[Raw], Event] = read_record
    after: Callable[[Unit[S]], None] | None = None
    prepare: Prepare | None = None
    flow: Callable[[bool], None] | None = None
    waiting: Waiting = field(default_factory=Waiting)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    partitions: frozenset[int] = frozenset()
    due: dict[tuple[UUID, str], tuple[datetime, Event]] = field(default_factory=dict)
    behind: bool = True
    swept_at: float = float("-inf")
    settled_at: float = float("-inf")
    progressed_at: float = field(default_factory=time.monotonic)

    async def handle(self, batch: Sequence[Raw]) -> None:
        """Decide a Kafka batch. Raises whatever our own infrastructure raised; the batch is then met again."""
        events, dead = self._read(batch)
        if self.prepare:
            events = await self.prepare(events)
        async with self.turn:
            now = _monotonic()
            urgent = self.waiting.keep(events, now)
            if urgent or dead or self.waiting.is_due(now):
                await self._settle(urgent, dead)
        pass_point(self.service, "published")

    def assign(self, partitions: frozenset[int]) -> None:
        """Take over partitions: leftovers, timers and lost calls of theirs are looked for before anything else."""
        self.partitions, self.behind, self.swept_at = partitions, True, float("-inf")
        self.work.store.forget()
        self.due.clear()
        self.waiting.clear()
        self.nudge.set()

    async def tick(self) -> None:
        """Decide due timers and finished calls; sweep now and then. Called in a loop by the service."""
        await self._wait()
        if not self.partitions:
            return
        self._press_back()
        async with self.turn:
            await self._sweep()
            if self.desk.finished or self._is_due() or self._is_idle():
                await self._settle([], [])

    async def _wait(self) -> None:
        soonest = min((at for at, _ in self.due.values()), default=None)
        pause = 1.0 if soonest is None else (soonest - self.work.clock.now()).total_seconds() + 0.002
        if (due_at := self.waiting.due_at()) is not None:
            pause = min(pause, due_at - _monotonic())
        try:
            async with asyncio.timeout(min(1.0, max(0.0, pause))):
                await self.nudge.wait()
        except TimeoutError:
            return
        finally:
            self.nudge.clear()

    def _is_due(self) -> bool:
        at = self.work.clock.now()
        return any(due <= at for due, _ in self.due.values()) or self.waiting.is_due(_monotonic())

    def _is_idle(self) -> bool:
        return bool(self.work.published) and _monotonic() - self.settled_at >= IDLE_SECONDS

    def _take_due(self) -> list[Event]:
        at = self.work.clock.now()
        ready = [key for key, (due, _) in self.due.items() if due <= at]
        return [self.due.pop(key)[1] for key in ready]

    async def _sweep(self) -> None:
        """Publish leftovers, reload timers, find lost calls: at assignment, after a failure, and every few seconds."""
        if _monotonic() - self.swept_at < SWEEP_SECONDS and not self.behind:
            return
        owned = sorted(self.partitions)
        await self._leftovers(owned, 0.0 if self.behind else LEFTOVER_SECONDS)
        self.behind = False
        horizon = self.work.clock.now() + timedelta(seconds=HORIZON_SECONDS)
        for event in await self.work.timers(owned, horizon):
            if isinstance(event.body, Fired):
                self.due[event.task_id, event.body.purpose] = (event.body.due_at, event)
        out = [*self.desk.outstanding, *(e.cause for e in self.desk.finished)]
        for at, event in await self.work.lost_calls(owned, horizon, out):
            self.due[event.task_id, f"lease:{event.cause}"] = (at, event)
        self.swept_at = _monotonic()

    async def _settle(self, events: list[Event], dead: list[Record]) -> None:
        """Decide, commit, publish. Due timers and finished calls ride along; if anything fails, they come again."""
        begun = time.monotonic()
        finished = self.desk.take()
        now = [*events, *finished, *self._take_due()]
        waited = self.waiting.company(now, _monotonic())
        batch = [*waited, *now]
        try:
            if self.behind:
                await self._leftovers(sorted(self.partitions), 0.0)
            with self.tracing.batch(self.service, batch) as traced:
                unit, parcels = await self.work.process(traced)
            self._begin(unit)
            dead += [self._set_aside(e.origin, e.aside) for e in events if e.aside]
            await self._deliver([*unit.records, *dead, *self._refused(unit)])
            self.work.published += parcels
            self.waiting.done(waited)
            self.behind = False
        except BaseException:
            self.desk.finished = [*finished, *self.desk.finished]
            self.behind, self.swept_at = True, float("-inf")
            raise
        self.progressed_at, self.settled_at = time.monotonic(), _monotonic()
        self.metrics.of("tuntas_batch_size").observe(len(batch))
        self.metrics.of("tuntas_batch_seconds").observe(self.progressed_at - begun)

    def _begin(self, unit: Unit[S]) -> None:
        """After the commit: start calls, remember timers, tell the service."""
        for event, call in unit.calls:
            self.desk.start(event, call, call_id(call.key, call.number))
        self._press_back()
        for (task, purpose), (event, at) in unit.timers.items():
            self.due.pop((task, purpose), None)
            if at is not None and (at - self.work.clock.now()).total_seconds() < HORIZON_SECONDS:
                self.due[task, purpose] = (at, fired(task, event.tenant, purpose, at, event.traceparent))
        if unit.timers:
            self.nudge.set()
        if self.after:
            self.after(unit)

    def _press_back(self) -> None:
        """Stop taking records while too many calls are out; a rebalance forgets it, so it is said again each time."""
        out = len(self.desk.outstanding)
        if self.flow and (out > MOST_CALLS_OUT or out < MOST_CALLS_OUT // 2):
            self.flow(out < MOST_CALLS_OUT)

    async def _deliver(self, records: Sequence[Record]) -> None:
        if not records:
            return
        await self.publish(records)
        for topic, count in Counter(record.topic for record in records).items():
            self.metrics.of("tuntas_published_total", topic=topic).inc(count)

    async def _leftovers(self, owned: Sequence[int], older_than_seconds: float) -> None:
        """Deliver parcels, page by page: those delivered are passed over in the next."""
        while left := await self.work.leftovers(owned, older_than_seconds):
            for parcel in left:
                await self._deliver(parcel.records)
                self.work.published.append(parcel.id)

    def _read(self, batch: Sequence[Raw]) -> tuple[list[Event], list[Record]]:
        events, dead = [], []
        for topic, count in Counter(record.topic for record in batch).items():
            self.metrics.of("tuntas_records_total", topic=topic).inc(count)
        for record in batch:
            try:
                events.append(self.read(record))
            except InvalidMessage as error:
                dead.append(self._set_aside(record, error))
        return events, dead

    def _refused(self, unit: Unit[S]) -> list[Record]:
        dead = []
        for event, error in unit.refused:
            if event.origin is None or isinstance(event.body, Answered):
                self.log.error("decision.failed", code=error.code, reason=error.reason, event_name=event.name, task_id=str(event.task_id))
            else:
                dead.append(self._set_aside(event.origin, error))
        return dead

    def _set_aside(self, record: Raw, error: InvalidMessage) -> Record:
        self.metrics.of("tuntas_dead_letters_total", code=error.code).inc()
        self.log.error("message.refused", code=error.code, reason=error.reason, topic=record.topic, offset=record.offset)
        return dead_letter(record, self.service, error)
