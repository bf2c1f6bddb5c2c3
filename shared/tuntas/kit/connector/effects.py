"""The effects of one task at one connector: the barrier that tells duplicate, empty and late apart."""

from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Document, Frozen, Instant, Term
from tuntas.contracts.connectors import Clocks, Outcome, StepReplied, StepUndo, StepUndone, UserAction
from tuntas.contracts.money import Amounts, Money, less
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Window


class State(Term):
    """States of an effect (protocol 3). `unsent`: the call did not leave; `calling`: it is out, and its row was committed before."""

    UNSENT = "unsent"
    CALLING = "calling"
    IN_DOUBT = "in_doubt"
    PENDING = "pending"
    NEEDS_USER = "needs_user"
    DONE = "done"
    REFUSED = "refused"
    UNDOING = "undoing"
    UNDONE = "undone"
    TOMBSTONE = "tombstone"
    UNDO_REFUSED = "undo_refused"


OPEN = frozenset({State.UNSENT, State.CALLING, State.IN_DOUBT, State.PENDING, State.NEEDS_USER})
COMPENSATED = frozenset({State.UNDOING, State.UNDONE, State.TOMBSTONE, State.UNDO_REFUSED})
LIVE = OPEN | {State.DONE, State.UNDOING, State.UNDO_REFUSED}

_OUTCOMES = {
    State.DONE: Outcome.DONE,
    State.REFUSED: Outcome.REFUSED,
    State.PENDING: Outcome.PENDING,
    State.NEEDS_USER: Outcome.NEEDS_USER,
    State.IN_DOUBT: Outcome.UNKNOWN,
    State.UNSENT: Outcome.PENDING,
    State.CALLING: Outcome.PENDING,
}


class Undo(Frozen):
    """The undo in progress or done; with `part`, only of so much of the money that was moved."""

    number: int
    seq: int = 0
    fee_limit: Amounts = field(default_factory=dict)
    accepted_quote: str | None = None
    outcome: Outcome = Outcome.PENDING
    code: Code | None = None
    nothing: bool = False
    fee: Money | None = None
    refund: Money | None = None
    reference: str | None = None
    quote_id: str | None = None
    evidence: Document = field(default_factory=dict)
    part: Money | None = None


class Effect(Frozen):
    """One attempt at one provider.

    `calls` counts calls made, `out` is the kind of the call that is out now, `misses` inquiries without a find. `lost` says that
    a sending of the action has no answer and was not proved absent since: whatever else fails, it may have acted. `returned` is what was
    given back of money whose rest stands, which is possible if `partly`. `traceparent` is its first command's.
    """

    key: UUID
    step_id: str
    attempt: int
    state: State
    seq: int = 0
    provider: str = ""
    action: str = ""
    digest: str = ""
    input: Document = field(default_factory=dict)
    amount: Money | None = None
    travellers: tuple[Personal, ...] = ()
    acts_on: UUID | None = None
    forward_by: Instant | None = None
    calls: int = 0
    out: str | None = None
    tries: int = 0
    lost: bool = False
    misses: int = 0
    missed_at: Instant | None = None
    watch_until: Instant | None = None
    recheck: bool = False
    code: Code | None = None
    reason: str = ""
    reference: str | None = None
    clocks: Clocks = Clocks()
    window: Window | None = None
    evidence: Document = field(default_factory=dict)
    user_action: UserAction | None = None
    traceparent: str = ""
    undo: Undo | None = None
    partly: bool = False
    returned: Money | None = None

    def replied(self) -> StepReplied:
        """Return the latest reply to the action; an undone effect is refused as `compensated`."""
        outcome = _OUTCOMES.get(self.state, Outcome.REFUSED)
        return StepReplied(
            step_id=self.step_id,
            attempt=self.attempt,
            key=self.key,
            seq=self.seq,
            outcome=outcome,
            code=(self.code or "compensated") if self.state in COMPENSATED else self.code,
            reason=self.reason,
            reference=self.reference,
            amount=self.amount,
            clocks=self.clocks,
            evidence=self.evidence,
            action=self.user_action,
        )

    def undone(self) -> StepUndone:
        """Return the latest reply to the undo."""
        undo = self.undo or Undo(number=1)
        return StepUndone(
            step_id=self.step_id,
            key=self.key,
            number=undo.number,
            seq=undo.seq,
            outcome=undo.outcome,
            code=undo.code,
            nothing=undo.nothing,
            amount=self.amount,
            fee=undo.fee,
            refund=undo.refund,
            reference=undo.reference or self.reference,
            quote_id=undo.quote_id,
            evidence=undo.evidence,
            part=undo.part if self.state is State.DONE else None,
        )

    @property
    def part(self) -> Money | None:
        """Return how much of the money an undo gives back, if that is not all that was moved."""
        if self.undo and self.undo.part:
            return self.undo.part
        return less(self.amount, self.returned) if self.amount and self.returned else None

    @property
    def unwanted(self) -> bool:
        """Whether no undo is waited for: none was asked for, or the last one was answered for good."""
        return self.undo is None or self.undo.outcome not in {Outcome.PENDING, Outcome.NEEDS_USER}

    def wanted(self, message: StepUndo) -> "Effect":
        """Return the effect with this undo asked for; its `seq` goes on rising, and a quote that is accepted stays known with its fee."""
        before = self.undo or Undo(number=0)
        terms = {"fee_limit": message.fee_limit, "accepted_quote": message.accepted_quote, "part": message.part}
        asked = Undo.model_validate({"number": message.number, "seq": before.seq, **terms})
        if message.accepted_quote is not None and message.accepted_quote == before.quote_id:
            asked = asked.model_copy(update={"quote_id": before.quote_id, "fee": before.fee})
        return self.model_copy(update={"undo": asked})


class Effects(Frozen):
    """All effects of a task at this connector. One row and one writer: one call in flight for each provider object follows from it."""

    status: str = "quiet"
    revision: int = 0
    effects: dict[UUID, Effect] = field(default_factory=dict)

    def put(self, effect: Effect) -> "Effects":
        """Return the effects with this one replaced; `status` says whether anything is open or alive."""
        effects = {**self.effects, effect.key: effect}
        states = {e.state for e in effects.values()}
        status = (
            "open" if states & (OPEN | {State.UNDOING}) else "alive" if State.DONE in states or State.UNDO_REFUSED in states else "quiet"
        )
        return self.model_copy(update={"effects": effects, "status": status})

    def busy(self, effect: Effect) -> bool:
        """Say whether a call about the same provider object is out."""
        family = {effect.key, effect.acts_on} - {None}
        return any(e.out and e.key != effect.key and (e.key in family or e.acts_on in family) for e in self.effects.values())

    def about(self, effect: Effect) -> list[Effect]:
        """Return whom a change of this effect's provider object concerns: what acts on it and is alive, else itself and all that tried."""
        alive = [e for e in self.consumers(effect) if e.state in LIVE - {State.UNSENT}]
        return alive or [effect, *(e for e in self.consumers(effect) if e.tries)]

    def consumers(self, effect: Effect) -> list[Effect]:
        """Return the later effects on this effect's object: the confirm of a hold, the capture of an authorization."""
        return [e for e in self.effects.values() if e.acts_on == effect.key]
