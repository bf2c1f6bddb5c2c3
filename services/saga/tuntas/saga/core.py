"""The coordinator's decisions as a table: what it takes, and which part of it decides."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import EffectObserved, StepStarted, StepUndone
from tuntas.contracts.executor import ExecutionCommitted, ExecutionEnded
from tuntas.contracts.saga import AttemptRelease, SagaCancel, SagaDrill, SagaRepair, SagaUndo
from tuntas.kit.decision import Context, Core, Decision, Fired, Handler
from tuntas.saga import drill, halting, parting, repair, rollback, tally
from tuntas.saga.closing import advance, reopen
from tuntas.saga.policy import Policy
from tuntas.saga.state import TERMINAL, Saga, Status
from tuntas.saga.turn import Turn

Step = Callable[[Turn, Any], None]


def core(policy: Policy = Policy()) -> Core[Saga]:  # noqa: B008 - frozen
    """Return the coordinator's decisions under a policy."""
    on = {kind: _handler(policy, step, begins=kind in _BEGIN) for kind, step in _ON.items()}
    on[SagaRepair] = repair.answering(_handler(policy, repair.repair, begins=False))
    on[SagaDrill] = drill.rehearse
    on[SagaUndo] = parting.answering(_handler(policy, parting.give_up, begins=False))
    return Core(Saga, on=on, fired=_handler(policy, _fired, begins=False), begins=_begins, waits=frozenset({StepStarted}), ends=TERMINAL)


def _begins(event: Any) -> bool:
    return isinstance(event, StepStarted) and event.first


def _handler(policy: Policy, step: Step, *, begins: bool) -> Handler:
    def handle(saga: Saga | None, event: Any, context: Context) -> Decision[Saga]:
        if saga is None and not begins:
            return Decision(None)
        turn = Turn(policy, saga or Saga(status=Status.OPEN), context)
        if saga is None:
            tally.arm(turn)
        step(turn, event)
        advance(turn)
        return turn.decision()

    return handle


def _undone(turn: Turn, message: StepUndone) -> None:
    before = turn.saga.effects.get(message.key)
    if before is None:
        return
    rollback.replied(turn, before, message)
    after = turn.saga.effects[message.key]
    if (after.stage, after.fee, after.refund) != (before.stage, before.fee, before.refund):
        reopen(turn, "late_answer")


def _fired(turn: Turn, event: Fired) -> None:
    purpose, _, key = event.purpose.partition(":")
    if purpose == "undo" and UUID(key) in turn.saga.effects:
        rollback.again(turn, turn.saga.effects[UUID(key)])
    elif purpose in _TIMERS:
        _TIMERS[purpose](turn)


_ON: Mapping[type[Message], Step] = {
    StepStarted: tally.started,
    ExecutionEnded: tally.ended,
    AttemptRelease: tally.release,
    EffectObserved: tally.observed,
    StepUndone: _undone,
    SagaCancel: halting.cancel,
    ExecutionCommitted: halting.committed,
}

_BEGIN = frozenset({StepStarted, ExecutionEnded, AttemptRelease, EffectObserved, SagaCancel})
"""What may be the first message of a task to arrive; an answer to nothing that was asked leaves no row."""

_TIMERS: Mapping[str, Callable[[Turn], None]] = {
    "backstop": halting.overdue,
    "halt": halting.unanswered,
    "reopen": halting.window_over,
}
