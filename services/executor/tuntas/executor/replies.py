"""What becomes of an attempt when its connector, its timer, the person or the coordinator is heard."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tuntas.contracts.connectors import Outcome, StepReplied
from tuntas.contracts.executor import AttemptReleased, EndResult
from tuntas.contracts.plan import StepKind
from tuntas.executor.declare import ask_again
from tuntas.executor.run import Run
from tuntas.executor.state import Attempt, AttemptStatus
from tuntas.executor.tally import end

NO_ANSWER = "no_answer"


def answered(run: Run, attempt: Attempt, reply: StepReplied) -> None:
    """Take a reply that is newer than what is known of an attempt."""
    known: dict[str, Any] = {
        "seq": reply.seq,
        "reference": reply.reference or attempt.reference,
        "actual": reply.amount or attempt.actual,
    }
    if attempt.open:
        run.unlose(attempt)
        _ANSWERS[reply.outcome](run, run.change(attempt, **known), reply)
    elif attempt.done and reply.outcome in (Outcome.REFUSED, Outcome.UNDONE):
        run.lose(run.settle(attempt, AttemptStatus.UNDONE, **known), reply.code or "cancelled_by_provider")
    else:
        run.change(attempt, **known)


def repeated(run: Run, attempt: Attempt) -> None:
    """The last reply once more. That it is still pending is a sign of life: only the deadline, or `tries_in_all`, ends the patience."""
    if attempt.status is AttemptStatus.PENDING:
        run.change(attempt, silent=0)


def silent(run: Run, attempt: Attempt) -> None:
    """Ask again for an answer that is late: the same key and body are the inquiry. Too often, and it counts as lost."""
    kind = attempt.declaration.kind
    if attempt.status is AttemptStatus.NEEDS_USER and kind is not StepKind.PIVOT:
        run.lose(attempt, "user_timeout")
    elif attempt.silent < run.policy.tries[kind] and attempt.tries < run.policy.tries_in_all:
        ask_again(run, attempt, silent=attempt.silent + 1)
    elif kind is StepKind.COMPENSATABLE:
        run.lose(attempt, NO_ANSWER)
    else:
        end(run, EndResult.STUCK, NO_ANSWER)


def retried(run: Run, attempt: Attempt) -> None:
    """The person did their part: ask at once, with all patience anew."""
    ask_again(run, run.change(attempt, status=AttemptStatus.DECLARED), silent=1)


def released(run: Run, message: AttemptReleased) -> None:
    """The coordinator undid replaced attempts, or can't."""
    for attempt in run.state.attempts:
        if attempt.key not in message.keys or attempt.status is not AttemptStatus.RELEASING:
            continue
        if message.stuck:
            run.lose(attempt, "release_stuck")
        else:
            run.settle(attempt, AttemptStatus.UNDONE)


def _done(run: Run, attempt: Attempt, reply: StepReplied) -> None:
    clock = reply.clocks.earliest() if any(s.acts_on == attempt.step_id for s in run.plan.steps) else None
    attempt = run.settle(attempt, AttemptStatus.DONE, clock=clock)
    if clock:
        run.wake(attempt.clock_timer, clock - run.policy.margin)


def _refused(run: Run, attempt: Attempt, reply: StepReplied) -> None:
    run.lose(run.settle(attempt, AttemptStatus.REFUSED), reply.code or "refused")


def _pending(run: Run, attempt: Attempt, _: StepReplied) -> None:
    _wait(run, attempt, AttemptStatus.PENDING, run.later(run.policy.pending_seconds))


def _needs_user(run: Run, attempt: Attempt, reply: StepReplied) -> None:
    _wait(run, attempt, AttemptStatus.NEEDS_USER, reply.action.until if reply.action else run.later(run.policy.pending_seconds))


def _wait(run: Run, attempt: Attempt, status: AttemptStatus, until: datetime) -> None:
    run.wake(run.change(attempt, status=status, silent=0).timer, until)


def _unknown(run: Run, attempt: Attempt, _: StepReplied) -> None:
    attempt = run.change(attempt, status=AttemptStatus.IN_DOUBT)
    run.wake(attempt.timer, run.now + run.policy.backoff(attempt.silent))


_ANSWERS: Mapping[Outcome, Callable[[Run, Attempt, StepReplied], None]] = MappingProxyType(
    {
        Outcome.DONE: _done,
        Outcome.REFUSED: _refused,
        Outcome.UNDONE: _refused,
        Outcome.PENDING: _pending,
        Outcome.NEEDS_USER: _needs_user,
        Outcome.UNKNOWN: _unknown,
    }
)
