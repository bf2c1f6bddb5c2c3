"""`python -m tests.saga.mutants`: the protocol broken on purpose, one way at a time; some history must say so each time.

Prints a line for each mutant with the seed and the invariant that caught it, and how many of them were caught. Exit code 1 if one was not.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing import get_context
from typing import Any, TextIO

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from msgspec.structs import replace
from tests.saga.grounds import compared

from tuntas.contracts.base import Message
from tuntas.contracts.executor import EndResult, ExecutionEnded
from tuntas.contracts.ids import derive
from tuntas.executor import core as executing
from tuntas.executor import declare as declaring
from tuntas.executor import forward
from tuntas.executor import tally as tallying
from tuntas.executor.run import Run
from tuntas.executor.state import GONE, Attempt, AttemptStatus
from tuntas.kit.connector import asking, undoing
from tuntas.kit.connector import core as connecting
from tuntas.kit.connector.effects import Effects, State
from tuntas.kit.decision import Decision, Wake
from tuntas.kit.errors import Transient
from tuntas.kit.messaging import broker, unit_of_work
from tuntas.kit.messaging.broker import Link
from tuntas.kit.messaging.runtime import Runtime
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.persistence import postgres
from tuntas.kit.persistence.store import Store
from tuntas.local.stack import Backends
from tuntas.saga import closing, halting, refunds, rollback
from tuntas.saga.state import Effect
from tuntas.testkit.simulate import Found, positive, run
from tuntas.trust import holds


def patch(target: Any, name: str, value: Any) -> None:
    """Replace something for the rest of this process."""
    setattr(target, name, value)


# What is decided


def forgets_the_last_attempt() -> None:
    """The tally leaves out what was declared last."""
    send = Run.send

    def forgetful(self: Run, message: Message) -> None:
        send(self, message.model_copy(update={"tally": message.tally[:-1]}) if isinstance(message, ExecutionEnded) else message)

    patch(Run, "send", forgetful)


def does_not_halt() -> None:
    """A cancel rolls back at once, without asking the executor."""
    patch(halting, "halt", closing.roll_back)


def says_undone_without_asking() -> None:
    """An undo is answered without a call."""
    patch(undoing, "_cancel", lambda state, effect, _: undoing.nothing(state, effect))


def acts_under_a_new_key_each_time() -> None:
    """Tries of one attempt have keys of their own."""
    patch(asking, "_intention", lambda effect, _: derive(effect.key, effect.calls))


def keeps_the_money_reserved() -> None:
    """A closing does not release the hold."""
    patch(holds, "settling", lambda state, number, kept: state.model_copy(update={"closing": number, "kept": kept}))


def forgets_a_timer() -> None:
    """Nothing wakes an undo that is open."""
    patch(undoing, "_wake", lambda effect, _: Wake(f"undo:{effect.key}"))


def starts_the_irreversible_first() -> None:
    """A pivot waits only for what it acts on."""
    patch(declaring, "awaited", lambda _, step: {step.acts_on} if step.acts_on else set())


def takes_the_ceiling_for_the_price() -> None:
    """Receipts say what was planned."""
    patch(Effect, "price", property(lambda effect: effect.declaration.at_risk))


def forgets_the_tombstone() -> None:
    """An undo that comes before its action leaves nothing."""
    undo = undoing.undo

    def traceless(specs: Any, state: Effects, message: Any, context: Any) -> Decision[Effects]:
        decided = undo(specs, state, message, context)
        return Decision(state, decided.out) if message.key not in state.effects else decided

    patch(undoing, "undo", traceless)


def purges_tombstones_early() -> None:
    """What guards against a late action is gone by the next command of the task."""
    started = connecting._Connector.on_step_started

    def tidy(self: Any, state: Effects | None, message: Any, context: Any) -> Decision[Effects]:
        guards = {key for key, e in state.effects.items() if e.state is State.TOMBSTONE} if state else set()
        kept = state and state.model_copy(update={"effects": {k: e for k, e in state.effects.items() if k not in guards}})
        return started(self, kept, message, context)

    patch(connecting._Connector, "on_step_started", tidy)


def undoes_in_the_order_of_doing() -> None:
    """What others need is undone first."""
    patch(rollback, "_blocks", lambda effect, other, _: other.declaration.start < effect.declaration.start)


def takes_unknown_for_failed() -> None:
    """A lost answer counts as a refusal."""
    answered = asking.answered

    def sure(specs: Any, state: Any, effect: Any, event: Any, context: Any) -> Decision[Effects]:
        refusal = {"outcome": "refused", "code": "unavailable", "found": True}
        lost = event.lost and event.call.kind == "act"
        return answered(specs, state, effect, replace(event, result=refusal, lost=False) if lost else event, context)

    patch(asking, "answered", sure)


def rolls_back_with_a_pivot_in_doubt() -> None:
    """Nobody looks whether an irreversible step may have happened."""
    patch(closing, "_stays", lambda *_: False)
    patch(executing, "_halted", _halted_in_any_case)


def _halted_in_any_case(run_: Run, _: Any) -> None:
    if run_.state.status == "ended":
        tallying.tell(run_)
    else:
        tallying.end(run_, EndResult.HALTED, "cancelled")


def tries_again_while_the_first_is_in_doubt() -> None:
    """An attempt without an answer counts as gone."""
    doubtful = GONE | {AttemptStatus.IN_DOUBT, AttemptStatus.RELEASING}
    patch(Attempt, "gone", property(lambda attempt: attempt.status in doubtful))


def takes_not_found_for_undone() -> None:
    """A provider that does not know a request yet proves that it never comes."""

    def trusting_(_: Any, state: Any, effect: Any, __: Any, *, settled: bool) -> Decision[Effects]:
        del settled
        return undoing.nothing(state, effect)

    patch(undoing, "unfound", trusting_)


def settles_a_budget_twice() -> None:
    """A second closing counts what the first one counted as well."""
    settling = holds.settling
    patch(holds, "settling", lambda state, number, kept: settling(state.model_copy(update={"kept": {}}), number, kept))


def goes_on_after_the_end() -> None:
    """A halted execution declares what is left."""
    patch(executing, "_halted", _halted_and_goes_on)


def _halted_and_goes_on(run_: Run, message: Any) -> None:
    if run_.state.status == "ended":
        tallying.tell(run_)
        return
    tallying.tell(run_)
    del message
    forward.go_on(run_)


def lets_money_go_above_the_ceiling() -> None:
    """The payment connector does not look at what was approved."""
    patch(connecting, "authorized", lambda _, __, state, message, *___: max(state.revision, message.declaration.revision))
    patch(forward, "within_ceiling", lambda *_: True)


# How it is kept and sent


def gives_back_what_the_fee_took() -> None:
    """A leg that is given up is paid back whole, whatever its provider keeps."""
    patch(refunds, "fee_of", lambda _: None)


def forgets_what_it_gave_back() -> None:
    """A payment's part that came back is not remembered: it is given back again."""
    given = rollback._given_back

    def forgetful(turn: Any, effect: Effect, part: Any) -> None:
        given(turn, effect, part)
        turn.put(turn.saga.effects[effect.key].but(returned=None))

    patch(rollback, "_given_back", forgetful)


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

    def forgetful(self: Store[Any], rows: Any) -> None:
        remember(self, [replace(row, fresh=[], seen=frozenset()) for row in rows])

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

MUTANTS: Mapping[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        forgets_the_last_attempt,
        does_not_halt,
        says_undone_without_asking,
        acts_under_a_new_key_each_time,
        keeps_the_money_reserved,
        forgets_a_timer,
        starts_the_irreversible_first,
        takes_the_ceiling_for_the_price,
        forgets_the_tombstone,
        purges_tombstones_early,
        undoes_in_the_order_of_doing,
        takes_unknown_for_failed,
        rolls_back_with_a_pivot_in_doubt,
        tries_again_while_the_first_is_in_doubt,
        takes_not_found_for_undone,
        settles_a_budget_twice,
        goes_on_after_the_end,
        lets_money_go_above_the_ceiling,
        gives_back_what_the_fee_took,
        forgets_what_it_gave_back,
        publishes_before_the_commit,
        commits_offsets_first,
        leaves_leftovers,
        balances_by_round_robin,
        keeps_no_outputs,
        never_looks_for_lost_calls,
        forgets_what_it_counted,
        trusts_its_memory,
        writes_over_what_another_wrote,
        fires_what_was_cancelled,
        cancels_no_timer,
        decides_a_batch_twice,
        *ON_SERVERS,
    )
}


def plant(name: str) -> None:
    """Break the protocol in this process."""
    MUTANTS[name]()


def _say(line: str, stream: TextIO | None = None) -> None:
    print(line, file=stream, flush=True)


def main() -> int:
    """Try each mutant; exit code 1 if one is not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.saga.mutants", description=__doc__)
    parser.add_argument("--histories", type=positive, default=20_000, help="at most so many for each")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=MUTANTS, help="one of them")
    given = parser.parse_args()
    names = [given.only] if given.only else list(MUTANTS)
    caught = 0
    with ExitStack() as stack:
        servers = stack.enter_context(Backends("mutants")) if any(MUTANTS[name] in ON_SERVERS for name in names) else None
        for name in names:
            begun = time.monotonic()
            played, found = _tried(name, given.histories, given.jobs, servers)
            caught += found is not None
            said = f"seed {found.seed}, {found.invariant}" if found else "NOT CAUGHT"
            _say(f"{name}: {said} ({played} histories, {time.monotonic() - begun:.0f} s)")
    _say(f"{caught} of {len(names)} caught")
    return 0 if caught == len(names) else 1


def _tried(name: str, histories: int, jobs: int, servers: Backends | None) -> tuple[int, Found | None]:
    planted = partial(plant, name)
    if servers is None or MUTANTS[name] not in ON_SERVERS:
        return run(0, histories, "runtime", jobs, planted)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=planted) as pool:
        return pool.submit(compared, servers.dsn, servers.bootstrap, 0, histories).result()


if __name__ == "__main__":
    sys.exit(main())
