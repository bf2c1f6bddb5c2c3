"""One transaction for all a batch changes: claim what may be decided, load, decide purely, write. What it returns is published after."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from tuntas.contracts.base import Frozen
from tuntas.contracts.ids import call_id
from tuntas.kit.decision import Answered, Core, Fired
from tuntas.kit.errors import Transient
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.fold import Event, Unit, fired, fold
from tuntas.kit.messaging.wire import Record, partition_of
from tuntas.kit.persistence.database import Changes, Database, Parcel, Session, Timer, Work
from tuntas.kit.persistence.store import Clock, Store

S = TypeVar("S", bound=Frozen)

LEASE_MARGIN_SECONDS = 2.0
"""How long after a call's deadline its row is taken for lost."""

_TRANSACTION_SECONDS = 15.0


@dataclass(slots=True)
class UnitOfWork(Generic[S]):
    """The transactions of one service. `published` are parcels whose outputs reached the log; their rows go with the next transaction."""

    service: str
    core: Core[S]
    store: Store[S]
    database: Database
    clock: Clock = field(default_factory=Clock)
    published: list[UUID] = field(default_factory=list)

    async def process(self, events: Sequence[Event]) -> tuple[Unit[S], list[UUID]]:
        """Decide a batch in one transaction; return what was decided and the parcels its outputs lie in.

        Everything or nothing is kept; a repeat of it after a failure is safe. If a row in memory turns out to be old, or a task not to be
        new, all is decided again on what is there.
        """
        try:
            return await self._decided(events, self._new(events))
        except Transient:
            return await self._decided(events, frozenset())

    def _new(self, events: Sequence[Event]) -> frozenset[UUID]:
        """Return the tasks that this batch seems to begin: a row of theirs is not looked for."""
        return frozenset(event.task_id for event in events if self.core.begins(event.body))

    async def _decided(self, events: Sequence[Event], new: frozenset[UUID]) -> tuple[Unit[S], list[UUID]]:
        gone = list(self.published)
        try:
            async with asyncio.timeout(_TRANSACTION_SECONDS), self.database.session(wide=self._wide(events)) as session:
                unit, parcels = await self.decide(session, events, new, gone)
        except BaseException:
            self.store.forget()
            raise
        self.published = self.published[len(gone) :]
        self.store.remember(unit.changed.values(), self.core.ends)
        pass_point(self.service, "committed")
        return unit, [parcel.id for parcel in parcels]

    def _wide(self, events: Sequence[Event]) -> bool:
        """Say whether more than one statement has to hold together; one is a transaction by itself."""
        return self.store.wide or any(isinstance(event.body, (Fired, Answered)) for event in events)

    async def decide(
        self, session: Session, events: Sequence[Event], new: frozenset[UUID], gone: Sequence[UUID]
    ) -> tuple[Unit[S], list[Parcel]]:
        """Decide a batch in a session of the caller's, who commits it. Tasks in `new` are not looked for, parcels in `gone` are deleted."""
        at = await self.clock.ask(session)
        live = [event for event in await _claimed(session, events, at) if self.core.handles(event.body)]
        rows = await self.store.rows_for(session, live, new)
        unit = fold(self.core, self.service, rows, live, at)
        changed, parcels = list(unit.changed.values()), packed(unit.records, at)
        pass_point(self.service, "before_commit")
        changes = Changes(self.store.written(changed), _timers(unit), _work(unit, at), parcels, gone)
        await session.write(self.store.table, changes)
        await self.store.beside(session, changed)
        return unit, parcels

    async def leftovers(self, partitions: Sequence[int], older_than_seconds: float, limit: int = 100) -> list[Parcel]:
        """Return parcels that were committed and not published, oldest first: after a crash they are the delivery (protocol R8)."""
        before = self.clock.now() - timedelta(seconds=older_than_seconds)
        return await self.database.leftovers(partitions, before, self.published, limit)

    async def lost_calls(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID]) -> list[tuple[datetime, Event]]:
        """Return calls whose lease ends before an instant as answers that are lost then, but not those still out in this process."""
        return [(work.lease_until, _lost(work)) for work in await self.database.lost_calls(partitions, before, known)]

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Event]:
        """Return the timers due before an instant, soonest first."""
        return [
            fired(timer.task_id, timer.tenant, timer.purpose, timer.due_at, timer.traceparent)
            for timer in await self.database.timers(partitions, before)
            if timer.due_at
        ]


def _lost(work: Work) -> Event:
    return Event(work.task_id, work.tenant, work.call_id, Answered(work.call, code="lease_over", lost=True), work.traceparent)


async def _claimed(session: Session, events: Sequence[Event], now: datetime) -> list[Event]:
    """Keep messages, and those timers and calls that could be taken: what was cancelled or decided elsewhere is gone."""
    timers = [(e.task_id, e.body.purpose, e.body.due_at) for e in events if isinstance(e.body, Fired)]
    calls = [e.cause for e in events if isinstance(e.body, Answered)]
    won = await session.claim(timers, calls, now) if timers or calls else set()
    return [e for e in events if not isinstance(e.body, (Fired, Answered)) or e.cause in won]


def _timers(unit: Unit[Any]) -> list[Timer]:
    return [
        Timer(task, purpose, event.tenant, partition_of(task), at, event.traceparent)
        for (task, purpose), (event, at) in unit.timers.items()
    ]


def _work(unit: Unit[Any], at: datetime) -> list[Work]:
    return [
        Work(
            call_id(call.key, call.number),
            event.task_id,
            event.tenant,
            partition_of(event.task_id),
            call,
            at + timedelta(seconds=call.deadline_seconds + LEASE_MARGIN_SECONDS),
            event.traceparent,
        )
        for event, call in unit.calls
    ]


def packed(records: Iterable[Record], at: datetime) -> list[Parcel]:
    """Pack outputs by the partition of their key: that is what ownership, and so delivery after a crash, goes by."""
    places: dict[int, list[Record]] = {}
    for record in records:
        place = partition_of(record.key.decode()) if record.partition is None else record.partition
        places.setdefault(place, []).append(record)
    return [Parcel(uuid4(), partition, each, at) for partition, each in places.items()]
