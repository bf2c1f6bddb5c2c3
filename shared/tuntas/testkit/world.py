"""The world that is simulated: topics, tables, the clock, what goes wrong, and what was seen. How services run in it is a stage's own."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.ids import derive
from tuntas.contracts.topics import DEAD_LETTERS, Topic
from tuntas.kit.decision import Core, Send
from tuntas.kit.messaging.wire import Record, encode
from tuntas.kit.persistence.database import Changes, Session
from tuntas.kit.persistence.store import Clock, Store
from tuntas.testkit.history import START
from tuntas.testkit.log import Entry, Log, Violation, entry
from tuntas.testkit.memory import Memory
from tuntas.testkit.moods import Moods

if TYPE_CHECKING:
    from tuntas.testkit.invariants import Judge
    from tuntas.testkit.wire import Wire

TENANT = "acme"
Act = Callable[[], Any]


@dataclass(frozen=True)
class Part:
    """A service of the world. `store` makes what remembers its rows: one for each process."""

    name: str
    core: Core[Any]
    topics: tuple[str, ...]
    store: Callable[[], Store[Any]]


class Agenda:
    """What happens by itself, each at its instant."""

    def __init__(self) -> None:
        self._planned: list[tuple[datetime, int, Act]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._planned)

    def plan(self, at: datetime, act: Act) -> None:
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


class SimulatedClock(Clock):
    """The one clock of a simulated world: the database's and every machine's."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now

    def now(self) -> datetime:
        """Return the instant."""
        return self._now()

    async def ask(self, session: Session) -> datetime:
        """Return the instant."""
        del session
        return self._now()


class World(ABC):
    """All services' tables, their topics and the clock. `trace` tells what happened last, for whoever reads a failure.

    `kept` rows are written as text and read again. In a `mixed` world half the processes are of the next version. `astray` says which
    records come much later than they were sent.
    """

    judge: "Judge"
    wire: "Wire"

    def __init__(
        self, parts: Sequence[Part], rng: Random, moods: Moods, *, kept: bool, mixed: bool = False, astray: Random | None = None
    ) -> None:
        self.rng, self.moods, self.mixed, self.astray = rng, moods, mixed, astray
        self.agenda = Agenda()
        self.trace: deque[tuple[Any, ...]] = deque(maxlen=400)
        self.parts = {part.name: part for part in parts}
        self.shelves = {part.name: Memory(part.name, kept, self.instant, self._committed) for part in parts}
        self.log = Log({part.name: frozenset(part.topics) for part in parts})
        self.found: Violation | None = None
        self._said, self._entries = 0, dict[UUID, Entry]()

    @property
    def now(self) -> datetime:
        """The clock."""
        return self.instant()

    @abstractmethod
    def instant(self) -> datetime:
        """Return the clock."""

    @abstractmethod
    def options(self) -> list[Act]:
        """Return what may happen next."""

    @abstractmethod
    def instants(self) -> list[datetime]:
        """Return when something of the services' own is due."""

    @abstractmethod
    def pass_until(self, now: datetime) -> None:
        """Move the clock."""

    def calm(self) -> None:
        """Let faults stop, and whoever was stopped go on."""
        self.moods.calm = True

    @abstractmethod
    def close(self) -> None:
        """Let go of what the history used."""

    def say(self, source: str, task_id: UUID, message: Message, topic: Topic | None = None) -> None:
        """Let somebody outside publish a message."""
        self._said += 1
        cause = derive("outside", self._said, task_id)
        self.judge.causes.add(cause)
        send = Send(message, topic)
        self.append(encode(send, source=source, task_id=task_id, tenant=TENANT, cause_id=cause, ordinal=0, now=self.now, traceparent=""))

    def append(self, record: Record) -> None:
        """Let a record reach its topic.

        Raises:
            Violation: it is a dead letter: nothing here is poison.
        """
        if record.topic == DEAD_LETTERS.name:
            self.found = self.found or Violation(f"set aside: {record.headers} {record.body!r}")
            raise self.found
        known = self._entries.get(record.id)
        added = known if known and known.record == record else entry(record)
        with self.noted():
            self.log.append(added)
        if self.moods.roll("redriven"):
            self.later(self.rng.uniform(0, 5000), self.append, record)
        self.judge.causes.add(record.id)

    def later(self, seconds: float, act: Callable[..., Any], *given: Any) -> None:
        """Plan something for a while later."""
        self.agenda.plan(self.now + timedelta(seconds=seconds), partial(act, *given))

    def tell(self, *told: Any) -> None:
        """Note what happens."""
        self.trace.append((self.now.time(), *told))

    def _committed(self, memory: Memory, changes: Changes[Any]) -> None:
        added = [entry(record) for parcel in changes.parcels for record in parcel.records]
        self._entries |= {each.record.id: each for each in added}
        for each in added:
            self.tell(memory.name, "->", each.message.wire_type, each.record.id, each.message)
        self.judge.causes |= memory.claimed
        memory.claimed.clear()
        with self.noted():
            self.judge.committed(memory.name, changes, added)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Remember what a block finds, for services survive whatever is raised while they decide."""
        try:
            yield
        except Violation as found:
            self.found = self.found or found
            raise


def seconds(now: datetime) -> float:
    """Return an instant as seconds since the beginning of a history."""
    return (now - START).total_seconds()
