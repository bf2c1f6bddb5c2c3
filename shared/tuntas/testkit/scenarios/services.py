"""The services of a scenario in memory: rows, timers, calls and outbox of each, deciding by the production fold under one clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tuntas.contracts.base import Message
from tuntas.contracts.ids import call_id, derive
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.topics import Topic
from tuntas.contracts.trust import MandateSet
from tuntas.kit.decision import Answered, Call, Core, Fired, Send
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.fold import Event, Unit, answered, fired, fold
from tuntas.kit.messaging.unit_of_work import LEASE_MARGIN_SECONDS
from tuntas.kit.messaging.wire import Raw, encode
from tuntas.kit.persistence.database import Row
from tuntas.testkit.history import START
from tuntas.testkit.log import Entry, Lane, Log, Violation, entry

MOST_DECISIONS = 20_000


@dataclass
class Delivery:
    """A record as a reader meets it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int = 0


def delivery(each: Entry, body: bytes | None = None) -> Delivery:
    """Return a record as it arrives, its body perhaps damaged on the way."""
    record = each.record
    headers = tuple((name, value.encode()) for name, value in record.headers.items())
    return Delivery(record.topic, 0, 0, record.key, record.body if body is None else body, headers)


@dataclass
class Errand:
    """A call whose row is committed; its process has it out, or died."""

    task_id: UUID
    tenant: str
    call: Call
    lease_until: datetime
    alive: bool = True


@dataclass
class Desk:
    """One service with its tables. `doomed`: it dies when its next decision is committed. `sent` is all that it ever published."""

    name: str
    core: Core[Any]
    read: Callable[[Raw], Event]
    rows: dict[UUID, Row[Any]] = field(default_factory=dict)
    timers: dict[tuple[UUID, str], tuple[datetime, str]] = field(default_factory=dict)
    work: dict[UUID, Errand] = field(default_factory=dict)
    outbox: list[Entry] = field(default_factory=list)
    sent: list[Entry] = field(default_factory=list)
    up: bool = True
    doomed: bool = False

    def state(self, task_id: UUID) -> Any:
        """Return a task's state, or none."""
        return self.rows[task_id].state if task_id in self.rows else None

    def lend(self, event: Event) -> dict[UUID, Row[Any]]:
        """Return copies of the rows that a decision needs."""
        wanted = self.rows if self.core.share else {key: row for key, row in self.rows.items() if key == event.task_id}
        rows = {key: replace(row, fresh=[]) for key, row in wanted.items()}
        if isinstance(event.body, (PlanProposed, MandateSet)) and self.core.share and event.task_id not in rows:
            rows[event.task_id] = Row(event.task_id, event.tenant, 0, self._blank(event.body.person), frozenset())
        return rows

    def _blank(self, person: UUID) -> Any:
        """What trust's store lends to a task without a row: the wallet of its person."""
        states: list[Any] = [row.state for row in self.rows.values()]
        wallet = next((state.wallet for state in states if state.person == person and state.wallet), None)
        return self.core.state.model_validate({"status": "new", "person": person, "wallet": wallet or {"person": person}})

    def claims(self, event: Event) -> bool:
        """Say whether an event may be decided: the row of a timer or call is taken, and if it is gone, so is the event."""
        if isinstance(event.body, Fired):
            return self.timers.pop((event.task_id, event.body.purpose), None) is not None
        return not isinstance(event.body, Answered) or self.work.pop(event.cause, None) is not None

    def commit(self, unit: Unit[Any], now: datetime) -> list[Errand]:
        """Write what was decided, and return the calls that are to be made."""
        for task, row in unit.rows.items():
            if row.state is not None and (task in unit.changed or task in self.rows):
                state = self.core.state.model_validate_json(row.state.model_dump_json())
                self.rows[task] = Row(task, row.tenant, row.version + 1, state, row.seen | set(row.fresh))
        for key, (event, at) in unit.timers.items():
            self.timers.pop(key, None)
            if at is not None:
                self.timers[key] = (at, event.tenant)
        self.outbox += [entry(record) for record in unit.records]
        return [self._calls(event, call, now) for event, call in unit.calls]

    def _calls(self, event: Event, call: Call, now: datetime) -> Errand:
        lease = now + timedelta(seconds=call.deadline_seconds + LEASE_MARGIN_SECONDS)
        errand = self.work[call_id(call.key, call.number)] = Errand(event.task_id, event.tenant, call, lease)
        return errand


@dataclass
class Watcher:
    """Whom a world tells: of records published, calls made, records met, of what is set aside, and of each rest between two instants.

    `meets` returns the record as it arrives, or none if it does not yet.
    """

    published: Callable[[Entry], None]
    calls: Callable[[Desk, Errand], None]
    meets: Callable[[Desk, Entry], Delivery | None]
    aside: Callable[[Desk, Event | None, InvalidMessage], None]
    rests: Callable[[], None]


class World:
    """All services, the topics between them, and the clock. One thing happens after the other; what is first is always the same."""

    def __init__(self, desks: Sequence[Desk], reads: dict[str, frozenset[str]], watcher: Watcher) -> None:
        self.now = START
        self.desks = {desk.name: desk for desk in desks}
        self.log = Log(reads)
        self.watcher = watcher
        self.held: set[tuple[str, str | None]] = set()
        self.twice = False
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._places: dict[UUID, int] = {}
        self._count = 0

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Plan something for so many seconds from now."""
        self._count += 1
        heappush(self._agenda, (self.now + timedelta(seconds=seconds), self._count, act))

    def say(self, source: str, task_id: UUID, tenant: str, message: Message, topic: Topic | None = None) -> None:
        """Let somebody outside publish a message."""
        self._count += 1
        cause = derive("outside", self._count)
        send = Send(message, topic)
        self._publish(
            entry(encode(send, source=source, task_id=task_id, tenant=tenant, cause_id=cause, ordinal=0, now=self.now, traceparent=""))
        )

    def run(self, until: datetime) -> None:
        """Let everything happen until nothing is left, or until an instant.

        Raises:
            Violation: it does not come to rest.
        """
        self._settle()
        while (at := self._next()) and at <= until:
            self.now = max(self.now, at)
            if self._agenda and self._agenda[0][0] <= self.now:
                heappop(self._agenda)[2]()
            else:
                self._wake()
            self._settle()

    def deliver(self, desk: Desk, each: Entry) -> None:
        """Let a service meet a record."""
        record = self.watcher.meets(desk, each)
        if record is None:
            return
        try:
            event = desk.read(record)
        except InvalidMessage as error:
            self.watcher.aside(desk, None, error)
            return
        if event.aside:
            self.watcher.aside(desk, None, event.aside)
        self._decide(desk, event)

    def answer(self, desk: Desk, errand: Errand, result: Answered) -> None:
        """Bring the answer of a call, unless the process that made it is no more."""
        if errand.alive and desk.up:
            self._decide(desk, answered(errand.task_id, errand.tenant, result, ""))

    def die(self, desk: Desk) -> None:
        """Let a service's process die: the answers to its calls are lost."""
        desk.up = desk.doomed = False
        for errand in desk.work.values():
            errand.alive = False

    def start(self, desk: Desk) -> None:
        """Let another process take over: it publishes what is left, and goes on."""
        desk.up = True
        self._flush(desk)

    def republish(self, desk: Desk) -> None:
        """Publish all once more that a service ever published."""
        for each in list(desk.sent):
            self._publish(each)

    def _publish(self, each: Entry) -> None:
        self.log.append(each)
        self._places[each.record.id] = len(self.log.entries)
        self.watcher.published(each)

    def _flush(self, desk: Desk) -> None:
        for each in desk.outbox:
            self._publish(each)
        desk.sent += desk.outbox
        desk.outbox.clear()

    def _decide(self, desk: Desk, event: Event) -> None:
        self._count += 1
        if self._count > MOST_DECISIONS:
            raise Violation("P17: it does not come to rest")
        if not desk.claims(event):
            return
        unit: Unit[Any] = fold(desk.core, desk.name, desk.lend(event), [event], self.now)
        errands = desk.commit(unit, self.now)
        for refused, error in unit.refused:
            self.watcher.aside(desk, refused, error)
        if desk.doomed and unit.decided:
            self.die(desk)
            return
        self._flush(desk)
        for errand in errands:
            self.watcher.calls(desk, errand)

    def _settle(self) -> None:
        """Deliver all that can be, in the order in which it was published; then it rests until something is due."""
        while lane := min((lane for lane in self.log.unread() if self._flows(lane)), key=self._place, default=None):
            desk, each = self.desks[lane.service], next(self.log.next(lane))
            self.log.commit(lane, 1)
            self.deliver(desk, each)
            if not desk.up:
                self.log.commit(lane, -1)
            elif self.twice:
                self.deliver(desk, each)
        self.watcher.rests()

    def _place(self, lane: Lane) -> int:
        return self._places[next(self.log.next(lane)).record.id]

    def _flows(self, lane: Lane) -> bool:
        held = {(lane.topic, None), (lane.topic, lane.service)} & self.held
        return self.desks[lane.service].up and not held

    def _due(self) -> list[tuple[datetime, str, Event]]:
        found: list[tuple[datetime, str, Event]] = []
        for desk in self.desks.values():
            if desk.up:
                found += [(at, desk.name, fired(t, tenant, purpose, at, "")) for (t, purpose), (at, tenant) in desk.timers.items()]
                dead = [e for e in desk.work.values() if not e.alive]
                found += [(e.lease_until, desk.name, _lost(e)) for e in dead]
        return found

    def _next(self) -> datetime | None:
        return min([at for at, _, _ in (*self._due(), *self._agenda)], default=None)

    def _wake(self) -> None:
        _, name, event = min(self._due(), key=lambda due: (due[0], due[1], due[2].name))
        self._decide(self.desks[name], event)


def _lost(errand: Errand) -> Event:
    return answered(errand.task_id, errand.tenant, Answered(errand.call, code="lease_over", lost=True), "")
