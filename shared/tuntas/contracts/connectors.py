"""What connectors take, answer and observe: quotes, steps, undos (protocol 2)."""

from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Contract, Document, Instant, Message, Term, Text
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Approval, Goal, Offer, Phase, StepKind, Timing, UndoTerms, Window
from tuntas.contracts.topics import EXECUTOR_REPLIES, PLANNER_REPLIES, SAGA_REPLIES


class Outcome(Term):
    """The five outcomes of an action or of undoing it; `undone` is how an undo is done."""

    DONE = "done"
    REFUSED = "refused"
    PENDING = "pending"
    UNKNOWN = "unknown"
    NEEDS_USER = "needs_user"
    UNDONE = "undone"


class QuoteRequested(Message, name="quote.requested"):
    """What could you do for this goal, for how much, on what terms of undoing, until when? Travels on the connector's commands."""

    quote_id: UUID
    goal: Goal
    person: UUID | None = None
    tz: str = "UTC"
    timing: Timing | None = None
    travellers: tuple[Personal, ...] = ()
    instrument: str
    lang: str


class Answer(Contract):
    """What was found for a goal that only asks: sealed, because where one goes and what one owns is personal.

    Opened it is a JSON list of `{title, provider, price, details}`, best first. `travel_seconds` is the best way's, if it is one.
    """

    found: Personal
    travel_seconds: int | None = None


class QuoteReplied(Message, name="quote.replied", topic=PLANNER_REPLIES):
    """Offers, best first by the connector's typed criteria, or the answer to a goal that only asks; none and a code if it can't."""

    quote_id: UUID
    connector: str
    offers: tuple[Offer, ...] = ()
    answer: Answer | None = None
    code: Code | None = None


class Declaration(Contract):
    """All that is needed to undo an attempt, durable before the attempt can act (protocol 2). `start` numbers declarations of a task.

    `sums` are the steps whose prices it pays together.
    """

    step_id: str
    leg_id: str
    connector: str
    provider: str
    attempt: int
    key: UUID
    body_digest: str
    revision: int
    epoch: int
    kind: StepKind
    phase: Phase
    action: str
    needs: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    start: int
    undo: UndoTerms
    compensation: Document = field(default_factory=dict)
    at_risk: Money | None = None
    moves_money: bool = False
    forward_by: Instant
    fee_limit: Amounts = field(default_factory=dict)


class StepStarted(Message, name="step.started"):
    """One record: the declaration for the coordinator and the command for the connector. Travels on the connector's commands."""

    declaration: Declaration
    tried: int
    input: Document
    acts_on: UUID | None = None
    amount: Money | None = None
    approval: Approval | None = None
    travellers: tuple[Personal, ...] = ()

    @property
    def first(self) -> bool:
        """Say whether it is the first command of its task, sent for the first time."""
        return self.declaration.start == 1 and self.tried == 1


class Clocks(Contract):
    """Until when a hold keeps its space, its price, and an authorization its money."""

    space_until: Instant | None = None
    price_until: Instant | None = None
    authorized_until: Instant | None = None

    def earliest(self) -> Instant | None:
        """Return the first of the clocks to run out."""
        return min((c for c in (self.space_until, self.price_until, self.authorized_until) if c), default=None)


class UserAction(Contract):
    """What the person has to do at the provider before the step can go on."""

    url: str
    reason: Code
    until: Instant


class StepReplied(Message, name="step.replied", topic=EXECUTOR_REPLIES):
    """What became of an attempt. `seq` rises with every change of the effect; an older one is ignored."""

    step_id: str
    attempt: int
    key: UUID
    seq: int
    outcome: Outcome
    code: Code | None = None
    reason: Text = ""
    reference: str | None = None
    amount: Money | None = None
    clocks: Clocks = Clocks()
    evidence: Document = field(default_factory=dict)
    action: UserAction | None = None


class StepUndo(Message, name="step.undo"):
    """Undo an attempt by its key; up to the fee limit without asking. Travels on the connector's commands.

    With `part`, only so much of the money that it moved is given back, and the rest of it stands.
    """

    step_id: str
    key: UUID
    number: int
    fee_limit: Amounts = field(default_factory=dict)
    accepted_quote: str | None = None
    part: Money | None = None


class StepUndone(Message, name="step.undone", topic=SAGA_REPLIES):
    """What became of an undo. `nothing` says that there was no effect to undo; `amount` is the action's, as far as it is known.

    With `part`, only so much was given back and the effect stands; `refund` is all that was given back so far.
    """

    step_id: str
    key: UUID
    number: int
    seq: int
    outcome: Outcome
    code: Code | None = None
    nothing: bool = False
    amount: Money | None = None
    fee: Money | None = None
    refund: Money | None = None
    reference: str | None = None
    quote_id: str | None = None
    evidence: Document = field(default_factory=dict)
    part: Money | None = None


class UndoQuoteRequested(Message, name="undo.quote_requested"):
    """What would undoing this attempt cost now? Nothing is undone. Travels on the connector's commands."""

    drill_id: UUID
    step_id: str
    key: UUID


class UndoQuoted(Message, name="undo.quoted", topic=SAGA_REPLIES):
    """What undoing would cost now. `asked` says that the provider said so; else `code` says why it was not asked, or gave no answer.

    `free`: giving up a hold costs nothing; `consumed`: it goes with a later effect; `no_effect`: there is nothing to undo; `open`: the
    action's outcome is not known.
    """

    drill_id: UUID
    step_id: str
    key: UUID
    asked: bool
    allowed: bool = True
    fee: Money | None = None
    refund: Money | None = None
    code: Code | None = None


class EffectObserved(Message, name="effect.observed"):
    """The other side acted: what is true now; with `moved`, when it takes place now. Travels on the connector's events."""

    step_id: str
    key: UUID
    seq: int
    state: Outcome
    code: Code
    reference: str | None = None
    amount: Money | None = None
    refund: Money | None = None
    window: Window | None = None


class ProviderNotified(Message, name="provider.notified"):
    """A webhook's hint that an object changed; the connector fetches before it believes. Travels on the connector's commands."""

    key: UUID
    event_id: str
