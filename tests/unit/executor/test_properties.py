"""Whatever is heard, in whatever order: the invariants of protocol 4 that are the executor's, checked from messages alone."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.executor.conftest import Trip, hotel

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Clocks, Outcome, StepReplied, StepStarted
from tuntas.contracts.executor import AttemptReleased, EndResult, ExecutionEnded, ExecutionReopen, StepRetry
from tuntas.contracts.plan import StepKind
from tuntas.contracts.planner import PlanAmend, PlanInfeasible
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.trust import PlanDenied

CODES = ("sold_out", "hold_expired", "declined", "unavailable", "no_pets", "cancelled_by_provider", "user_timeout")
NOT_YET = (Outcome.PENDING, Outcome.UNKNOWN, Outcome.NEEDS_USER)
GONE = {Outcome.REFUSED, Outcome.UNDONE}
STEPS = 60


class World:
    """An executor among honest parties: a connector that refused does not succeed, a released attempt has no effect."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.trouble = self.random.choice([0.1, 0.4, 1.0])
        self.trip = Trip("any", pivot=self.random.random() < 0.6)
        self.told: dict[UUID, Outcome] = {}
        self.declared: dict[UUID, StepStarted] = {}
        self.asked: list[AttemptRelease] = []
        self.ended: ExecutionEnded | None = None
        self.epoch = 1
        self.met: Counter[str] = Counter()
        plan = self.trip.plan(hotels=(hotel("h1"),)) if self.random.random() < 0.5 else self.trip.plan()
        self.look(self.trip.approve(plan))

    def go(self) -> None:
        """Let one thing happen that can happen now."""
        acts = {act: weight for act, weight in self.acts().items() if weight}
        act = self.random.choices(list(acts), list(acts.values()))[0]
        act()
        self.every_state_has_a_timer()
        self.the_state_survives_storing()

    def acts(self) -> Mapping[Callable[[], None], float]:
        status, ended = self.trip.state.status, self.ended
        can_reopen = ended and ended.result in (EndResult.FINISHED, EndResult.STUCK)
        return {
            self.done: 8 * bool(self.waiting()),
            self.refused: 1.5 * self.trouble * bool(self.waiting()),
            self.not_yet: 1.5 * self.trouble * bool(self.waiting()),
            self.taken_back: 0.6 * self.trouble * (Outcome.DONE in self.told.values()),
            self.fire: 2 * self.trouble * bool(self.trip.timers),
            self.release: 3 * bool(self.asked),
            self.halt: 2 if self.trip.state.pivot_open else 0.2 * self.trouble,
            self.retry: 0.2,
            self.amended: 3 * (status == "amending"),
            self.reopen: 2 * bool(can_reopen),
        }

    def over(self) -> bool:
        """Say whether nothing but repeats can follow."""
        return self.ended is not None and self.ended.result in (EndResult.FAILED, EndResult.HALTED) and self.random.random() < 0.2

    def waiting(self) -> list[UUID]:
        return [key for key in self.declared if self.told.get(key) not in {*GONE, Outcome.DONE}]

    def tell(self, key: UUID, outcome: Outcome, **more: Any) -> None:
        said, seq = self.declared[key].declaration, self.trip.seqs.get(str(key), 0) + 1
        self.trip.seqs[str(key)], self.told[key] = seq, outcome
        reply = StepReplied(step_id=said.step_id, attempt=said.attempt, key=key, seq=seq, outcome=outcome, **more)
        self.look(self.trip.given(reply))
        if self.random.random() < 0.1:
            self.look(self.trip.given(reply))

    def done(self) -> None:
        seconds = self.random.choice([None, None, None, 1, 60, 600])
        until = None if seconds is None else self.trip.now + timedelta(seconds=seconds)
        self.tell(self.random.choice(self.waiting()), Outcome.DONE, clocks=Clocks(space_until=until))

    def refused(self) -> None:
        self.tell(self.random.choice(self.waiting()), Outcome.REFUSED, code=self.random.choice(CODES))

    def not_yet(self) -> None:
        self.tell(self.random.choice(self.waiting()), self.random.choice(NOT_YET))

    def taken_back(self) -> None:
        """The other side cancels what can be cancelled."""
        keys = [k for k, o in self.told.items() if o is Outcome.DONE and self.declared[k].declaration.kind is not StepKind.PIVOT]
        if keys and not self.ended:
            self.tell(self.random.choice(keys), Outcome.REFUSED, code=self.random.choice(CODES))

    def fire(self) -> None:
        due = sorted(self.trip.timers, key=lambda p: (self.trip.timers[p], p))
        self.look(self.trip.fire(due[0] if self.random.random() < 0.9 else self.random.choice(due)))

    def release(self) -> None:
        stuck, keys = self.random.random() < 0.1, tuple(d.key for d in self.asked.pop(0).declarations)
        if not stuck:
            self.told.update(dict.fromkeys(keys, Outcome.UNDONE))
        self.look(self.trip.given(AttemptReleased(keys=keys, stuck=stuck)))

    def halt(self) -> None:
        self.look(self.trip.halt(self.epoch))

    def retry(self) -> None:
        steps = sorted({c.declaration.step_id for c in self.declared.values()})
        self.look(self.trip.given(StepRetry(step_id=self.random.choice(steps))))

    def amended(self) -> None:
        wanted, how = self.trip.last(PlanAmend).revision + 1, self.random.random()
        if how < 0.1:
            self.look(self.trip.given(PlanDenied(revision=wanted, code="over_budget")))
        elif how < 0.2:
            self.look(self.trip.given(PlanInfeasible(revision=wanted, code="no_offer")))
        else:
            hotels = self.trip.plan().leg("hotel").offers if how < 0.4 else (hotel(f"r{wanted}"), hotel(f"s{wanted}", 999, "villa"))
            forward_by = self.trip.now + timedelta(minutes=20)
            self.look(self.trip.approve(self.trip.plan(hotels=hotels, revision=wanted), forward_by=forward_by))

    def reopen(self) -> None:
        """The coordinator takes it up again: with all that is alive, or having lost the hotel."""
        assert self.ended
        self.epoch, lose = self.epoch + 1, self.random.random() < 0.6
        gone = {e.key for e in self.ended.tally if lose and e.step_id == "hotel.confirm" and self.told.get(e.key) is Outcome.DONE}
        self.told.update(dict.fromkeys(gone, Outcome.UNDONE))
        alive = tuple(e for e in self.ended.tally if e.key not in gone and e.outcome not in GONE)
        self.ended, legs = None, ("hotel",) if gone else ()
        self.look(self.trip.given(ExecutionReopen(epoch=self.epoch, alive=alive, lost_legs=legs, code="cancelled_by_provider")))

    def look(self, sent: list[Message]) -> None:
        """Check each message in order."""
        assert self.trip.refused == []
        for message in sent:
            self.met[message.wire_type] += 1
            if isinstance(message, StepStarted):
                self.on_started(message)
            elif isinstance(message, ExecutionEnded):
                self.on_ended(message)
            elif isinstance(message, AttemptRelease):
                assert not any(d.kind is StepKind.PIVOT for d in message.declarations), "a pivot is never released"
                self.asked.append(message)
        self.met[self.trip.state.status] += 1

    def on_started(self, message: StepStarted) -> None:
        key, said = message.declaration.key, message.declaration
        assert self.ended is None, "an ended epoch never declares"
        if known := self.declared.get(key):
            same = {"tried": 0}
            assert known.model_copy(update=same).model_dump_json() == message.model_copy(update=same).model_dump_json(), "P3"
            return
        others = [k for k, c in self.declared.items() if c.declaration.step_id == said.step_id]
        assert all(self.told.get(k) in GONE for k in others), "P2"
        assert said.kind is not StepKind.PIVOT or self.rest_is_done(), "P9"
        assert (said.start, said.epoch) == (len(self.declared) + 1, self.epoch)
        assert self.trip.state.status != "deciding", "deciding declares nothing"
        self.declared[key] = message

    def rest_is_done(self) -> bool:
        last = {c.declaration.step_id: k for k, c in self.declared.items()}
        needed = [s.step_id for s in self.trip.plan().steps if s.kind is StepKind.COMPENSATABLE]
        return all(step in last and self.told.get(last[step]) is Outcome.DONE for step in needed)

    def on_ended(self, message: ExecutionEnded) -> None:
        before, self.ended = self.ended, message
        assert before is None or before == message, "the same tally again"
        assert [e.key for e in message.tally] == list(self.declared), "P4"
        assert all((e.declaration is None) == (message.result is EndResult.FINISHED) for e in message.tally)
        self.met[message.result] += before is None
        self.met.update({rung.partition(":")[0]: 1 for rung in message.rungs} if before is None else {})
        if message.result in (EndResult.FAILED, EndResult.HALTED):
            pivots = [k for k, c in self.declared.items() if c.declaration.kind is StepKind.PIVOT]
            assert all(self.told.get(k) in GONE for k in pivots), "P8"
        if message.result is EndResult.FINISHED:
            assert all(e.outcome in {*GONE, Outcome.DONE} for e in message.tally), "P10"
            assert all(self.trip.state.is_done(s.step_id) for s in self.trip.plan().steps)

    def the_state_survives_storing(self) -> None:
        state = self.trip.state
        assert type(state).model_validate_json(state.model_dump_json()) == state

    def every_state_has_a_timer(self) -> None:
        timers, status = self.trip.timers, self.trip.state.status
        behind = {"running": "forward_by", "amending": "amend", "deciding": "reply_by:flight.issue"}.get(status)
        assert behind is None or any(purpose.startswith(behind) for purpose in timers), "P18"
        assert status != "ended" or not timers
        assert (status == "ended") == (self.ended is not None)


def _walk(seed: int) -> World:
    world = World(seed)
    for _ in range(STEPS):
        world.go()
        if world.over():
            break
    return world


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_the_invariants_hold_whatever_is_heard(seed: int) -> None:
    _walk(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=1000, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_the_invariants_hold_in_many_more_histories(seed: int) -> None:
    _walk(seed)


def test_the_walks_meet_every_end_state_and_rung() -> None:
    met: Counter[str] = Counter()
    for seed in range(400):
        met += _walk(seed).met
    states = {"running", "deciding", "amending", "ended"}
    assert {*EndResult, *states, "rehold", "substitute", "amend", "repeat", "tuntas.execution.committed.v1"} <= {*met}
