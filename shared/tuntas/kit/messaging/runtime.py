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
from tuntas.kit.persistence.database import PAGE
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
_LONGEST_PAUSE = timedelta(seconds=1)
MOST_CALLS_OUT = 400
"""So many calls without an answer make a replica stop taking records, until half of them are back; and timers, until fewer are out."""
LATE_FOR_SECONDS = 2.0
"""So long after the last batch its records' age counts as the log's: later there is nothing to read."""
MOST_DUE = 1_000
"""So many due timers and lost calls are decided in one batch: after an outage there may be any number."""


def _monotonic() -> float:
    """Return the event loop's clock: a simulated loop has its own."""
    return asyncio.get_running_loop().time()


def _end(*pages: Sequence[datetime]) -> datetime | None:
    """Return the last instant on the page that ends first, of those that are full."""
    return min((page[-1] for page in pages if len(page) >= PAGE), default=None)


def read_record(record: Raw) -> Event:
    """Return the event of an inner topic's record. Raises InvalidMessage."""
    incoming = decode(record)
    return arrived(incoming.envelope, incoming.message, record)


@dataclass(slots=True)
class Runtime(Generic[S]):
    """Runs one service's core. `turn` makes Kafka batches and ticks take turns; `partitions` are those this replica owns.

    `waiting` are messages that were read and may be decided later; their offsets stay uncommitted.
    `behind` says that outputs may be waiting in the outbox: at assignment, and after any failure. `flow` takes records or stops it.
    `due` is what is known to be due soon. If the tables hold more than a page of it, `full_until` is the last instant on that page.
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
    full_until: datetime | None = None
    behind: bool = True
    swept_at: float = float("-inf")
    settled_at: float = float("-inf")
    progressed_at: float = field(default_factory=time.monotonic)
    delay: float | None = None
    late: float = 0.0
    read_at: float = float("-inf")

    async def handle(self, batch: Sequence[Raw]) -> None:
        """Decide a Kafka batch. Raises whatever our own infrastructure raised; the batch is then met again."""
        events, dead = self._read(batch)
        self._note_delay(events)
        if self.prepare:
            events = await self.prepare(events)
        async with self.turn:
            now = _monotonic()
            urgent = self.waiting.keep(events, now)
            if urgent or dead or self.waiting.is_due(now):
                await self._settle(urgent, dead)
            self.progressed_at = time.monotonic()
        pass_point(self.service, "published")

    def delayed(self) -> float:
        """Return how old, in seconds, the inner records were at least that were taken since this was last asked for; 0 if none was.

        The least counts: who catches up after a failure is soon there, who has too much to do is late with every batch.
        """
        delay, self.delay = self.delay, None
        return delay or 0.0

    def _note_delay(self, events: Sequence[Event]) -> None:
        """Note how late records are met. Those of a public topic do not count: their writers' clocks may say anything."""
        oldest = min((event.origin.timestamp for event in events if event.envelope), default=None)
        if oldest is not None:
            self.late, self.read_at = max(0.0, self.work.clock.now().timestamp() - oldest / 1e3), _monotonic()
            self.delay = self.late if self.delay is None else min(self.delay, self.late)

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
        pauses = [_LONGEST_PAUSE.total_seconds()]
        if len(self.desk.outstanding) <= MOST_CALLS_OUT and (pause := self.pause(_monotonic())) is not None:
            pauses.append(pause + 0.002)
        if (due_at := self.waiting.due_at()) is not None:
            pauses.append(due_at - _monotonic())
        try:
            async with asyncio.timeout(max(0.0, min(pauses))):
                await self.nudge.wait()
        except TimeoutError:
            return
        finally:
            self.nudge.clear()

    def _is_due(self) -> bool:
        return bool(self._due_now()) or self.waiting.is_due(_monotonic())

    def _is_idle(self) -> bool:
        return bool(self.work.published) and _monotonic() - self.settled_at >= IDLE_SECONDS

    def _due_now(self) -> list[tuple[datetime, tuple[UUID, str]]]:
        """Return what is due; nothing while too many calls are out, for most timers ask for one."""
        if len(self.desk.outstanding) > MOST_CALLS_OUT:
            return []
        at = self.work.clock.now() - timedelta(seconds=self._lateness(_monotonic()))
        return [(due, key) for key, (due, _) in self.due.items() if due <= at]

    def pause(self, now: float) -> float | None:
        """Return in how many seconds from `now`, the event loop's, the next timer is due if nothing is read meanwhile."""
        soonest = min((at for at, _ in self.due.values()), default=None)
        if soonest is None:
            return None
        left, late = (soonest - self.work.clock.now()).total_seconds(), self._lateness(now)
        return min(left + late, max(left, self.read_at + LATE_FOR_SECONDS - now)) if late else left

    def _lateness(self, now: float) -> float:
        """Return how far behind its end the log was read, in seconds: what a timer waits for may be there, and was not read yet."""
        return self.late if now - self.read_at < LATE_FOR_SECONDS else 0.0

    def _take_due(self) -> list[Event]:
        return [self.due.pop(key)[1] for _, key in sorted(self._due_now())[:MOST_DUE]]

    async def _sweep(self) -> None:
        """Publish leftovers, reload timers, find lost calls: at assignment, after a failure, and every few seconds."""
        hungry = self.full_until and not any(at <= self.full_until for at, _ in self.due.values())
        if _monotonic() - self.swept_at < SWEEP_SECONDS and not self.behind and not hungry:
            return
        owned = sorted(self.partitions)
        await self._leftovers(owned, 0.0 if self.behind else LEFTOVER_SECONDS)
        self.behind = False
        horizon = self.work.clock.now() + timedelta(seconds=HORIZON_SECONDS)
        timers = await self.work.timers(owned, horizon)
        for event in timers:
            if isinstance(event.body, Fired):
                self.due[event.task_id, event.body.purpose] = (event.body.due_at, event)
        out = [*self.desk.outstanding, *(e.cause for e in self.desk.finished)]
        lost = await self.work.lost_calls(owned, horizon, out)
        for at, event in lost:
            self.due[event.task_id, f"lease:{event.cause}"] = (at, event)
        self.full_until = _end([e.body.due_at for e in timers if isinstance(e.body, Fired)], [at for at, _ in lost])
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
        now = self.work.clock.now()
        soon, horizon = now + _LONGEST_PAUSE, now + timedelta(seconds=HORIZON_SECONDS)
        for (task, purpose), (event, at) in unit.timers.items():
            self.due.pop((task, purpose), None)
            if at is not None and at < horizon:
                self.due[task, purpose] = (at, fired(task, event.tenant, purpose, at, event.traceparent))
                if at < soon:
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
