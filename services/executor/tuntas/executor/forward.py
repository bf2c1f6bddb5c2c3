"""Going forward: what an execution does next, after whatever happened."""

from tuntas.contracts.executor import EndResult, ExecutionCommitted
from tuntas.executor.declare import amount_of, declare, lapsing, startable, within_ceiling
from tuntas.executor.ladder import climb
from tuntas.executor.run import AMEND, Run
from tuntas.executor.state import Loss, Status
from tuntas.executor.tally import end

CANCELLED = "cancelled"
DEADLINE = "deadline"


def go_on(run: Run) -> None:
    """Do all that can be done now: finish, give up, climb the ladder, start steps."""
    if run.state.status is Status.DECIDING:
        _decide(run)
    while run.state.status is Status.RUNNING and _settle(run):
        pass
    if run.state.status is Status.RUNNING:
        _start(run)


def run_out(run: Run) -> None:
    """End what has no time left; a pivot in doubt is waited for first."""
    if run.state.pivot_open:
        run.set(status=Status.DECIDING)
    else:
        end(run, EndResult.FAILED, DEADLINE)


def _decide(run: Run) -> None:
    """The pivot says whether this can still be rolled back."""
    state = run.state
    if state.pivot_open:
        return
    if not state.pivot_done:
        end(run, EndResult.HALTED, CANCELLED) if state.halting else end(run, EndResult.FAILED, DEADLINE)
        return
    if state.halting:
        run.send(ExecutionCommitted(epoch=state.epoch))
    run.set(halting=False, status=Status.AMENDING if state.failed_legs else Status.RUNNING)
    if state.failed_legs:
        run.wake(AMEND, run.later(run.policy.amend_seconds))


def _settle(run: Run) -> bool:
    """Take one decision that changes what can be started; say whether to look again."""
    if _finished(run):
        end(run, EndResult.FINISHED, "finished")
    elif run.state.overdue(run.now):
        run_out(run)
    elif loss := _next_loss(run):
        climb(run, loss)
    else:
        return False
    return True


def _finished(run: Run) -> bool:
    """Every step of the plan is done, and nothing else is left or in doubt anywhere."""
    if len(run.state.attempts) < len(run.plan.steps):
        return False
    kept = {attempt.key for step in run.plan.steps if (attempt := run.state.latest(step.step_id)) and attempt.done}
    return len(kept) == len(run.plan.steps) and all(a.gone or a.key in kept for a in run.state.attempts)


def _next_loss(run: Run) -> Loss | None:
    """Return what to climb the ladder for: nothing while a pivot is in doubt, for its answer decides about everything."""
    if run.state.pivot_open:
        return None
    for loss in run.state.losses:
        if (last := run.state.latest(loss.step_id)) and last.key == loss.key and not last.done:
            return loss
    lapsed = next(lapsing(run), None)
    if lapsed is None:
        return None
    return Loss(key=lapsed.key, step_id=lapsed.step_id, leg_id=lapsed.leg_id, code="hold_expired")


def _start(run: Run) -> None:
    steps = list(startable(run))
    if not all(within_ceiling(step, amount_of(run, step)) for step in steps):
        end(run, EndResult.FAILED, "amount")
        return
    for step in steps:
        declare(run, step)
