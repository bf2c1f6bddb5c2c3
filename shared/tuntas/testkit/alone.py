"""Cores alone: each service's decisions by the production fold, one process each, without the runtime around them."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from tuntas.kit.decision import Answered
from tuntas.kit.messaging.fold import Event, answered, fired
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.persistence.database import Work
from tuntas.testkit.history import START
from tuntas.testkit.line import Line
from tuntas.testkit.log import Lane, Violation
from tuntas.testkit.memory import Memory, MemoryDatabase, MemorySession
from tuntas.testkit.world import TENANT, Act, SimulatedClock, World

T = TypeVar("T")


@dataclass(slots=True)
class Errand:
    """A call whose row is committed. `alive`: its process is; `result`: what it brought back and nobody took yet."""

    work: Work
    alive: bool = True
    result: Answered | None = None


@dataclass
class Desk:
    """One service at work: its tables, its decisions, the calls it has out."""

    memory: Memory
    work: UnitOfWork[Any]
    errands: dict[UUID, Errand] = field(default_factory=dict)

    def out(self) -> list[Errand]:
        """Return the calls that nobody took the answers of, and begin to know those that are new."""
        rows = self.memory.work
        self.errands = {identity: self.errands.get(identity) or Errand(work) for identity, work in rows.items()}
        return list(self.errands.values())


class Alone(World):
    """Services without their runtime: what is delivered is decided at once."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._now = START
        super().__init__(*given, **named)
        self._line = Line("alone")
        clock = SimulatedClock(self.instant)
        self.desks = {
            name: Desk(self.shelves[name], UnitOfWork(name, part.core, part.store(), MemoryDatabase(self.shelves[name], self._line), clock))
            for name, part in self.parts.items()
        }

    def instant(self) -> datetime:
        """Return the clock."""
        return self._now

    def pass_until(self, now: datetime) -> None:
        """Move the clock."""
        self._now = now
        self.agenda.pass_until(now)

    def instants(self) -> list[datetime]:
        """Return when timers are due and leases are over."""
        timers = [t.due_at for memory in self.shelves.values() for t in memory.timers.values() if t.due_at]
        return timers + [e.work.lease_until for desk in self.desks.values() for e in desk.out() if not e.alive]

    def close(self) -> None:
        """Let go of nothing."""

    def options(self) -> list[Act]:
        """Return what may happen next."""
        found: list[Act] = [partial(self._deliver, lane) for lane in self.log.unread()]
        for desk in self.desks.values():
            if desk.memory.outbox:
                found.append(partial(self._publish, desk))
            found += [partial(self._perform, desk, errand) for errand in desk.out() if errand.alive and not errand.result]
            if events := self._ready(desk):
                found += [partial(self._decide_one, desk, events)] * 2
        return found

    def _ready(self, desk: Desk) -> list[Event]:
        out = desk.out()
        done = [answered(e.work.task_id, TENANT, e.result, "") for e in out if e.result]
        due = [t for t in desk.memory.timers.values() if t.due_at and t.due_at <= self.now]
        timers = [fired(t.task_id, TENANT, t.purpose, t.due_at, "") for t in due if t.due_at]
        lost = [e.work for e in out if not e.alive and e.work.lease_until <= self.now]
        return done + timers + [answered(w.task_id, TENANT, Answered(w.call, code="lease_over", lost=True), "") for w in lost]

    def _perform(self, desk: Desk, errand: Errand) -> None:
        errand.result = self.wire.answer(errand.work.call)
        self.tell(desk.memory.name, "calls", errand.work.call.kind, errand.work.call.key, errand.result)

    def _deliver(self, lane: Lane) -> None:
        desk = self.desks[lane.service]
        batch = [each.event for each, _ in zip(self.log.next(lane), range(self.rng.choice([1, 1, 3])), strict=False)]
        self.log.commit(lane, len(batch))
        if self.rng.random() < 0.2:
            batch += [e for e in self._ready(desk) if self.rng.random() < 0.5]
        self._decide(desk, batch)
        if self.moods.roll("again"):
            self.log.commit(lane, -self.rng.randint(1, 4))

    def _decide_one(self, desk: Desk, events: Sequence[Event]) -> None:
        self._decide(desk, [self.rng.choice(events)])

    def _decide(self, desk: Desk, events: Sequence[Event]) -> None:
        name = desk.memory.name
        for event in events:
            self.tell(name, "<-", event.name, event.cause, event.body)
        session = MemorySession(desk.memory, self._line, wide=True)
        unit, _ = _run(desk.work.decide(session, events, frozenset(), ()))
        _run(session.commit())
        for event, error in unit.refused:
            raise Violation(f"{name} set aside {event.name}: {error}")
        if self.moods.roll("unpublished"):
            self._crash(desk)
            return
        self._publish(desk, again=self.moods.roll("again"))
        if self.moods.roll("crash"):
            self._crash(desk)

    def _publish(self, desk: Desk, *, again: bool = False) -> None:
        """Publish an outbox; `again` forgets that it was done, so that it happens once more."""
        for parcel in desk.memory.outbox.values():
            for record in parcel.records:
                self.append(record)
        if not again:
            desk.memory.outbox.clear()

    def _crash(self, desk: Desk) -> None:
        """Let a process die: what its calls brought back is lost, whether they arrived or not."""
        self.tell(desk.memory.name, "dies")
        for errand in desk.out():
            if errand.alive and not errand.result:
                self.wire.abandoned(errand.work.call)
            errand.alive, errand.result = False, None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise AssertionError("it waits")
