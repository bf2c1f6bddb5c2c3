"""What the gateway remembers of a task: its public status and the facts that go with it. No personal data."""

from typing import Literal
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Contract, Instant, Message, Text
from tuntas.contracts.connectors import UserAction
from tuntas.contracts.gateway import TaskEvent
from tuntas.contracts.money import Amounts
from tuntas.contracts.planner import Told
from tuntas.contracts.saga import Receipt, SagaRepaired

Status = Literal[
    "accepted",
    "question",
    "planned",
    "approval_needed",
    "running",
    "needs_attention",
    "reopened",
    "completed",
    "compensated",
    "answered",
    "rejected",
]
"""The public status. Terminal ones absorb; only a reopen leads out of a closing (protocol P11)."""

TERMINAL: frozenset[Status] = frozenset({"completed", "compensated", "answered", "rejected"})
UNPLANNED: frozenset[Status] = frozenset({"accepted", "question"})
UNAPPROVED: frozenset[Status] = frozenset({"accepted", "question", "planned", "approval_needed"})


class Question(Contract):
    """The open question to the person."""

    slot: str
    question: Text
    until: Instant


class PlanShown(Contract):
    """The last plan proposed: amounts at most, what undoing would cost at worst, why these offers and which stand by."""

    revision: int
    digest: str
    titles: tuple[Text, ...]
    ceilings: Amounts
    worst_undo: Amounts
    reasons: tuple[Text, ...] = ()


class ApprovalShown(Contract):
    """The yes that is waited for."""

    revision: int
    digest: str
    reasons: tuple[Code, ...]
    ceilings: Amounts
    worst_undo: Amounts
    until: Instant


class StepShown(Contract):
    """What became of a step last. `attempt` and `seq` tell older news from newer; `action` is what the person has to do."""

    key: UUID
    attempt: int
    seq: int
    status: str
    code: Code | None = None
    action: UserAction | None = None


class Task(Contract):
    """One task's public side.

    `digest` is of the submission's body, with the key of `person`; `approved` the highest approved revision, 0 before the first; `dirty`
    steps are not told yet; `lang` is the language the person speaks, once it is known; `titles` what a completed task brought;
    `repaired` says what became of an operator's last decision. `recorded` holds the events of this batch for `task_events`, `repairs`
    what repairs came to in it, `drilled` what rehearsals did; they are not part of the row.
    """

    status: Status
    source: str
    source_id: str
    reference: str = ""
    lang: str | None = None
    person: UUID | None = None
    digest: str = ""
    events_topic: str | None = None
    seq: int = 0
    question: Question | None = None
    plan: PlanShown | None = None
    approval: ApprovalShown | None = None
    approved: int = 0
    steps: dict[str, StepShown] = field(default_factory=dict)
    dirty: tuple[str, ...] = ()
    cancel: Literal["accepted", "refused"] | None = None
    undo_price: Amounts = field(default_factory=dict)
    closing: int = 0
    code: Code | None = None
    reason: Text = ""
    kept: Amounts = field(default_factory=dict)
    titles: tuple[Text, ...] = ()
    actions: tuple[str, ...] = ()
    wishes: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    receipt: Receipt | None = None
    repaired: SagaRepaired | None = None
    recorded: tuple[TaskEvent, ...] = ()
    repairs: tuple[SagaRepaired, ...] = ()
    drilled: tuple[Message, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL
