"""What the coordinator remembers of one task: its effects, how forward ended, and what it works towards."""

from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Frozen, Instant, Term
from tuntas.contracts.connectors import Declaration, EffectObserved, Outcome
from tuntas.contracts.executor import EndResult, TallyEntry
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.plan import Phase, StepKind, Window
from tuntas.contracts.saga import SagaOutcome


class Status(Term):
    """States of a saga (protocol 3)."""

    OPEN = "open"
    HALTING = "halting"
    COMPENSATING = "compensating"
    NEEDS_ATTENTION = "needs_attention"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    REOPENED = "reopened"


FORWARD = frozenset({Status.OPEN, Status.REOPENED})
TERMINAL = frozenset({Status.COMPLETED, Status.COMPENSATED})


class Stage(Term):
    """Where the coordinator is with an effect. `waiting`: for a person; `kept`: left at its provider by a person's decision."""

    STANDING = "standing"
    UNDOING = "undoing"
    WAITING = "waiting"
    UNDONE = "undone"
    KEPT = "kept"


class Effect(Frozen):
    """A declared attempt. `listed` is its outcome in the tally, none before it.

    `number` is the undo's, `sends` how often it left (0: queued), `answered` that only a higher number can be sent.
    `lost`: the other side took it back and the executor does not know. `part` is how much of its money is being given back while the rest
    stands, `returned` how much was; `fee_limit` replaces the declared one.
    """

    declaration: Declaration
    stage: Stage = Stage.STANDING
    listed: Outcome | None = None
    observed: Outcome | None = None
    observed_seq: int = 0
    reference: str | None = None
    amount: Money | None = None
    number: int = 0
    sends: int = 0
    answered: bool = False
    undo_seq: int = 0
    nothing: bool = False
    lost: bool = False
    marked: bool = False
    code: Code | None = None
    fee: Money | None = None
    refund: Money | None = None
    asked_fee: Money | None = None
    quote_id: str | None = None
    accepted_quote: str | None = None
    part: Money | None = None
    returned: Money | None = None
    fee_limit: Amounts | None = None
    note: str = ""

    @property
    def key(self) -> UUID:
        """Return the attempt's key."""
        return self.declaration.key

    @property
    def price(self) -> Money | None:
        """Return what it obliged or moved: the actual amount, else the one at risk."""
        return self.amount or self.declaration.at_risk

    @property
    def doubtful(self) -> bool:
        """Say whether it stands, or may."""
        return self.stage is Stage.STANDING and self.listed is not Outcome.DONE

    @property
    def pivot(self) -> bool:
        """Say whether it is irreversible and may have happened."""
        return self.declaration.kind is StepKind.PIVOT and self.stage is Stage.STANDING

    @property
    def read(self) -> bool:
        """Say whether it only looked: it has no effect."""
        return self.declaration.phase is Phase.READ

    def unwanted(self) -> Self:
        """Return it to be undone: with the number that may be sent, and a fresh budget. A read is undone already."""
        if self.read:
            return self.but(stage=Stage.UNDONE, nothing=True, answered=True, lost=False)
        number = self.number + 1 if self.answered or not self.number else self.number
        return self.but(stage=Stage.UNDOING, number=number, sends=0, answered=False, code=None, lost=False)

    def waiting(self, code: str, **changes: Any) -> Self:
        """Return it as waiting for a person."""
        return self.but(stage=Stage.WAITING, code=code, **changes)


def _last_first(effect: Effect) -> int:
    return -effect.declaration.start


class Ending(Frozen):
    """How the executor ended an epoch."""

    epoch: int
    result: EndResult
    code: Code
    titles: tuple[str, ...] = ()
    rungs: tuple[str, ...] = ()


class Saga(Frozen):
    """One task. `aim` is the outcome it works towards once forward is over and judged; `closing` the last outcome's number.

    `awaited` are tally entries whose declarations were not read yet, `early` observations of such attempts. `cancel` is one that was not
    answered yet. `moved` are legs that take place at another time, `windows` those that the executor was told of. `given_up` are legs that
    a person gave up after all was done. `reason` says why it rests. `waiting_for` is one code, `since` when that began; `at_risk` is minor
    units per currency. `version` rises with every decision that changed anything: an operator names the one that was looked at.
    """

    status: Status
    version: int = 0
    forward: Status = Status.OPEN
    epoch: int = 1
    forward_by: Instant | None = None
    effects: dict[UUID, Effect] = field(default_factory=dict)
    awaited: dict[UUID, TallyEntry] = field(default_factory=dict)
    early: dict[UUID, EffectObserved] = field(default_factory=dict)
    releases: tuple[tuple[UUID, ...], ...] = ()
    cancel: bool = False
    ended: Ending | None = None
    aim: SagaOutcome | None = None
    code: Code | None = None
    reason: Code | None = None
    lost_legs: tuple[str, ...] = ()
    moved: dict[str, Window] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    given_up: tuple[str, ...] = ()
    closing: int = 0
    at_risk: Amounts = field(default_factory=dict)
    waiting_for: str = ""
    since: Instant | None = None
    trace_id: str = ""

    @property
    def over(self) -> bool:
        """Say whether the current epoch ended: nothing more will be declared."""
        return self.ended is not None and self.ended.epoch >= self.epoch

    @property
    def judgeable(self) -> bool:
        """Say whether all that is needed for the outcome is known, and it is not decided."""
        return self.over and self.aim is None and not self.awaited

    def within(self, *stages: Stage) -> Iterator[Effect]:
        """Return the effects in these stages, the last declared first."""
        return iter(sorted((e for e in self.effects.values() if e.stage in stages), key=_last_first))

    def pivots(self) -> list[Effect]:
        """Return the irreversible steps that happened or may have."""
        return [e for e in self.effects.values() if e.pivot]

    @property
    def pivot_done(self) -> bool:
        """Say whether an irreversible step is known to have happened."""
        return any(e.listed is Outcome.DONE for e in self.pivots())
