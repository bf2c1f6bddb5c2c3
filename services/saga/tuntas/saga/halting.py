"""The question before a rollback: a halt goes out, and only its answer decides (protocol R2, R6, R7, R17)."""

from tuntas.contracts.executor import ExecutionCommitted, ExecutionHalt
from tuntas.contracts.saga import SagaCancel, SagaOutcome
from tuntas.saga.closing import answer_cancel, rest
from tuntas.saga.state import FORWARD, Status
from tuntas.saga.tally import arm
from tuntas.saga.turn import Turn


def cancel(turn: Turn, _: SagaCancel) -> None:
    """Somebody wants it undone: ask the executor while forward may go on, else answer by what is decided."""
    saga = turn.saga
    if not saga.over and saga.aim is None:
        turn.set(cancel=True)
        if saga.status is not Status.HALTING:
            halt(turn)
    elif saga.status is Status.COMPENSATED:
        answer_cancel(turn, accepted=False, code="already_compensated")
    elif saga.aim is SagaOutcome.COMPENSATED:
        answer_cancel(turn, accepted=True, code="cancelled")
    elif saga.aim is SagaOutcome.COMPLETED or saga.pivot_done:
        answer_cancel(turn, accepted=False, code="too_late")
    else:
        turn.set(cancel=True)


def halt(turn: Turn) -> None:
    """Ask whether it may be rolled back, and ask again until there is an answer."""
    turn.enter(Status.HALTING)
    turn.send(ExecutionHalt(epoch=turn.saga.epoch))
    turn.wake("halt", turn.policy.halt_seconds)


def committed(turn: Turn, message: ExecutionCommitted) -> None:
    """The pivot is past, forward only: a recorded cancel came too late."""
    if turn.saga.status is not Status.HALTING or message.epoch < turn.saga.epoch:
        return
    if turn.saga.cancel:
        answer_cancel(turn, accepted=False, code="too_late")
    turn.enter(turn.saga.forward)
    arm(turn)
    if turn.saga.forward is Status.REOPENED:
        turn.wake("reopen", turn.policy.reopen_seconds)


def unanswered(turn: Turn) -> None:
    """No answer to the halt yet: ask again, or rest if only declarations are missing."""
    if turn.saga.status is not Status.HALTING:
        return
    if turn.saga.over:
        rest(turn, "declaration_missing")
    else:
        halt(turn)


def overdue(turn: Turn) -> None:
    """The backstop: forward should be over. Both ways to the tally end in the same one, so asking is harmless (protocol R7)."""
    if turn.saga.status not in FORWARD:
        return
    if turn.saga.over:
        rest(turn, "declaration_missing")
    elif turn.saga.effects:
        halt(turn)
    else:
        arm(turn)


def window_over(turn: Turn) -> None:
    """Nothing came of replanning in time."""
    if turn.saga.status is Status.REOPENED and not turn.saga.over:
        rest(turn, "reopen_expired")
