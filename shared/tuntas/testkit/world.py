"""Services in memory: each with its rows, timers, calls and outbox, deciding by the production fold under one virtual clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.ids import call_id, derive
from tuntas.contracts.topics import Topic
from tuntas.kit.decision import Answered, Call, Core, Fired, Send
from tuntas.kit.messaging.fold import Event, Unit, answered, fired, fold
from tuntas.kit.messaging.unit_of_work import LEASE_MARGIN_SECONDS
from tuntas.kit.messaging.wire import encode
from tuntas.kit.persistence.database import Row
from tuntas.testkit.history import START
from tuntas.testkit.log import Entry, Log, entry

TENANT = "acme"
Rows = dict[UUID, Row[Any]]


@dataclass(frozen=True)
class Part:
    """A service of the world. `born` gives the state that its store lends to a task without a row, or none."""

    name: str
    core: Core[Any]
    topics: frozenset[str]
    born: Callable[[Mapping[UUID, Row[Any]], Event], Any] = lambda _, __: None


@dataclass(slots=True)
class Errand:
    """A call whose row is committed. `alive`: its process is; `result`: what it brought back and nobody took yet."""

    task_id: UUID
    call: Call
    lease_until: datetime
    alive: bool = True
    result: Answered | None = None


@dataclass
class Shelf:
    """One service's tables. `kept` says whether rows are written as text and read again, as a database would."""

    part: Part
    kept: bool
    rows: Rows = field(default_factory=dict)
    timers: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    work: dict[UUID, Errand] = field(default_factory=dict)
    outbox: list[Entry] = field(default_factory=list)

    def state(self, task_id: UUID) -> Any:
        """Return a task's state, or none."""
        return self.rows[task_id].state if task_id in self.rows else None

    def lend(self, events: Sequence[Event]) -> Rows:
        """Return copies of the rows that a batch needs; where tasks share something, of all rows."""
        wanted = self.rows if self.part.core.share else {e.task_id: self.rows[e.task_id] for e in events if e.task_id in self.rows}
        rows = {task: replace(row, fresh=[]) for task, row in wanted.items()}
        for event in events:
            if event.task_id not in rows and (state := self.part.born(rows, event)) is not None:
                rows[event.task_id] = Row(event.task_id, event.tenant, 0, state, frozenset())
        return rows

    def claim(self, events: Sequence[Event]) -> list[Event]:
        """Keep messages, and those timers and calls whose row is still there; the row goes."""
        return [event for event in events if self._claimed(event)]

    def _claimed(self, event: Event) -> bool:
        if isinstance(event.body, Fired):
            key = (event.task_id, event.body.purpose)
            return self.timers.get(key) == event.body.due_at and self.timers.pop(key) is not None
        return not isinstance(event.body, Answered) or self.work.pop(event.cause, None) is not None

    def commit(self, unit: Unit[Any], now: datetime) -> list[Entry]:
        """Write what a batch changed, and return what it put into the outbox."""
        for task, row in unit.rows.items():
            if task in unit.changed or task in self.rows:
                self.rows[task] = Row(task, row.tenant, row.version + 1, self._written(row.state), row.seen | set(row.fresh))
        for key, (_, at) in unit.timers.items():
            self.timers.pop(key, None)
            if at is not None:
                self.timers[key] = at
        for event, call in unit.calls:
            lease = now + timedelta(seconds=call.deadline_seconds + LEASE_MARGIN_SECONDS)
            self.work[call_id(call.key, call.number)] = Errand(event.task_id, call, lease)
        added = [entry(record) for record in unit.records]
        self.outbox += added
        return added

    def _written(self, state: Any) -> Any:
        """Return a state as it is read again: the one that a service remembers must be no other."""
        if not self.kept:
            return state
        again = self.part.core.state.model_validate_json(state.model_dump_json(exclude_defaults=True))
        assert again == state, f"{self.part.name} would read another state than it remembers: {again!r} for {state!r}"
        return again


class Agenda:
    """What happens by itself, each at its instant."""

    def __init__(self) -> None:
        self._planned: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._planned)

    def plan(self, at: datetime, act: Callable[[], None]) -> None:
        """Plan something for an instant."""
        self._count += 1
        heappush(self._planned, (at, self._count, act))

    def instants(self) -> list[datetime]:
        """Return when the first of it happens, if anything does."""
        return [at for at, _, _ in self._planned[:1]]

    def pass_until(self, now: datetime) -> None:
        """Let happen what is due."""
        while self._planned and self._planned[0][0] <= now:
            heappop(self._planned)[2]()


class World:
    """All services, their topics and the clock."""

    def __init__(self, parts: Sequence[Part], *, kept: bool) -> None:
        self.now = START
        self.shelves = {part.name: Shelf(part, kept) for part in parts}
        self.log = Log({part.name: part.topics for part in parts})
        self.causes: set[UUID] = set()
        self._said = 0

    def say(self, source: str, task_id: UUID, message: Message, topic: Topic | None = None) -> None:
        """Let somebody outside publish a message."""
        self._said += 1
        cause = derive("outside", self._said, task_id)
        self.causes.add(cause)
        send = Send(message, topic)
        record = encode(send, source=source, task_id=task_id, tenant=TENANT, cause_id=cause, ordinal=0, now=self.now, traceparent="")
        self.log.append(entry(record))

    def decide(self, shelf: Shelf, events: Sequence[Event]) -> tuple[Unit[Any], list[Entry]]:
        """Decide a batch and commit it; its outputs stay in the outbox."""
        live = shelf.claim(events)
        self.causes.update(event.cause for event in live)
        unit: Unit[Any] = fold(shelf.part.core, shelf.part.name, shelf.lend(live), live, self.now)
        return unit, shelf.commit(unit, self.now)

    def publish(self, shelf: Shelf, *, again: bool = False) -> None:
        """Publish an outbox; `again` forgets that it was done, so that it happens once more."""
        for each in shelf.outbox:
            self.log.append(each)
        if not again:
            shelf.outbox.clear()

    def due(self, shelf: Shelf) -> list[Event]:
        """Return the timers that are due there, and the calls whose lease is over."""
        timers = [fired(task, TENANT, purpose, at, "") for (task, purpose), at in shelf.timers.items() if at <= self.now]
        return timers + [
            answered(e.task_id, TENANT, Answered(e.call, code="lease_over", lost=True), "")
            for e in shelf.work.values()
            if not e.alive and e.lease_until <= self.now
        ]

    def instants(self) -> list[datetime]:
        """Return when timers are due and leases are over."""
        return [at for shelf in self.shelves.values() for at in (*shelf.timers.values(), *_leases(shelf))]


def _leases(shelf: Shelf) -> list[datetime]:
    return [e.lease_until for e in shelf.work.values() if not e.alive]
