"""The end of an execution: the tally of all that it ever declared (protocol R1)."""

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionEnded, TallyEntry
from tuntas.executor.run import AMEND, FORWARD_BY, Run
from tuntas.executor.state import Attempt, AttemptStatus, Execution, Status

_OUTCOMES = {
    AttemptStatus.DECLARED: Outcome.UNKNOWN,
    AttemptStatus.PENDING: Outcome.PENDING,
    AttemptStatus.NEEDS_USER: Outcome.NEEDS_USER,
    AttemptStatus.IN_DOUBT: Outcome.UNKNOWN,
    AttemptStatus.DONE: Outcome.DONE,
    AttemptStatus.REFUSED: Outcome.REFUSED,
    AttemptStatus.RELEASING: Outcome.UNKNOWN,
    AttemptStatus.UNDONE: Outcome.UNDONE,
}


def end(run: Run, result: EndResult, code: str) -> None:
    """End the execution; nothing is declared in this epoch any more.

    `failed` asks for a rollback; with a pivot done or in doubt it is `stuck`, for then rolling back may be wrong (protocol P8, R3).
    """
    if result is EndResult.FAILED and (run.state.pivot_done or run.state.pivot_open):
        result = EndResult.STUCK
    for attempt in run.state.attempts:
        if attempt.open:
            run.wake(attempt.timer)
        if attempt.done and attempt.clock:
            run.wake(attempt.clock_timer)
        if attempt.not_before:
            run.wake(attempt.again_timer)
    if run.state.forward_by:
        run.wake(FORWARD_BY)
    if run.state.failed_legs:
        run.wake(AMEND)
    run.set(status=Status.ENDED, result=result, code=code, losses=(), failed_legs=(), halting=False)
    tell(run)


def tell(run: Run) -> None:
    """Say how the execution ended; the same each time, for nothing changes an ended one."""
    state, finished = run.state, run.state.result is EndResult.FINISHED
    run.send(
        ExecutionEnded(
            revision=state.revision,
            epoch=state.epoch,
            result=state.result or EndResult.HALTED,
            code=state.code,
            titles=_titles(run),
            tally=tuple(_entry(attempt, finished) for attempt in state.attempts),
            rungs=state.rungs,
        )
    )


def tombstone(epoch: int, code: str, result: EndResult) -> Execution:
    """Return an execution that ended before it began."""
    return Execution(status=Status.ENDED, epoch=epoch, result=result, code=code)


def _titles(run: Run) -> tuple[str, ...]:
    if not run.state.plan:
        return ()
    wanted = {goal.type for goal in run.plan.goals}
    return tuple(run.offer(leg.leg_id).title for leg in run.plan.legs if leg.goal_type in wanted)


def _entry(attempt: Attempt, finished: bool) -> TallyEntry:
    return TallyEntry(
        step_id=attempt.step_id,
        attempt=attempt.declaration.attempt,
        key=attempt.key,
        outcome=_OUTCOMES[attempt.status],
        reference=attempt.reference,
        amount=attempt.actual or attempt.amount,
        declaration=None if finished else attempt.declaration,
    )
