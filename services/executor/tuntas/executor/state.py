"""What the executor keeps of a task: the plan as approved, which offer each leg is at, and every attempt ever declared."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Document, Frozen, Instant, Term
from tuntas.contracts.connectors import Declaration, StepStarted
from tuntas.contracts.executor import EndResult
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Approval, StepKind


class Status(Term):
    """States of an execution (protocol 3)."""

    RUNNING = "running"
    DECIDING = "deciding"
    AMENDING = "amending"
    ENDED = "ended"


class AttemptStatus(Term):
    """States of an attempt at the executor (protocol 3)."""

    DECLARED = "declared"
    PENDING = "pending"
    NEEDS_USER = "needs_user"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    REFUSED = "refused"
    RELEASING = "releasing"
    UNDONE = "undone"


OPEN = frozenset({AttemptStatus.DECLARED, AttemptStatus.PENDING, AttemptStatus.NEEDS_USER, AttemptStatus.IN_DOUBT})
"""It may or may not have taken effect; an answer is awaited, with a timer behind it."""

GONE = frozenset({AttemptStatus.REFUSED, AttemptStatus.UNDONE})
"""It has no effect; only then may another attempt of the step be declared."""


class Attempt(Frozen):
    """One intention at one provider. What is sent is kept as declared, so that every try has the same body.

    `seq` is that of the last reply seen. `tries` counts sendings, `silent` those since a sign of life. `clock` is when its effect lapses,
    `not_before` when the step may be attempted again after a refusal that passes.
    """

    declaration: Declaration
    input: Document = field(default_factory=dict)
    acts_on: UUID | None = None
    amount: Money | None = None
    obliges: bool = False
    offer_id: str
    status: AttemptStatus = AttemptStatus.DECLARED
    seq: int = 0
    tries: int = 1
    silent: int = 1
    reference: str | None = None
    actual: Money | None = None
    clock: Instant | None = None
    not_before: Instant | None = None

    @property
    def step_id(self) -> str:
        """Return the step it attempts."""
        return self.declaration.step_id

    @property
    def leg_id(self) -> str:
        """Return the leg of its step."""
        return self.declaration.leg_id

    @property
    def key(self) -> UUID:
        """Return its key."""
        return self.declaration.key

    @property
    def open(self) -> bool:
        """Whether an answer is awaited."""
        return self.status in OPEN

    @property
    def gone(self) -> bool:
        """Whether it surely has no effect."""
        return self.status in GONE

    @property
    def done(self) -> bool:
        """Whether it has taken effect."""
        return self.status is AttemptStatus.DONE

    @property
    def pivot(self) -> bool:
        """Whether it cannot be taken back."""
        return self.declaration.kind is StepKind.PIVOT

    @property
    def timer(self) -> str:
        """Return the purpose of the timer behind its answer."""
        return f"reply_by:{self.step_id}:{self.declaration.attempt}"

    @property
    def clock_timer(self) -> str:
        """Return the purpose of the timer on its clock."""
        return f"clock:{self.step_id}:{self.declaration.attempt}"

    @property
    def again_timer(self) -> str:
        """Return the purpose of the timer for another attempt of its step."""
        return f"again:{self.step_id}"

    def command(self, approval: Approval | None, travellers: tuple[Personal, ...]) -> StepStarted:
        """Return the command of its current try."""
        return StepStarted(
            declaration=self.declaration,
            tried=self.tries,
            input=self.input,
            acts_on=self.acts_on,
            amount=self.amount,
            approval=approval if self.obliges else None,
            travellers=travellers,
        )


class Loss(Frozen):
    """An attempt that will not do, and why; the ladder has not looked at it yet."""

    key: UUID
    step_id: str
    leg_id: str
    code: str


class Execution(Frozen):
    """One task's execution. `plan` is the approved bytes, unparsed (protocol R23).

    `choices` is the index of the offer each leg is at. `failed_legs` await revision `asked`; `halting` says that a halt awaits the pivot.
    `result` and `code` say how it ended.
    """

    settled = ("plan", "approval")

    status: Status
    epoch: int = 1
    revision: int = 0
    plan: str = ""
    approval: Approval | None = None
    forward_by: Instant | None = None
    fee_limit: Amounts = field(default_factory=dict)
    choices: dict[str, int] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    losses: tuple[Loss, ...] = ()
    reheld: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    failed_legs: tuple[str, ...] = ()
    asked: int = 0
    amendments: int = 0
    halting: bool = False
    rungs: tuple[str, ...] = ()
    result: EndResult | None = None
    code: str = ""

    @property
    def pivot_open(self) -> bool:
        """Whether an irreversible step may or may not have happened."""
        return any(a.pivot and a.open for a in self.attempts)

    @property
    def pivot_done(self) -> bool:
        """Whether an irreversible step has happened."""
        return any(a.pivot and a.done for a in self.attempts)

    def overdue(self, now: datetime) -> bool:
        """Say whether the time for going forward is over."""
        return self.forward_by is not None and now >= self.forward_by

    def attempt(self, key: UUID) -> Attempt | None:
        """Return the attempt of this key."""
        number = key.int  # two ids are compared in Python, two numbers are not
        return next((a for a in self.attempts if a.declaration.key.int == number), None)

    def latest(self, step_id: str) -> Attempt | None:
        """Return the last attempt of a step."""
        return next((a for a in reversed(self.attempts) if a.step_id == step_id), None)

    def of_step(self, step_id: str) -> tuple[Attempt, ...]:
        """Return all attempts of a step, oldest first."""
        return tuple(a for a in self.attempts if a.step_id == step_id)

    def alive(self, leg_id: str) -> Iterator[Attempt]:
        """Return a leg's attempts that have or may have an effect."""
        return (a for a in self.attempts if a.leg_id == leg_id and not a.gone)

    def is_done(self, step_id: str) -> bool:
        """Say whether a step's last attempt has taken effect."""
        last = self.latest(step_id)
        return last is not None and last.done
