"""The executor's decisions: which step is next, retry, alternative, replan; when forward is over (protocol 3)."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import StepReplied
from tuntas.contracts.executor import AttemptReleased, EndResult, ExecutionCommitted, ExecutionHalt, ExecutionReopen, StepRetry
from tuntas.contracts.planner import PlanInfeasible
from tuntas.contracts.trust import PlanApproved, PlanDenied
from tuntas.executor import replies
from tuntas.executor.forward import CANCELLED, go_on, run_out
from tuntas.executor.policy import Policy
from tuntas.executor.revision import adopt, check, reopen, revise
from tuntas.executor.run import AMEND, FORWARD_BY, Run
from tuntas.executor.state import Execution, Status
from tuntas.executor.tally import end, tell, tombstone
from tuntas.kit.decision import Context, Core, Decision, Fired

Act = Callable[[Run, Any], None]


def core(policy: Policy = Policy()) -> Core[Execution]:  # noqa: B008 - it is frozen
    """Return the executor's decisions under a policy."""
    handlers: dict[type[Message], Any] = {
        PlanApproved: partial(_approved, policy),
        ExecutionHalt: partial(_halt, policy),
        **{kind: partial(_known, policy, act) for kind, act in _ACTS.items()},
    }
    return Core(Execution, handlers, fired=partial(_known, policy, _fired), begins=_begins, ends=frozenset({Status.ENDED}))


def _begins(event: Any) -> bool:
    return isinstance(event, PlanApproved) and event.revision == 1


def _known(policy: Policy, act: Act, state: Execution | None, event: Any, context: Context) -> Decision[Execution]:
    """Let an event act on an execution; on one that does not exist it changes nothing."""
    if state is None:
        return Decision(None)
    run = Run(state, policy, context)
    act(run, event)
    return run.decision()


def _approved(policy: Policy, state: Execution | None, message: PlanApproved, context: Context) -> Decision[Execution]:
    if state and not (state.status is Status.AMENDING and message.revision == state.asked):
        return Decision(state)
    check(message, context)
    if state:
        return _known(policy, revise, state, message, context)
    if context.expired or context.now > message.start_by:
        return _never_ran(policy, tombstone(message.epoch, "approval_expired", EndResult.FAILED), context)
    run = Run(adopt(Execution(status=Status.RUNNING, epoch=message.epoch), message), policy, context)
    run.wake(FORWARD_BY, message.forward_by)
    go_on(run)
    return run.decision()


def _never_ran(policy: Policy, state: Execution, context: Context) -> Decision[Execution]:
    run = Run(state, policy, context)
    tell(run)
    return run.decision()


def _halt(policy: Policy, state: Execution | None, message: ExecutionHalt, context: Context) -> Decision[Execution]:
    if state is None:
        return _never_ran(policy, tombstone(message.epoch, CANCELLED, EndResult.HALTED), context)
    if message.epoch < state.epoch:
        return Decision(state)
    return _known(policy, _halted, state.model_copy(update={"epoch": message.epoch}), message, context)


def _halted(run: Run, _: ExecutionHalt) -> None:
    """Answer whether this may be rolled back: with the tally, with "too late", or once the pivot is known."""
    state = run.state
    if state.status is Status.ENDED:
        tell(run)
    elif state.pivot_done:
        run.send(ExecutionCommitted(epoch=state.epoch))
        if state.status is Status.AMENDING:
            end(run, EndResult.STUCK, CANCELLED)
    elif state.pivot_open:
        run.set(status=Status.DECIDING, halting=True)
    else:
        end(run, EndResult.HALTED, CANCELLED)


def _replied(run: Run, reply: StepReplied) -> None:
    attempt = run.state.attempt(reply.key)
    if run.state.status is Status.ENDED or attempt is None:
        return
    if reply.seq > attempt.seq:
        replies.answered(run, attempt, reply)
        go_on(run)
    elif reply.seq == attempt.seq:
        replies.repeated(run, attempt)


def _released(run: Run, message: AttemptReleased) -> None:
    if run.state.status is not Status.ENDED:
        replies.released(run, message)
        go_on(run)


def _retry(run: Run, message: StepRetry) -> None:
    attempt = run.state.latest(message.step_id)
    if run.state.status is not Status.ENDED and attempt and attempt.open:
        replies.retried(run, attempt)


def _denied(run: Run, message: PlanDenied | PlanInfeasible) -> None:
    if run.state.status is Status.AMENDING and message.revision == run.state.asked:
        end(run, EndResult.FAILED, message.code)


def _reopen(run: Run, message: ExecutionReopen) -> None:
    if run.state.status is Status.ENDED and message.epoch > run.state.epoch:
        reopen(run, message)


_ACTS: Mapping[type[Message], Act] = MappingProxyType(
    {
        StepReplied: _replied,
        AttemptReleased: _released,
        StepRetry: _retry,
        PlanDenied: _denied,
        PlanInfeasible: _denied,
        ExecutionReopen: _reopen,
    }
)


def _fired(run: Run, timer: Fired) -> None:
    if run.state.status is Status.ENDED:
        return
    if timer.purpose == AMEND:
        _amend_late(run)
    elif timer.purpose == FORWARD_BY and run.state.status is Status.AMENDING:
        run_out(run)
    else:
        _reply_late(run, timer.purpose)
        go_on(run)


def _amend_late(run: Run) -> None:
    if run.state.status is Status.AMENDING:
        end(run, EndResult.FAILED, "amend_timeout")


def _reply_late(run: Run, purpose: str) -> None:
    attempt = next((a for a in run.state.attempts if a.open and a.timer == purpose), None)
    if attempt:
        replies.silent(run, attempt)
