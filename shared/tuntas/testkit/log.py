"""The topics of the simulated world: one log, read by each service in the order of each topic and task, and in no order between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.envelope import Envelope, from_headers
from tuntas.kit.messaging.fold import Event, arrived
from tuntas.kit.messaging.wire import Record, decode_body


class Violation(AssertionError):
    """An invariant does not hold; says which and why."""


def require(condition: object, invariant: str, *told: object) -> None:
    """Let an invariant hold.

    Raises:
        Violation: it does not.
    """
    if not condition:
        raise Violation(f"{invariant}: " + " ".join(map(str, told)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with what a reader makes of it."""

    record: Record
    envelope: Envelope
    message: Message

    @property
    def event(self) -> Event:
        """Return the event of its arrival."""
        return arrived(self.envelope, self.message)


def entry(record: Record) -> Entry:
    """Read a record as a service would."""
    envelope = from_headers(record.headers, record.key)
    return Entry(record, envelope, decode_body(envelope.type, record.body))


@dataclass(frozen=True, slots=True)
class Lane:
    """What one service reads of one task on one topic: the only order there is."""

    service: str
    topic: str
    task_id: UUID


class Log:
    """All records by topic and task, and how far each service has read."""

    def __init__(self, readers: dict[str, frozenset[str]]) -> None:
        self.readers = readers
        self.seen: dict[UUID, tuple[object, ...]] = {}
        self.entries: list[Entry] = []
        self._lanes: dict[tuple[str, UUID], list[Entry]] = {}
        self._read: dict[Lane, int] = {}

    def append(self, added: Entry) -> None:
        """Add a record.

        Raises:
            Violation: P19, another record with this id says something else.
        """
        record = added.record
        content = (record.topic, record.key, tuple(record.headers.items()), record.body)
        if self.seen.setdefault(record.id, content) != content:
            raise Violation(f"P19: two records have the id {record.id}: {added.message!r} and {self.seen[record.id]!r}")
        self.entries.append(added)
        task_id = added.envelope.task_id
        self._lanes.setdefault((record.topic, task_id), []).append(added)
        for service, topics in self.readers.items():
            if record.topic in topics:
                self._read.setdefault(Lane(service, record.topic, task_id), 0)

    def unread(self) -> list[Lane]:
        """Return where there is something to read."""
        return [lane for lane, at in self._read.items() if at < len(self._of(lane))]

    def read(self) -> list[Lane]:
        """Return where something was read and may be met again."""
        return [lane for lane, at in self._read.items() if at]

    def next(self, lane: Lane) -> Iterator[Entry]:
        """Yield what is unread there, in order."""
        yield from self._of(lane)[self._read[lane] :]

    def commit(self, lane: Lane, count: int) -> None:
        """Acknowledge so many records; a negative count goes back, as a member does that takes over."""
        self._read[lane] = max(0, self._read[lane] + count)

    def _of(self, lane: Lane) -> list[Entry]:
        return self._lanes[lane.topic, lane.task_id]
