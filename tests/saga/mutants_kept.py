"""The runtime broken on purpose: how state is kept, outputs are sent, offsets committed, and what PostgreSQL is told."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from msgspec.structs import replace

from tuntas.kit.errors import Transient
from tuntas.kit.messaging import broker, unit_of_work
from tuntas.kit.messaging.broker import Link
from tuntas.kit.messaging.runtime import Runtime
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.persistence import postgres
from tuntas.kit.persistence.store import Store


def patch(target: Any, name: str, value: Any) -> None:
    """Replace something for the rest of this process; what is not there can't be broken."""
    getattr(target, name)
    setattr(target, name, value)


def publishes_before_the_commit() -> None:
    """What is decided is told before it is kept."""
    publishers: dict[int, Any] = {}
    settle, decide = Runtime._settle, UnitOfWork.decide

    async def known(self: Runtime[Any], events: Any, dead: Any) -> None:
        publishers[id(self.work)] = self._deliver
        await settle(self, events, dead)

    async def eager(self: UnitOfWork[Any], session: Any, events: Any, new: Any, gone: Any) -> Any:
        session_write = session.write

        async def told(table: str, changes: Any) -> None:
            if id(self) in publishers:
                await publishers[id(self)]([record for parcel in changes.parcels for record in parcel.records])
            await session_write(table, changes)

        session.write = told
        return await decide(self, session, events, new, gone)

    patch(Runtime, "_settle", known)
    patch(UnitOfWork, "decide", eager)


def commits_offsets_first() -> None:
    """A batch is acknowledged before it is decided."""
    guarded = Link.guarded

    async def early(self: Link, handle: Any, batch: Sequence[Any]) -> None:
        self.done(batch)
        with suppress(Exception):
            await self.commit(now=True)
        await guarded(self, handle, batch)

    patch(Link, "guarded", early)


def commits_beyond_what_waits() -> None:
    """Offsets of what was read and is not decided are committed."""
    patch(Waiting, "floor", lambda *_: None)


def forgets_what_waits_first() -> None:
    """Whoever gives up partitions forgets what waits, and then commits."""
    revoked = Link.on_partitions_revoked

    async def hasty(self: Link, partitions: Any) -> None:
        if partitions:
            self.waiting.clear()
        await revoked(self, partitions)

    patch(Link, "on_partitions_revoked", hasty)


def leaves_leftovers() -> None:
    """What was committed and not published stays in the outbox."""

    async def nothing(*_: Any) -> None:
        """Deliver nothing."""

    patch(Runtime, "_leftovers", nothing)


def balances_by_round_robin() -> None:
    """A task's topics are read by several replicas."""
    patch(broker, "ASSIGNOR", RoundRobinPartitionAssignor)


def keeps_no_outputs() -> None:
    """The outbox is left empty."""
    patch(unit_of_work, "packed", lambda *_: [])


def never_looks_for_lost_calls() -> None:
    """A call whose process died has no answer for ever."""

    async def none(*_: Any) -> list[Any]:
        return []

    patch(UnitOfWork, "lost_calls", none)


def forgets_what_it_counted() -> None:
    """Rows in memory do not know the messages of the last batch."""
    remember = Store.remember

    def forgetful(self: Store[Any], rows: Any, ends: Any) -> None:
        remember(self, [replace(row, fresh=[], seen=frozenset()) for row in rows], ends)

    patch(Store, "remember", forgetful)


def trusts_its_memory() -> None:
    """Rows that another replica changed since are not read again."""
    patch(Store, "forget", lambda _: None)


def writes_over_what_another_wrote() -> None:
    """A row is written as the version after whichever there is."""
    decide = UnitOfWork.decide

    async def blind(self: UnitOfWork[Any], session: Any, events: Any, new: Any, gone: Any) -> Any:
        session_write = session.write

        async def over(table: str, changes: Any) -> None:
            there = {row.task_id: row.version for row in await session.rows(table, self.store.model, [r.task_id for r in changes.rows])}
            await session_write(table, replace(changes, rows=[replace(r, version=there.get(r.task_id, 0)) for r in changes.rows]))

        session.write = over
        return await decide(self, session, events, new, gone)

    patch(UnitOfWork, "decide", blind)


def fires_what_was_cancelled() -> None:
    """A timer or a call that somebody else took is decided again."""

    async def all_(_: Any, events: Sequence[Any], __: Any) -> list[Any]:
        return list(events)

    patch(unit_of_work, "_claimed", all_)


def cancels_no_timer() -> None:
    """A step that was answered is asked for all the same."""
    timers = unit_of_work._timers
    patch(unit_of_work, "_timers", lambda unit: [timer for timer in timers(unit) if timer.due_at])


def decides_a_batch_twice() -> None:
    """After a conflict, the first decision's outputs go out as well."""
    decided = UnitOfWork._decided

    async def twice(self: UnitOfWork[Any], events: Any, new: Any) -> Any:
        try:
            return await decided(self, events, new)
        except Transient:
            return await decided(self, [], frozenset())

    patch(UnitOfWork, "_decided", twice)


# What PostgreSQL is told


def _rewrite(before: str, after: str) -> None:
    """Change a part of the statement that writes a batch."""
    told = postgres.statement

    def rewritten(table: str, *, apart: bool) -> str:
        statement = told(table, apart=apart)
        assert before in statement
        return statement.replace(before, after)

    patch(postgres, "statement", rewritten)


def writes_without_the_fence() -> None:
    """A row is written whichever version it is at."""
    _rewrite("where t.version = excluded.version - 1", "")


def keeps_only_the_last_messages() -> None:
    """A row forgets the messages of earlier batches."""
    _rewrite("seen = t.seen || excluded.seen", "seen = excluded.seen")


def keeps_the_old_timer() -> None:
    """A timer that is set again stays as it was."""
    _rewrite("do update set due_at = excluded.due_at, traceparent = excluded.traceparent", "do nothing")


def cancels_every_timer_of_a_task() -> None:
    """One timer that is cancelled takes the others along."""
    _rewrite("(t.task_id, t.purpose) = (u.task_id, u.purpose)", "t.task_id = u.task_id")


def stores_no_outputs() -> None:
    """What is decided is not kept until it is published."""
    _rewrite("unnest($24::uuid[], $25::int[], $26::int[], $27::bytea[], $28::timestamptz[])", _NO_PARCELS)


_NO_PARCELS = "unnest($24::uuid[], $25::int[], $26::int[], $27::bytea[], $28::timestamptz[]) limit 0"


def deletes_what_others_have_to_publish() -> None:
    """One parcel that was published takes the others along."""
    _rewrite("delete from outbox where id = any($1::uuid[])", "delete from outbox where cardinality($1::uuid[]) > 0")


def takes_a_call_and_leaves_it() -> None:
    """A call whose answer was decided is found lost later."""
    patch(postgres, "_CLAIM_CALLS", "select call_id from work where call_id = any($1::uuid[])")


KEPT = (
    publishes_before_the_commit,
    commits_offsets_first,
    leaves_leftovers,
    commits_beyond_what_waits,
    forgets_what_waits_first,
    balances_by_round_robin,
    keeps_no_outputs,
    never_looks_for_lost_calls,
    forgets_what_it_counted,
    trusts_its_memory,
    writes_over_what_another_wrote,
    fires_what_was_cancelled,
    cancels_no_timer,
    decides_a_batch_twice,
)


ON_SERVERS = (
    writes_without_the_fence,
    keeps_only_the_last_messages,
    keeps_the_old_timer,
    cancels_every_timer_of_a_task,
    stores_no_outputs,
    deletes_what_others_have_to_publish,
    takes_a_call_and_leaves_it,
)
"""These are seen only where PostgreSQL is: their histories are played there, and compared with what they are in memory."""
