"""`python -m tests.saga.mutants`: the protocol broken on purpose, one way at a time; some history must say so each time.

Prints a line for each mutant with the seed and the invariant that caught it, and how many of them were caught. Exit code 1 if one was not.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from typing import Any, TextIO

from msgspec.structs import replace
from tests.saga.grounds import compared
from tests.saga.mutants_kept import KEPT, ON_SERVERS, patch

from tuntas.contracts.base import Message
from tuntas.contracts.executor import EndResult, ExecutionEnded
from tuntas.contracts.ids import derive
from tuntas.executor import core as executing
from tuntas.executor import forward
from tuntas.executor import run as running
from tuntas.executor import tally as tallying
from tuntas.executor.run import Run
from tuntas.executor.state import GONE, Attempt, AttemptStatus
from tuntas.kit.connector import asking, undoing
from tuntas.kit.connector import core as connecting
from tuntas.kit.connector.effects import Effects, State
from tuntas.kit.decision import Decision, Wake
from tuntas.local.stack import Backends
from tuntas.saga import closing, halting, refunds, rollback
from tuntas.saga.state import Effect
from tuntas.testkit.simulate import Found, positive, run
from tuntas.trust import holds

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
    patch(running, "_awaited", lambda _, step: frozenset({step.acts_on} if step.acts_on else ()))


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
        *KEPT,
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
