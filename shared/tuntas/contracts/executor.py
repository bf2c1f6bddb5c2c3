"""What the executor takes and tells."""

from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Contract, Message, Term
from tuntas.contracts.connectors import Declaration, Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Window
from tuntas.contracts.topics import EXECUTOR_COMMANDS, EXECUTOR_EVENTS, EXECUTOR_REPLIES


class EndResult(Term):
    """How an execution ended (protocol 2)."""

    FINISHED = "finished"
    FAILED = "failed"
    HALTED = "halted"
    STUCK = "stuck"


class TallyEntry(Contract):
    """One attempt that this execution ever declared, as it stood when the execution ended. `undone` attempts are listed, too."""

    step_id: str
    attempt: int
    key: UUID
    outcome: Outcome
    reference: str | None = None
    amount: Money | None = None
    declaration: Declaration | None = None


class ExecutionEnded(Message, name="execution.ended", topic=EXECUTOR_EVENTS):
    """Forward is over. The tally, a set from one committed row, is the authority on what was declared (protocol R1)."""

    revision: int
    epoch: int
    result: EndResult
    code: Code
    titles: tuple[str, ...] = ()
    tally: tuple[TallyEntry, ...] = ()
    rungs: tuple[str, ...] = ()


class ExecutionCommitted(Message, name="execution.committed", topic=EXECUTOR_EVENTS):
    """The answer to a halt that came too late: the pivot is done, forward only."""

    epoch: int


class ExecutionHalt(Message, name="execution.halt", topic=EXECUTOR_COMMANDS):
    """May this be rolled back? The answer is `execution.ended` or `execution.committed`."""

    epoch: int


class ExecutionReopen(Message, name="execution.reopen", topic=EXECUTOR_COMMANDS):
    """A settled task lost an effect, or an operator retries: a new epoch with the effects still alive, and when those moved take place."""

    epoch: int
    alive: tuple[TallyEntry, ...] = ()
    lost_legs: tuple[str, ...] = ()
    windows: dict[str, Window] = field(default_factory=dict)
    code: Code


class AttemptReleased(Message, name="attempt.released", topic=EXECUTOR_REPLIES):
    """The coordinator undid these attempts, or is stuck with one."""

    keys: tuple[UUID, ...]
    stuck: bool = False


class StepRetry(Message, name="step.retry", topic=EXECUTOR_COMMANDS):
    """The person did what a provider asked: ask it again with the same key."""

    step_id: str
