"""One decision in the making: the state as it changes, and what leaves with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from tuntas.contracts.base import Message
from tuntas.contracts.plan import Leg, Offer, Plan, Step, StepKind
from tuntas.contracts.topics import EXECUTOR_REPLIES, connector_commands
from tuntas.executor.policy import Policy
from tuntas.executor.state import Attempt, AttemptStatus, Execution, Loss
from tuntas.kit.decision import Context, Decision, Output, Send, Wake

FORWARD_BY = "forward_by"
AMEND = "amend"


@dataclass(frozen=True, slots=True)
class Chart:
    """A plan, and what every event of its task looks up in it: legs by id, and by a step's id what must be done before it."""

    plan: Plan
    legs: Mapping[str, Leg]
    awaited: Mapping[str, frozenset[str]]


@lru_cache(maxsize=4096)
def chart(text: str) -> Chart:
    """Parse a plan's bytes; cached, for each event of a task meets the same text: as many as a table's rows stay in memory.

    Raises:
        pydantic.ValidationError: it is not a plan.
    """
    plan = Plan.model_validate_json(text)
    return Chart(plan, {leg.leg_id: leg for leg in plan.legs}, {step.step_id: _awaited(plan, step) for step in plan.steps})


def _awaited(plan: Plan, step: Step) -> frozenset[str]:
    """Return the steps that must be done before this one; a pivot waits for every step that may still fail (protocol P9)."""
    needs = {*step.needs, *step.sums} | ({step.acts_on} if step.acts_on else set())
    if step.kind is StepKind.PIVOT:
        needs |= {s.step_id for s in plan.steps if s.kind is StepKind.COMPENSATABLE}
    return frozenset(needs)


class Run:
    """Collects the changes and outputs of one event. Lives inside one pure decision and never leaves it."""

    def __init__(self, state: Execution, policy: Policy, context: Context) -> None:
        self.state, self.policy, self.context = state, policy, context
        self._out: list[Output] = []

    @property
    def now(self) -> datetime:
        """Return the database's clock."""
        return self.context.now

    @property
    def plan(self) -> Plan:
        """Return the approved plan; one without a plan is a tombstone and never asks."""
        return self.chart.plan

    @property
    def chart(self) -> Chart:
        """Return the approved plan with its parts by id."""
        return chart(self.state.plan)

    def offer(self, leg_id: str) -> Offer:
        """Return the offer a leg is at."""
        return self.chart.legs[leg_id].offers[self.state.choices.get(leg_id, 0)]

    def decision(self) -> Decision[Execution]:
        """Return what was decided."""
        return Decision(self.state, tuple(self._out))

    def set(self, **changes: Any) -> None:
        """Change fields of the state."""
        self.state = self.state.but(**changes)

    def send(self, message: Message) -> None:
        """Publish a message on its own topic."""
        self._out.append(Send(message))

    def wake(self, purpose: str, at: datetime | None = None) -> None:
        """Set or (without an instant) cancel a timer."""
        self._out.append(Wake(purpose, at))

    def change(self, attempt: Attempt, **changes: Any) -> Attempt:
        """Change one attempt and return it as it is now. What it declared is the same object for ever, and tells it from the others."""
        changed, declared = attempt.but(**changes), attempt.declaration
        self.set(attempts=tuple([changed if a.declaration is declared else a for a in self.state.attempts]))
        return changed

    def settle(self, attempt: Attempt, status: AttemptStatus, **changes: Any) -> Attempt:
        """Take an attempt to a state in which no answer is awaited."""
        if attempt.open:
            self.wake(attempt.timer)
        if attempt.clock:
            self.wake(attempt.clock_timer)
        return self.change(attempt, status=status, **changes)

    def lose(self, attempt: Attempt, code: str) -> None:
        """Leave it to the ladder what becomes of an attempt that will not do."""
        others = tuple(loss for loss in self.state.losses if loss.key != attempt.key)
        self.set(losses=(*others, Loss(key=attempt.key, step_id=attempt.step_id, leg_id=attempt.leg_id, code=code)))

    def unlose(self, attempt: Attempt) -> None:
        """Take an attempt that answers after all from what the ladder is to look at."""
        if self.state.losses:
            self.set(losses=tuple(loss for loss in self.state.losses if loss.key != attempt.key))

    def transmit(self, attempt: Attempt) -> None:
        """Send an attempt's command, and wake when its answer is late."""
        topic = connector_commands(attempt.declaration.connector)
        message = attempt.command(self.state.approval, self.plan.travellers)
        self._out.append(Send(message, topic, expires_at=self.state.forward_by, reply_to=EXECUTOR_REPLIES))
        pause = self.policy.pending_seconds if attempt.status is AttemptStatus.PENDING else None
        self.wake(attempt.timer, self.later(pause) if pause else self.now + self.policy.backoff(attempt.silent))

    def later(self, seconds: float) -> datetime:
        """Return the instant this many seconds from now."""
        return self.now + timedelta(seconds=seconds)
