"""Messages that may wait for company: they are decided with the next thing that happens to their task, or after a while.

They wait in this process and stay in the log: no offset at or after theirs is committed, so whoever owns the partition next reads them
again. Several messages of a task so become one write of its row (ADR 27).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.kit.messaging.fold import Event

PATIENCE_SECONDS = 3.0
MOST_WAITING = 20_000
"""With more than so many the oldest are decided although they could wait."""
MOST_AT_ONCE = 500
"""So many of those that waited long enough are decided in one batch."""

Place = tuple[str, int]
_At = tuple[str, int, int]


@dataclass(slots=True)
class Waiting:
    """The messages of these kinds that were read and are not decided, in the order they came. Instants are the event loop's, in seconds."""

    kinds: Collection[type[Message]] = frozenset()
    _kept: dict[_At, tuple[float, Event]] = field(default_factory=dict)
    _of: dict[UUID, dict[_At, Event]] = field(default_factory=dict)
    _offsets: dict[Place, set[int]] = field(default_factory=dict)

    def keep(self, events: Iterable[Event], now: float) -> list[Event]:
        """Keep those that may wait, and return the others. Of a task that has one of the others, all that follow it are among them."""
        hurried, urgent = set[UUID](), list[Event]()
        for event in events:
            if type(event.body) in self.kinds and event.origin and not event.aside and event.task_id not in hurried:
                self._add(event, now)
            else:
                hurried.add(event.task_id)
                urgent.append(event)
        return urgent

    def company(self, events: Iterable[Event], now: float) -> list[Event]:
        """Return what is to be decided before these events: what waits for their tasks or waited long enough. It stays until done."""
        tasks = dict.fromkeys(event.task_id for event in events if event.task_id in self._of)
        tasks |= dict.fromkeys(event.task_id for event in self._overdue(now))
        return [event for task in tasks for event in self._of[task].values()]

    def done(self, events: Sequence[Event]) -> None:
        """Forget what was decided."""
        for event in events:
            at = _at(event)
            if self._kept.pop(at, None):
                topic, partition, offset = at
                self._offsets[topic, partition].discard(offset)
                mates = self._of[event.task_id]
                del mates[at]
                if not mates:
                    del self._of[event.task_id]

    def due_at(self) -> float | None:
        """Return when the oldest has waited long enough; none if nothing waits."""
        oldest = next(iter(self._kept.values()), None)
        if oldest is None:
            return None
        return oldest[0] if len(self._kept) > MOST_WAITING else oldest[0] + PATIENCE_SECONDS

    def is_due(self, now: float) -> bool:
        """Say whether any has waited long enough."""
        at = self.due_at()
        return at is not None and at <= now

    def floor(self, place: Place) -> int | None:
        """Return the first offset of a partition that waits; what is committed must not be beyond it."""
        return min(self._offsets.get(place, ()), default=None)

    def clear(self) -> None:
        """Forget all: whoever owns the partitions reads it again."""
        self._kept.clear()
        self._of.clear()
        self._offsets.clear()

    def _add(self, event: Event, now: float) -> None:
        at = _at(event)
        if at not in self._kept:
            self._kept[at] = (now, event)
            self._of.setdefault(event.task_id, {})[at] = event
            self._offsets.setdefault(at[:2], set()).add(at[2])

    def _overdue(self, now: float) -> list[Event]:
        oldest = list(islice(self._kept.values(), MOST_AT_ONCE))
        too_many = len(self._kept) - MOST_WAITING
        return [event for n, (came, event) in enumerate(oldest) if n < too_many or came + PATIENCE_SECONDS <= now]


def _at(event: Event) -> _At:
    record = event.origin
    return record.topic, record.partition, record.offset
