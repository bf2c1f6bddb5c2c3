"""Whatever arrives, in whatever order: the invariants of the protocol hold after every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Outcome, StepUndo
from tuntas.contracts.executor import EndResult, ExecutionCommitted, ExecutionHalt, ExecutionReopen
from tuntas.contracts.saga import AttemptRelease, CancelAnswered, SagaEnded, SagaNeedsAttention, SagaReopened
from tuntas.saga.state import Saga

STEPS = ("hotel.hold", "flight.hold", "payment.authorize", "hotel.confirm", "flight.issue", "payment.capture")
DEPENDENTS = {
    "hotel.hold": {"payment.authorize", "hotel.confirm", "payment.capture"},
    "flight.hold": {"payment.authorize", "hotel.confirm", "payment.capture"},
    "payment.authorize": {"hotel.confirm", "payment.capture"},
    "hotel.confirm": {"payment.capture"},
}
AT_LEAST_ONE_TIMER = {"open": ("backstop",), "reopened": ("reopen", "backstop"), "halting": ("halt",), "compensating": ("undo:",)}

steps = st.sampled_from(STEPS)
outcomes = st.sampled_from(Outcome)
operation = st.one_of(
    st.tuples(st.just("declare"), steps),
    st.tuples(st.just("end"), st.sampled_from(EndResult), st.dictionaries(steps, outcomes), st.integers(0, 1)),
    st.tuples(st.just("undone"), steps, outcomes, st.integers(0, 1), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("observe"), steps, outcomes, st.integers(1, 9), st.sampled_from(["success_after_undo", "refund_failed"])),
    st.tuples(st.just("release"), st.lists(steps, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("repair"), st.sampled_from(["retry", "skip", "mark_done", "accept_fee", "force"]), st.none() | steps),
    st.tuples(st.just("timer"), st.integers(0, 5)),
    st.tuples(st.just("repeat")),
)


@dataclass
class Watched:
    """A history with the invariants checked after every step. `mentioned`: keys that may be undone before a tally (protocol P5)."""

    task: Any
    closings: int = 0
    numbers: dict[UUID, int] = field(default_factory=dict)
    mentioned: set[UUID] = field(default_factory=set)
    cancels: int = 0
    forced: bool = False

    @property
    def state(self) -> Saga | None:
        row = self.task.rows.get(self.task.task_id)
        return row.state if row else None

    def apply(self, op: tuple[Any, ...]) -> None:
        before = self.state
        sent = OPERATIONS[op[0]](self, *op[1:])
        self.check(before, sent)

    def check(self, before: Saga | None, sent: list[Message]) -> None:
        assert "decision_failed" not in self.task.refused
        after = self.state
        if after is None:
            assert sent == []
            return
        assert Saga.model_validate_json(after.model_dump_json()) == after
        for message in sent:
            CHECKS.get(type(message), lambda *_: None)(self, message, after)
        self._told_once(before, after, sent)
        wanted = AT_LEAST_ONE_TIMER.get(after.status, ("",))
        assert after.status in {"completed", "compensated", "needs_attention"} or any(t.startswith(wanted) for t in self.task.timers)
        if after.status in {"completed", "compensated"}:
            assert not self.task.timers, self.task.timers
            assert after.at_risk == {}

    def _told_once(self, before: Saga | None, after: Saga, sent: list[Message]) -> None:
        entered = after.status == "needs_attention" and (before is None or before.status != "needs_attention")
        assert sum(isinstance(m, SagaNeedsAttention) for m in sent) == entered
        if before and before.status in {"completed", "compensated"} and after.status != before.status:
            assert any(isinstance(m, SagaReopened) for m in sent)

    def undo_sent(self, undo: StepUndo, after: Saga) -> None:
        assert after.status != "halting"
        assert after.over or self.forced or undo.key in self.mentioned
        number = self.numbers.get(undo.key, 0)
        assert undo.number in {number, number + 1}
        self.numbers[undo.key] = undo.number
        if after.effects[undo.key].sends == 1 and len(after.effects) == len(STEPS):
            assert not any(after.effects[self.task.key(step)].stage == "undoing" for step in DEPENDENTS.get(undo.step_id, ()))

    def ended(self, ended: SagaEnded, after: Saga) -> None:
        self.closings += 1
        assert (ended.closing, ended.receipt.closing, after.closing) == (self.closings,) * 3
        states = {e.state.value for e in ended.receipt.effects}
        assert states <= {"kept", "undone", "nothing", "residue"}
        if ended.outcome == "completed":
            assert all(e.listed is Outcome.DONE for e in after.effects.values() if e.stage == "standing")
        else:
            assert "kept" not in states
        self.balanced(ended, after)

    def balanced(self, told: SagaEnded | SagaNeedsAttention, _: Saga) -> None:
        sums: dict[str, int] = {}
        for posting in told.receipt.postings:
            sums[posting.currency] = sums.get(posting.currency, 0) + posting.amount_minor
        assert not any(sums.values())
        assert all(amount > 0 for amount in told.receipt.kept.values())

    def reopened(self, reopened: SagaReopened, _: Saga) -> None:
        assert reopened.closing == self.closings + 1

    def answered(self, _: CancelAnswered, __: Saga) -> None:
        self.cancels -= 1
        assert self.cancels >= 0

    def declare(self, step: str) -> list[Message]:
        epoch = self.state.epoch if self.state else 1
        return self.task.declared(step, epoch=epoch)  # type: ignore[no-any-return]

    def end(self, result: EndResult, listed: dict[str, Outcome], older: int) -> list[Message]:
        epoch = (self.state.epoch if self.state else 1) - older
        return self.task.ended(result, listed, epoch=epoch)  # type: ignore[no-any-return]

    def undone(self, step: str, outcome: Outcome, older: int, seq: int, nothing: bool) -> list[Message]:
        effect = self.state.effects.get(self.task.key(step)) if self.state else None
        number = (effect.number if effect else 1) - older
        code = "consumed" if seq == 3 else None
        return self.task.undone(step, outcome, number=number, seq=seq, nothing=nothing, quote_id="q", code=code)  # type: ignore[no-any-return]

    def observe(self, step: str, state: Outcome, seq: int, code: str) -> list[Message]:
        self.mentioned.add(self.task.key(step))
        return self.task.observed(step, state, code, seq=seq)  # type: ignore[no-any-return]

    def release(self, names: list[str]) -> list[Message]:
        self.mentioned |= {self.task.key(step) for step in names}
        epoch = self.state.epoch if self.state else 1
        declarations = tuple(self.task.declaration(step, epoch=epoch) for step in names)
        return self.task.given(AttemptRelease(epoch=epoch, declarations=declarations))  # type: ignore[no-any-return]

    def cancel(self) -> list[Message]:
        self.cancels += 1
        return self.task.cancelled()  # type: ignore[no-any-return]

    def commit(self) -> list[Message]:
        return self.task.given(ExecutionCommitted(epoch=self.state.epoch if self.state else 1))  # type: ignore[no-any-return]

    def repair(self, action: str, step: str | None) -> list[Message]:
        self.forced |= action == "force"
        return self.task.repaired(action, step, evidence={"mail": "yes"})  # type: ignore[no-any-return]

    def timer(self, nth: int) -> list[Message]:
        due = sorted(self.task.timers)
        return self.task.fire(due[nth % len(due)]) if due else []

    def repeat(self) -> list[Message]:
        if self.task._count == 0:
            return []
        before = self.state
        # Whatever the body, a counted id has no second effect.
        assert self.task.given(ExecutionHalt(epoch=9), repeat=True) == []
        assert self.state == before
        return []


OPERATIONS: dict[str, Callable[..., list[Message]]] = {
    name: getattr(Watched, name)
    for name in ("declare", "end", "undone", "observe", "release", "cancel", "commit", "repair", "timer", "repeat")
}
CHECKS: dict[type[Message], Callable[[Watched, Any, Saga], None]] = {
    StepUndo: Watched.undo_sent,
    SagaEnded: Watched.ended,
    SagaNeedsAttention: Watched.balanced,
    SagaReopened: Watched.reopened,
    CancelAnswered: Watched.answered,
}


@settings(max_examples=300, deadline=None)
@given(operations=st.lists(operation, max_size=30))
def test_the_invariants_hold_in_every_history(new_task: Any, operations: list[tuple[Any, ...]]) -> None:
    watched = Watched(new_task("any history"))
    for op in operations:
        watched.apply(op)


@settings(max_examples=150, deadline=None)
@given(operations=st.lists(operation, max_size=20), listed=st.dictionaries(steps, outcomes))
def test_every_history_can_be_brought_to_an_outcome_by_its_operator(
    new_task: Any, operations: list[tuple[Any, ...]], listed: dict[str, Outcome]
) -> None:
    watched = Watched(new_task("any end"))
    for op in [*operations, ("declare", "hotel.hold")]:
        watched.apply(op)
    for _ in range(12):
        _bring_on(watched, listed)
    assert watched.state
    assert watched.state.status in {"completed", "compensated"}


def _bring_on(watched: Watched, listed: dict[str, Outcome]) -> None:
    state = watched.state
    if state and state.status in {"open", "reopened", "halting"}:
        watched.apply(("end", EndResult.HALTED, listed, 0))
        for step in STEPS:
            watched.apply(("declare", step))
    elif state and state.status == "needs_attention":
        watched.apply(("repair", "force", None))
        for effect in list(state.effects.values()):
            watched.apply(("repair", "skip", effect.declaration.step_id))
    elif state:
        for effect in [e for e in state.effects.values() if e.stage == "undoing" and e.sends]:
            watched.apply(("undone", effect.declaration.step_id, Outcome.UNDONE, 0, 9, True))


@settings(max_examples=150, deadline=None)
@given(
    listed=st.dictionaries(steps, st.sampled_from([Outcome.DONE, Outcome.REFUSED, Outcome.UNDONE]), min_size=1),
    result=st.sampled_from([EndResult.FINISHED, EndResult.FAILED, EndResult.HALTED]),
    data=st.data(),
)
def test_declarations_and_the_end_have_the_same_outcome_in_any_order(
    new_task: Any, listed: dict[str, Outcome], result: EndResult, data: st.DataObject
) -> None:
    assert _outcome(new_task, listed, result, data.draw(st.permutations([*listed, "end"]))) == _outcome(
        new_task, listed, result, [*listed, "end"]
    )


def _outcome(new_task: Any, listed: dict[str, Outcome], result: EndResult, order: list[str]) -> Any:
    task = new_task("any order")
    for name in order:
        if name == "end":
            task.ended(result, listed)
        else:
            task.declared(name)
    task.undo_all()
    closings = [m for m in task.sent if isinstance(m, SagaEnded)]
    rests = task.state.status == "needs_attention"
    return rests, [(m.outcome, m.closing, m.code, m.kept, m.receipt.effects, m.receipt.postings) for m in closings]


@settings(max_examples=100, deadline=None)
@given(lost=st.lists(steps, min_size=1, max_size=4, unique=True))
@example(lost=["hotel.confirm", "flight.issue"])
def test_each_loss_after_the_end_is_told_to_the_executor_once(new_task: Any, lost: list[str]) -> None:
    task = new_task("losses")
    task.completed_trip(*STEPS)
    for step in lost:
        task.observed(step, Outcome.UNDONE, "cancelled_by_provider")
    listed = dict.fromkeys(STEPS, Outcome.DONE)
    while task.state.status == "reopened":
        task.ended(EndResult.FINISHED, listed, epoch=task.state.epoch)
    asked = [leg for m in task.sent if isinstance(m, ExecutionReopen) for leg in m.lost_legs]
    assert {step.split(".")[0] for step in lost} == set(asked)
    assert len(asked) <= len(lost)
    assert task.last(SagaEnded).closing == 2
