"""Any order of commands, answers, losses, timers and webhooks: what is undone is gone, and nothing is said without evidence."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import EffectObserved, Outcome, StepReplied, StepUndone
from tuntas.kit.connector.effects import State
from tuntas.testkit.conformance.bench import FEE, Bench, Case

_FAULTS = st.sampled_from(["", "", "", "lost", "dropped", "unsent", "parked", "sold_out", "late"])
_STEPS = st.sampled_from(["hold", "buy"])
_MOVES = st.one_of(
    st.tuples(st.just("start"), _STEPS),
    st.tuples(st.just("undo"), _STEPS),
    st.tuples(st.just("answer"), _FAULTS),
    st.tuples(st.just("answer"), _FAULTS),
    st.tuples(st.just("pass"), st.sampled_from([0.3, 1.0, 3.0, 20.0])),
    st.tuples(st.just("webhook"), st.just("")),
    st.tuples(st.just("end"), st.sampled_from(["expired", "cancelled"])),
)


@dataclass
class Coordinator:
    """Undoes what it is told to, again with a higher number when something appears that should not be there."""

    bench: Bench
    numbers: dict[str, int] = field(default_factory=dict)
    heard: int = 0

    def undo(self, step: str) -> None:
        self.numbers.setdefault(step, 1)
        self.bench.undo(step, self.numbers[step], limit=FEE)

    def listen(self) -> None:
        news = self.bench.history.sent[self.heard :]
        self.heard = len(self.bench.history.sent)
        for message in news:
            if isinstance(message, EffectObserved) and message.state is Outcome.DONE and message.step_id in self.numbers:
                self.numbers[message.step_id] += 1
                self.undo(message.step_id)
            if isinstance(message, StepUndone) and message.outcome is Outcome.REFUSED and self.numbers[message.step_id] < 9:
                self.numbers[message.step_id] += 1
                self.undo(message.step_id)


def _move(bench: Bench, coordinator: Coordinator, what: str, how: Any) -> None:
    if what == "start":
        bench.start(how)
    elif what == "undo":
        coordinator.undo(how)
    elif what == "answer" and bench.history.calls:
        bench.answer(how, seconds=bench.case.provider.settle_seconds / 2)
    elif what == "pass":
        bench.model.arrive(bench.history.now)
        bench.history.advance(how)
    elif what == "webhook":
        bench.webhook("hold")
    elif what == "end" and bench.model.alive:
        bench.model.end(bench.model.alive[0], how, "hold_expired" if how == "expired" else "cancelled_by_provider")
    _check(bench)


def _check(bench: Bench) -> None:
    assert bench.waits() == []
    assert not bench.history.refused


def _calm(bench: Bench, coordinator: Coordinator) -> None:
    for _ in range(20):
        bench.settle(60)
        coordinator.listen()
        if not bench.history.calls and len(bench.history.sent) == coordinator.heard:
            break


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(_MOVES, min_size=3, max_size=25), fee=st.sampled_from([0, FEE]))
def test_when_all_is_undone_nothing_is_left_and_no_number_falls(case: Case, moves: list[tuple[str, Any]], fee: int) -> None:
    bench = Bench(case, "interleavings", fee=fee)
    coordinator = Coordinator(bench)
    for what, how in moves:
        _move(bench, coordinator, what, how)
        coordinator.listen()
    for step in ("buy", "hold"):
        coordinator.undo(step)
    _calm(bench, coordinator)
    bench.webhook("hold")
    _calm(bench, coordinator)
    assert bench.model.alive == []
    assert all(bench.undo_outcome(step) is Outcome.UNDONE for step in ("hold", "buy"))
    _rising(bench.history.sent)
    assert all(fee_paid <= FEE for fee_paid in bench.model.fees)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(_FAULTS, max_size=12))
def test_what_is_only_started_ends_with_at_most_one_object_and_the_truth_about_it(case: Case, faults: list[str]) -> None:
    bench = Bench(case, "forward")
    bench.start("hold")
    for fault in faults:
        if bench.history.calls:
            bench.answer(fault, seconds=case.provider.settle_seconds / 2)
        bench.history.advance(1)
        _check(bench)
    bench.settle(300)
    alive = len(bench.model.alive)
    assert alive == (bench.outcome("hold") is Outcome.DONE)
    assert bench.effect("hold").state in {State.DONE, State.REFUSED}


def _rising(sent: list[Message]) -> None:
    for kind in (StepReplied, StepUndone):
        latest: dict[Any, int] = {}
        for message in sent:
            if isinstance(message, kind):
                assert message.seq >= latest.get(message.key, 0)
                latest[message.key] = message.seq
