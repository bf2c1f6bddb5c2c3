"""Kafka in memory: partitions, groups that balance by range, members that are late or gone, positions and offsets of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka.errors import CommitFailedError

from tuntas.contracts.topics import PARTITIONS
from tuntas.kit.messaging import broker
from tuntas.kit.messaging.wire import Record, partition_of
from tuntas.testkit.line import Line

Headers = list[tuple[str, bytes]]


class Place(NamedTuple):
    """A partition of a topic; equal to the client library's own."""

    topic: str
    partition: int


@dataclass(slots=True)
class Stored:
    """A record as a consumer is given it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int


class Topics:
    """All partitions of the world. `appended` is told of each record, `now` is the clock."""

    def __init__(self, appended: Callable[[Record], None], now: Callable[[], datetime]) -> None:
        self._now = now
        self._partitions: dict[Place, list[Stored]] = {}
        self._by_topic: dict[str, list[Place]] = {}
        self._readers: dict[str, list[Group]] = {}
        self._appended = appended

    def read_by(self, group: "Group") -> None:
        """Tell a group of whatever is added to its topics from now on."""
        for name in group.names:
            self._readers.setdefault(name, []).append(group)

    def append(self, record: Record) -> None:
        """Add a record at the end of its partition."""
        place = Place(record.topic, partition_of(record.key.decode()) if record.partition is None else record.partition)
        held = self._partitions.get(place)
        if held is None:
            held = self._partitions[place] = []
            self._by_topic.setdefault(record.topic, []).append(place)
        held.append(self.stored(place, record, len(held)))
        for group in self._readers.get(record.topic, ()):
            group.added += 1
        self._appended(record)

    def stored(self, place: Place, record: Record, offset: int) -> Stored:
        """Return a record as it lies in its partition."""
        headers: Any = tuple((name, value.encode()) for name, value in record.headers.items())
        return Stored(place.topic, place.partition, offset, record.key, record.body, headers, self.written_at())

    def written_at(self) -> int:
        """Return when a record is written now, in milliseconds since 1970."""
        return int(self._now().timestamp() * 1e3)

    def read(self, place: Place, position: int, count: int) -> list[Stored]:
        """Return records from a position on."""
        return self._partitions.get(place, [])[position : position + count]

    def used(self, topics: Iterable[str]) -> list[Place]:
        """Return the partitions of these topics that hold anything."""
        return [place for name in topics for place in self._by_topic.get(name, ())]

    def end(self, place: Place) -> int:
        """Return the offset after the last record."""
        return len(self._partitions.get(place, []))


@dataclass(eq=False)
class Consumer:
    """What a link sees of the client library's consumer. A member of a generation that is over can't commit; `moves` counts its moves."""

    group: "Group"
    generation: int = 0
    places: frozenset[Place] = frozenset()
    positions: dict[Place, int] = field(default_factory=dict)
    stopped: set[Place] = field(default_factory=set)
    moves: int = 0
    _seen: tuple[tuple[int, int], list[Place]] = ((-1, -1), [])

    def assignment(self) -> frozenset[Place]:
        """Return what it may read."""
        return self.places

    def paused(self) -> set[Place]:
        """Return where it takes nothing for now."""
        return set(self.stopped)

    def pause(self, *places: Place) -> None:
        """Take nothing there for now."""
        self.stopped |= set(places)
        self.moves += 1

    def resume(self, *places: Place) -> None:
        """Take records there again."""
        self.stopped -= set(places)
        self.moves += 1

    async def commit(self, offsets: dict[Place, int]) -> None:
        """Commit offsets.

        Raises:
            CommitFailedError: the group went on without this member.
        """
        if self.generation != self.group.generation or self not in self.group.members:
            raise CommitFailedError("another generation")
        self.group.committed |= offsets

    def unread(self) -> list[Place]:
        """Return where there is something to read; it is looked for anew only after something moved."""
        stamp = (self.group.added, self.moves)
        if stamp != self._seen[0]:
            self._seen = (stamp, self._unread())
        return self._seen[1]

    def _unread(self) -> list[Place]:
        if not self.places:
            return []
        topics, stopped = self.group.topics, self.stopped
        return [p for p in topics.used(self.group.names) if p in self.places and p not in stopped and self._position(p) < topics.end(p)]

    def take(self, place: Place, count: int) -> list[Stored]:
        """Read on."""
        at = self._position(place)
        found = self.group.topics.read(place, at, count)
        self.positions[place] = at + len(found)
        self.moves += 1
        return found

    def back(self, records: Sequence[Stored]) -> None:
        """Read these again, where they are still this member's."""
        self.moves += 1
        for record in reversed(records):
            place = Place(record.topic, record.partition)
            if place in self.places:
                self.positions[place] = min(self.positions.get(place, record.offset), record.offset)

    def _position(self, place: Place) -> int:
        at = self.positions.get(place)
        if at is None:
            at = self.positions[place] = self.group.committed.get(place, 0)
        return at


@dataclass
class Group:
    """The members of one service's group, and what they committed; `added` counts what was added to its topics."""

    topics: Topics
    names: Sequence[str]
    generation: int = 0
    members: list[Consumer] = field(default_factory=list)
    committed: dict[Place, int] = field(default_factory=dict)
    added: int = 0

    def __post_init__(self) -> None:
        self.topics.read_by(self)

    def balance(self, members: Sequence[Consumer]) -> None:
        """Begin a generation with these members: the services' own assignor says who reads what."""
        self.generation += 1
        self.members = list(members)
        named = {f"{number:03}": SimpleNamespace(subscription=list(self.names)) for number in range(len(self.members))}
        given = broker.ASSIGNOR.assign(SimpleNamespace(partitions_for_topic=_partitions), named) if named else {}
        for name, member in zip(named, self.members, strict=True):
            member.generation, member.stopped, member.positions, member.moves = self.generation, set(), {}, member.moves + 1
            member.places = frozenset(Place(topic, partition) for topic, numbers in given[name].assignment for partition in numbers)


def _partitions(_: str) -> set[int]:
    return set(range(PARTITIONS))


class _Batch:
    """Records for one partition, as the client library takes them together."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes, Headers]] = []

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: Headers) -> bool:
        """Take a record; there is always room. When it is, the broker says."""
        assert timestamp is None
        self.records.append((key, value, headers))
        return True

    def close(self) -> None:
        """Take no more."""


class Producer:
    """What a link sees of the client library's producer: records of one call to publish arrive together, or only some of them."""

    def __init__(
        self,
        append: Callable[[Record], None],
        line: Line,
        arrives: Callable[[Sequence[Record], bool], Sequence[Record]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._add, self._line, self._arrives, self._spawn = append, line, arrives, spawn
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []

    def create_batch(self) -> _Batch:
        """Return an empty batch."""
        return _Batch()

    async def send_batch(self, batch: _Batch, topic: str, *, partition: int) -> Awaitable[Any]:
        """Take a batch, and return what is done when it is confirmed."""
        return asyncio.gather(*(self._take(topic, partition, key, value, headers) for key, value, headers in batch.records))

    async def send(self, topic: str, value: bytes, *, key: bytes, headers: Headers) -> Awaitable[Any]:
        """Take a record of a compacted topic, and return what is done when it is confirmed."""
        return self._take(topic, None, key, value, headers)

    def _take(self, topic: str, partition: int | None, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[None]:
        text = {name: word.decode() for name, word in headers}
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((Record(UUID(text["ce_id"]), topic, key, text, value, partition), confirmed))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin)
        return confirmed

    def _begin(self) -> None:
        sending, self._waiting = self._waiting, []
        self._spawn(self._send(sending))

    async def _send(self, sending: list[tuple[Record, asyncio.Future[None]]]) -> None:
        records = [record for record, _ in sending]
        try:
            await self._line.reach("publish", lambda: self._append(records))
        except ConnectionError as error:
            _finish(sending, error)
        else:
            _finish(sending, None)

    def _append(self, records: Sequence[Record]) -> None:
        arriving = self._arrives(records, self._line.dead)
        for record in arriving:
            self._add(record)
        if len(arriving) < len(records):
            raise ConnectionError("the connection broke after some records")

    @property
    def broker(self) -> Any:
        """What stands in for the framework's broker."""
        return SimpleNamespace(config=SimpleNamespace(producer=SimpleNamespace(_producer=SimpleNamespace(producer=self))))


def _finish(sending: list[tuple[Record, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, confirmed in sending:
        if confirmed.done():
            continue
        if error:
            confirmed.set_exception(error)
        else:
            confirmed.set_result(None)
