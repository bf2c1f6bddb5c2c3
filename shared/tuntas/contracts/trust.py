"""What trust decides, takes and broadcasts."""

from typing import Literal
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Contract, Instant, Message
from tuntas.contracts.money import Amounts
from tuntas.contracts.plan import Approval
from tuntas.contracts.topics import TRUST_COMMANDS, TRUST_EVENTS, TRUST_STATE


class Mandate(Contract):
    """A person's standing consent. A plan inside it runs without asking; amounts are minor units per currency.

    `goal_types` are exact names or a prefix ending in `.*`; `per_task` bounds one plan; `budget` bounds all that is reserved and spent.
    """

    goal_types: tuple[str, ...]
    per_task: Amounts
    budget: Amounts
    undo_fee_limit: Amounts = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    expires_at: Instant


class MandateSet(Message, name="mandate.set", topic=TRUST_COMMANDS):
    """A person gives, changes or (with none) revokes the mandate. Keyed by the person's id."""

    person: UUID
    mandate: Mandate | None


class PlanDecided(Message, name="plan.decided", topic=TRUST_COMMANDS):
    """A person's yes or no to exactly this digest."""

    digest: str
    approved: bool
    by: str


class TaskCancel(Message, name="task.cancel", topic=TRUST_COMMANDS):
    """Somebody wants the task undone or not begun."""

    by: str
    cause: Literal["person", "revoked", "expired"] = "person"


class PlanApproved(Message, name="plan.approved", topic=TRUST_EVENTS):
    """This exact plan may run. Nothing has happened at a provider before it. `fee_limit` bounds undoing without asking."""

    revision: int
    epoch: int = 1
    plan: str
    digest: str
    approval: Approval
    start_by: Instant
    forward_by: Instant
    fee_limit: Amounts = field(default_factory=dict)


class ApprovalAsked(Message, name="approval.asked", topic=TRUST_EVENTS):
    """The mandate does not cover the plan; `reasons` are codes such as `over_limit`, `no_mandate`, `over_budget`."""

    revision: int
    digest: str
    reasons: tuple[Code, ...]
    ceilings: Amounts
    worst_undo: Amounts
    until: Instant


class PlanDenied(Message, name="plan.denied", topic=TRUST_EVENTS):
    """It may not run: `approval_denied`, `approval_expired`, `cancelled`, `over_budget`, `stale_digest`."""

    revision: int
    code: Code


class Switch(Message, name="switch.set", topic=TRUST_STATE):
    """A kill switch: while `parked`, no call leaves to the party. Compacted by `scope`, read whole by every replica."""

    scope: str
    parked: bool
    by: str
    reason: str = ""
