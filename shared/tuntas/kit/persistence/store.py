"""State rows of a batch: lent from memory or loaded, fenced by their version when they are written. A state model has a `status`."""

import asyncio
from collections import OrderedDict
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tuntas.contracts.base import Frozen
from tuntas.kit.persistence.database import Row, Session

S = TypeVar("S", bound=Frozen)

KEPT_ROWS = 4096
"""So many rows of a table stay in memory; the ones used longest ago go first."""


class _Kept(msgspec.Struct, Generic[S], frozen=True):
    """A row as this process committed or read it last. What a version holds never changes, so only being behind can go wrong."""

    tenant: str
    version: int
    state: S
    seen: frozenset[UUID]


class Store(Generic[S]):
    """A state table. One row per task; one writer at a time, because a write of a version that moved on is refused.

    Rows are remembered after the commit: to read them again is only needed after a failure, or when another replica wrote them. `wide`
    says that more than rows is read or written, so that a transaction must hold it together.
    """

    wide: ClassVar[bool] = False

    def __init__(self, table: str, model: type[S]) -> None:
        self.table, self.model = table, model
        self._kept: OrderedDict[UUID, _Kept[S]] = OrderedDict()

    async def load(self, session: Session, keys: Iterable[UUID], new: frozenset[UUID] = frozenset()) -> dict[UUID, Row[S]]:
        """Return the rows of these tasks; tasks without a row are not in the answer. A row that turns out to be old refuses its write.

        Tasks that are taken for `new` are not asked for; one that was not refuses its write as well.
        """
        wanted = dict.fromkeys(keys)
        held = ((key, self._kept.get(key)) for key in wanted)
        rows = {key: Row(key, kept.tenant, kept.version, kept.state, kept.seen, was=kept.state) for key, kept in held if kept}
        if missing := [key for key in wanted if key not in rows and key not in new]:
            rows |= {row.task_id: row for row in await session.rows(self.table, self.model, missing)}
        return rows

    async def rows_for(self, session: Session, events: Sequence[Any], new: frozenset[UUID]) -> dict[UUID, Row[S]]:
        """Load what a batch's events need; a service whose tasks share something loads that as well."""
        return await self.load(session, (event.task_id for event in events), new)

    def kept(self, state: S) -> S:
        """Return what is written of a state; the rest of it was lent for the decision."""
        return state

    def written(self, rows: Iterable[Row[S]]) -> list[Row[S]]:
        """Return rows as they are written."""
        return [replace(row, state=self.kept(row.state)) for row in rows if row.state is not None]

    async def beside(self, session: Session, rows: Sequence[Row[S]]) -> None:
        """Write what a service keeps beside its rows, in the transaction that wrote them (`wide`)."""

    def remember(self, rows: Iterable[Row[S]], ends: Container[str] = ()) -> None:
        """Keep rows in memory as they were committed, but not those whose status is among `ends`."""
        for row in rows:
            if row.state is not None and row.state.status in ends:  # type: ignore[attr-defined]  # every state model has one
                self._kept.pop(row.task_id, None)
            elif row.state is not None:
                self._kept[row.task_id] = _Kept(row.tenant, row.version + 1, self.kept(row.state), row.seen.union(row.fresh))
                self._kept.move_to_end(row.task_id)
        while len(self._kept) > KEPT_ROWS:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Read all rows anew when they are needed next: after a failure nobody knows what was committed."""
        self._kept.clear()


class Clock:
    """The database's clock, by which deadlines are judged, as far as it is ahead of this machine's; asked for now and then."""

    AGAIN_SECONDS = 30.0

    def __init__(self) -> None:
        self._ahead, self._asked_at = timedelta(), float("-inf")

    def now(self) -> datetime:
        """Return the instant it is at the database, as far as is known."""
        return datetime.now(UTC) + self._ahead

    async def ask(self, session: Session) -> datetime:
        """Return the instant it is at the database, give or take half a round trip."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_at > self.AGAIN_SECONDS:
            sent = datetime.now(UTC)
            told = await session.time()
            self._ahead = told - (sent + (datetime.now(UTC) - sent) / 2)
            self._asked_at = loop.time()
        return self.now()
