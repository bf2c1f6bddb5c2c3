"""What the coordinator takes and tells: closings, receipts, repair."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field
from pydantic import Field

from tuntas.contracts.base import Code, Contract, Document, Message, Term, Text
from tuntas.contracts.connectors import Declaration
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.topics import SAGA_COMMANDS, SAGA_EVENTS

RepairAction = Literal["retry", "skip", "mark_done", "accept_fee", "force"]
"""What an operator can decide on a saga."""


class SagaOutcome(Term):
    """The two outcomes of a saga."""

    COMPLETED = "completed"
    COMPENSATED = "compensated"


class EffectState(Term):
    """Final state of an effect in a receipt."""

    KEPT = "kept"
    UNDONE = "undone"
    NOTHING = "nothing"
    RESIDUE = "residue"
    IN_DOUBT = "in_doubt"


class EffectRecord(Contract):
    """One declared attempt in a receipt: what is left of it, by reference and amount."""

    step_id: str
    attempt: int
    key: UUID
    connector: str
    provider: str
    action: str
    state: EffectState
    reference: str | None = None
    amount: Money | None = None
    fee: Money | None = None
    refund: Money | None = None
    note: Text = ""


class Posting(Contract):
    """One side of a double entry; the postings of a receipt sum to zero in each currency (protocol P14)."""

    account: str
    amount_minor: int
    currency: str
    step_id: str
    attempt: int


class Receipt(Contract):
    """Each effect's final state and every movement of money; `provisional` while something rests with an operator."""

    task_id: UUID
    tenant: str
    closing: int
    outcome: SagaOutcome | None
    provisional: bool = False
    code: Code
    effects: tuple[EffectRecord, ...]
    postings: tuple[Posting, ...]
    kept: Amounts
    residue: tuple[str, ...] = ()
    rungs: tuple[str, ...] = ()
    trace_id: str = ""


class SagaEnded(Message, name="saga.ended", topic=SAGA_EVENTS):
    """A numbered closing with absolute amounts; settling it twice changes nothing (protocol R16)."""

    outcome: SagaOutcome
    closing: int
    code: Code
    kept: Amounts
    titles: tuple[Text, ...] = ()
    receipt: Receipt


class SagaReopened(Message, name="saga.reopened", topic=SAGA_EVENTS):
    """The other side changed a settled effect, or a person gave up a part; closing `closing` begins."""

    code: Code
    closing: int


class SagaNeedsAttention(Message, name="saga.needs_attention", topic=SAGA_EVENTS):
    """It rests. `actions` are the operator's safe ones."""

    code: Code
    actions: tuple[str, ...]
    receipt: Receipt


class CancelAnswered(Message, name="cancel.answered", topic=SAGA_EVENTS):
    """`accepted` (a rollback follows) or too late, with the price of undoing."""

    accepted: bool
    code: Code
    undo_price: Amounts = field(default_factory=dict)


class SagaCancel(Message, name="saga.cancel", topic=SAGA_COMMANDS):
    """Trust passes on a cancel of an approved task."""

    by: str
    cause: Literal["person", "revoked", "expired"]


class SagaUndo(Message, name="saga.undo", topic=SAGA_COMMANDS):
    """Somebody gives up these legs of a completed task and keeps the others. Answered by `saga.undo_answered`.

    Each effect is undone for up to `fee_limit` without asking; without one, for what its declaration allows. `expected` is the version of
    the saga that was looked at: another one by now, and nothing is changed.
    """

    undo_id: UUID
    legs: Annotated[tuple[str, ...], Meta(min_length=1), Field(min_length=1)]
    fee_limit: Amounts | None = None
    by: str
    expected: int | None = None


class SagaUndoAnswered(Message, name="saga.undo_answered", topic=SAGA_EVENTS):
    """Whether legs are being given up, or why nothing was changed.

    Codes: `undoing`; `not_completed`, `moved` (it is another version), `unknown_leg`, `irreversible`, `no_partial_refund`.
    """

    undo_id: UUID
    accepted: bool
    code: Code


class AttemptRelease(Message, name="attempt.release", topic=SAGA_COMMANDS):
    """Undo these attempts only, before another offer takes their place. Carries their declarations, for they may be read first."""

    epoch: int
    declarations: tuple[Declaration, ...]


class SagaRepair(Message, name="saga.repair", topic=SAGA_COMMANDS):
    """An operator's decision on a resting saga; `skip` keeps an effect, `mark_done` says with evidence that it is undone.

    `expected` is the version of the saga that was looked at: another one by now, and nothing is changed. `repair_id` names the order
    that the answer is given to.
    """

    action: RepairAction
    key: UUID | None = None
    by: str
    reason: Text
    evidence: Document = field(default_factory=dict)
    repair_id: UUID | None = None
    expected: int | None = None


class SagaRepaired(Message, name="saga.repaired", topic=SAGA_EVENTS):
    """What became of a repair: `applied`, or why not: `moved` (it is another version), `nothing_to_do`, `no_saga`, or what was missing.

    `before` and `after` are the saga's versions around it; equal: nothing was changed.
    """

    repair_id: UUID | None = None
    action: RepairAction
    key: UUID | None = None
    by: str
    applied: bool
    code: Code
    before: int
    after: int


class SagaDrill(Message, name="saga.drill", topic=SAGA_COMMANDS):
    """Somebody asks what undoing everything, or only some legs, would cost now. Nothing is undone, and the version stays."""

    drill_id: UUID
    legs: tuple[str, ...] = ()


class DrilledEffect(Contract):
    """An effect that would be undone. `worst_fee` is what its declaration says undoing costs at worst now; none: it says nothing."""

    step_id: str
    key: UUID
    connector: str
    provider: str
    action: str
    amount: Money | None = None
    worst_fee: Money | None = None


class SagaDrilled(Message, name="saga.drilled", topic=SAGA_EVENTS):
    """What would be undone, in that order. Each effect's connector was asked for a quote (`undo.quoted`)."""

    drill_id: UUID
    version: int
    effects: tuple[DrilledEffect, ...] = ()
