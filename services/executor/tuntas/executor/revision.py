"""Plans coming in: the first one, its next revision, and a settled task that is taken up again."""

from pydantic import ValidationError

from tuntas.contracts import ids
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionReopen, TallyEntry
from tuntas.contracts.plan import Leg, Phase, Plan, Step
from tuntas.contracts.trust import PlanApproved
from tuntas.executor.declare import ask_again
from tuntas.executor.forward import go_on
from tuntas.executor.ladder import amend, release
from tuntas.executor.run import AMEND, FORWARD_BY, Run, chart
from tuntas.executor.state import Attempt, AttemptStatus, Execution, Status
from tuntas.executor.tally import end
from tuntas.kit.decision import Context, require
from tuntas.kit.errors import InvalidMessage

_HEARD = {Outcome.DONE: AttemptStatus.DONE, Outcome.REFUSED: AttemptStatus.REFUSED, Outcome.UNDONE: AttemptStatus.UNDONE}


def check(message: PlanApproved, context: Context) -> None:
    """Refuse a plan that is not the approved one, not of this task, or cannot be carried out as it stands.

    Raises:
        InvalidMessage: `digest_mismatch`, `bad_plan` or `foreign_plan`.
    """
    require(ids.digest(message.plan) == message.digest, "digest_mismatch")
    try:
        plan = chart(message.plan).plan
    except ValidationError as error:
        raise InvalidMessage("bad_plan", f"{error.error_count()} errors") from None
    require(plan.task_id == str(context.task_id), "foreign_plan")
    _check_steps(plan)


def _check_steps(plan: Plan) -> None:
    legs, known = {leg.leg_id: leg for leg in plan.legs}, {step.step_id for step in plan.steps}
    for step in plan.steps:
        leg = legs.get(step.leg_id)
        require(leg and leg.offers and any(s.name == step.name for s in leg.offers[0].steps), "bad_plan", f"{step.step_id} is not offered")
        missing = {*step.needs, *step.sums, *([step.acts_on] if step.acts_on else [])} - known
        require(not missing, "bad_plan", f"{step.step_id} needs {sorted(missing)}")


def adopt(state: Execution, message: PlanApproved) -> Execution:
    """Return a running execution of this plan."""
    return state.model_copy(
        update={
            "status": Status.RUNNING,
            "revision": message.revision,
            "plan": message.plan,
            "approval": message.approval,
            "forward_by": message.forward_by,
            "fee_limit": message.fee_limit,
        }
    )


def revise(run: Run, message: PlanApproved) -> None:
    """Go on by the next revision: what it replaces is released first, what it keeps stays as it is."""
    failed, before = set(run.state.failed_legs), {leg.leg_id: leg for leg in run.plan.legs}
    run.state = adopt(run.state, message)
    kept = {leg.leg_id for leg in run.plan.legs if leg.leg_id not in failed and _same(before.get(leg.leg_id), leg)}
    kept |= {a.leg_id for a in run.state.attempts if a.pivot and not a.gone}
    run.set(
        failed_legs=(),
        choices={leg: at for leg, at in run.state.choices.items() if leg in kept},
        losses=tuple(loss for loss in run.state.losses if loss.leg_id in kept),
    )
    run.wake(AMEND)
    run.wake(FORWARD_BY, message.forward_by)
    kept -= _paid_wrong(run, kept)
    release(run, [a for a in run.state.attempts if _replaced(a, kept, {step.step_id for step in run.plan.steps})])
    go_on(run)


def _same(before: Leg | None, after: Leg) -> bool:
    return before is not None and (before.connector, before.offers) == (after.connector, after.offers)


def _paid_wrong(run: Run, kept: set[str]) -> set[str]:
    """Return the legs whose money is taken anew: less is set aside than this plan may need, or what it paid for is replaced."""
    alive = ((step, last) for step in run.plan.steps if (last := run.state.latest(step.step_id)) and not last.gone)
    return {step.leg_id for step, last in alive if _short(step, last) or any(run.plan.step(part).leg_id not in kept for part in step.sums)}


def _short(step: Step, attempt: Attempt) -> bool:
    sets_aside = step.phase is Phase.AUTHORIZE and attempt.declaration.moves_money
    return bool(sets_aside and step.ceiling and attempt.amount and attempt.amount.amount_minor < step.ceiling.amount_minor)


def _replaced(attempt: Attempt, kept: set[str], steps: set[str]) -> bool:
    settled = attempt.gone or attempt.status is AttemptStatus.RELEASING
    return not settled and not attempt.pivot and (attempt.leg_id not in kept or attempt.step_id not in steps)


def reopen(run: Run, message: ExecutionReopen) -> None:
    """Begin a new epoch with the effects that the coordinator says are alive.

    Lost legs need a new revision of the plan, and so do those that meet a leg that was moved.
    """
    run.set(epoch=message.epoch, result=None, code="", halting=False)
    if not run.state.plan:
        end(run, EndResult.FAILED, message.code)
        return
    alive = {entry.key: entry for entry in message.alive}
    run.set(attempts=tuple(_recall(a, alive.get(a.key)) for a in run.state.attempts))
    _take_up(run)
    if legs := tuple(dict.fromkeys((*message.lost_legs, *_meeting(run, message)))):
        run.set(rungs=(*run.state.rungs, *(f"amend:{leg}" for leg in legs)))
        amend(run, legs, message.code, failed=message.lost_legs, windows=message.windows)
    else:
        deadline = run.later(run.policy.reopen_seconds)
        run.set(status=Status.RUNNING, forward_by=max(run.state.forward_by or deadline, deadline))
        run.wake(FORWARD_BY, run.state.forward_by)
        go_on(run)


def _meeting(run: Run, message: ExecutionReopen) -> list[str]:
    """Return the legs that meet one that takes place at another time now."""
    return [goal.goal_id for goal in run.plan.goals if goal.meets and goal.meets.goal in message.windows]


def _recall(attempt: Attempt, entry: TallyEntry | None) -> Attempt:
    """An effect that is not listed is gone; what was never answered stays in doubt, and asking again is always safe."""
    if entry is None:
        status = attempt.status if attempt.gone else AttemptStatus.IN_DOUBT if attempt.open else AttemptStatus.UNDONE
        return attempt.model_copy(update={"status": status})
    known = {"reference": entry.reference or attempt.reference, "actual": entry.amount or attempt.actual}
    return attempt.model_copy(update={"status": _HEARD.get(entry.outcome, AttemptStatus.IN_DOUBT), **known})


def _take_up(run: Run) -> None:
    for attempt in run.state.attempts:
        if attempt.open:
            ask_again(run, attempt, silent=1)
        elif attempt.done and attempt.clock:
            run.wake(attempt.clock_timer, attempt.clock - run.policy.margin)
