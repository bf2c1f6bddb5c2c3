"""What a service keeps, as the runtime sees it: rows behind a fence, timers, calls that are out, outputs that must reach the log.

PostgreSQL is one implementation (`tuntas.kit.persistence.postgres`), the simulated world's memory the other.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from tuntas.contracts.base import Frozen
from tuntas.kit.decision import Call
from tuntas.kit.messaging.wire import Record

S = TypeVar("S", bound=Frozen)

PAGE = 10_000
"""So many timers or calls are read at once."""


class Row(msgspec.Struct, Generic[S]):
    """A task's state in this batch. `version` is as loaded, 0 for a new row; `fresh` are the message ids counted in this batch.

    `was` is the state as the table keeps it, its settled fields apart; none if they are not there yet.
    """

    task_id: UUID
    tenant: str
    version: int
    state: S | None
    seen: frozenset[UUID]
    fresh: list[UUID] = msgspec.field(default_factory=list)
    was: S | None = None

    def counted(self, message: UUID) -> bool:
        """Say whether this message has had its effect already."""
        return message in self.seen or message in self.fresh


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A timer as it is to be: due at an instant, or (without one) gone."""

    task_id: UUID
    purpose: str
    tenant: str
    partition: int
    due_at: datetime | None
    traceparent: str


class Work(msgspec.Struct, frozen=True, gc=False):
    """A call that is out: its row is deleted by its answer, or found when its lease is over."""

    call_id: UUID
    task_id: UUID
    tenant: str
    partition: int
    call: Call
    lease_until: datetime
    traceparent: str


class Parcel(msgspec.Struct, frozen=True, gc=False):
    """Outputs of one batch in one partition. It is kept until all of them reached the log."""

    id: UUID
    partition: int
    records: Sequence[Record]
    made_at: datetime


class Shared(msgspec.Struct, frozen=True):
    """A document that several tasks share, such as a person's wallet, as JSON; `version` is the fence, 0 before it is first written."""

    tenant: str
    version: int
    doc: str


class SharedTable(msgspec.Struct, frozen=True):
    """Where shared documents lie, and the name of its key column."""

    name: str
    key: str


class Changes(msgspec.Struct, Generic[S], frozen=True):
    """What a batch writes. `published` are parcels that are no longer needed."""

    rows: Sequence[Row[S]] = ()
    timers: Sequence[Timer] = ()
    work: Sequence[Work] = ()
    parcels: Sequence[Parcel] = ()
    published: Sequence[UUID] = ()


class Session(Protocol):
    """One transaction, or one statement that is a transaction by itself.

    Each method raises what the database raised if that failed or nobody knows whether it did; nothing is kept then.
    """

    @property
    def con(self) -> Any:
        """The connection itself, for what only one service keeps."""

    async def time(self) -> datetime:
        """Return the database's clock."""

    async def claim(self, timers: Sequence[tuple[UUID, str, datetime]], calls: Sequence[UUID], now: datetime) -> set[UUID]:
        """Take timers (task, purpose, instant) that are due and calls: return the cause ids of those that nobody else took."""

    async def rows(self, table: str, model: type[S], keys: Sequence[UUID]) -> list[Row[S]]:
        """Read the rows of these tasks; nothing is locked."""

    async def shared(self, table: SharedTable, keys: Sequence[UUID]) -> dict[UUID, Shared]:
        """Read shared documents and keep them locked until the end of the transaction. `keys` are in order."""

    async def share(self, table: SharedTable, documents: Mapping[UUID, Shared]) -> None:
        """Write shared documents, each as the version after the one it has.

        Raises:
            Transient: `conflict`: another writer was quicker.
        """

    async def write(self, table: str, changes: Changes[Any]) -> None:
        """Write a batch, each row only where its version is the one that was decided on.

        Raises:
            Transient: `conflict`: another writer was quicker with one of the rows; nothing is written.
        """


class Database(Protocol):
    """A service's own database. Partitions are those of the tasks' keys; the caller owns them."""

    def session(self, *, wide: bool) -> AbstractAsyncContextManager[Session]:
        """Lend a session. `wide`: all that is done in it is kept together at its end, or not at all; else each statement by itself."""

    async def leftovers(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID], limit: int) -> list[Parcel]:
        """Return parcels that were made before an instant, oldest first, but not those that are known."""

    async def lost_calls(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID]) -> list[Work]:
        """Return calls whose lease ends before an instant, soonest first, but not those that are known; a page at most."""

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Timer]:
        """Return the timers due before an instant, soonest first; a page at most."""
