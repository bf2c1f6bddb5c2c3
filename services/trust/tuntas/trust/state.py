"""A task's consent, and the wallet of the person who gives it."""

from typing import Literal
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Contract, Instant
from tuntas.contracts.money import Amounts
from tuntas.contracts.plan import Plan
from tuntas.contracts.trust import Mandate


class Wallet(Contract):
    """A person's mandate, and what all their tasks have reserved and spent, per currency."""

    person: UUID
    mandate: Mandate | None = None
    reserved: Amounts = field(default_factory=dict)
    spent: Amounts = field(default_factory=dict)


class Proposal(Contract):
    """A plan as it was proposed: the bytes and what they say at most. `reasons` and `until` belong to a question to the person."""

    revision: int
    digest: str
    text: str
    reasons: tuple[str, ...] = ()
    until: Instant | None = None

    def plan(self) -> Plan:
        """Read the plan."""
        return Plan.model_validate_json(self.text)


class Consent(Contract):
    """One task at trust, or, with status `person`, a person's own row.

    `revision` is the highest that was proposed, `standing` the plan that may run, `pending` one that waits for the person's answer; a task
    may have both. `granted` and `asked` are what these two need, `reserved` what is held for the task in the wallet, `kept` what closing
    number `closing` kept. `resting` says that an operator has the task since. `epoch` counts the executions that reopening allows.
    """

    status: Literal["new", "person", "waiting", "approved", "reopened", "ended", "denied", "expired", "cancelled"]
    person: UUID | None = None
    wallet: Wallet | None = None
    revision: int = 0
    standing: Proposal | None = None
    pending: Proposal | None = None
    granted: Amounts = field(default_factory=dict)
    asked: Amounts = field(default_factory=dict)
    reserved: Amounts = field(default_factory=dict)
    kept: Amounts = field(default_factory=dict)
    closing: int = 0
    reopened: int = 0
    resting: bool = False
    epoch: int = 1
    code: str = ""


def blank(person: UUID, wallet: Wallet | None = None) -> Consent:
    """Return the state of a task that has no row yet; a person without a row has an empty wallet."""
    return Consent(status="new", person=person, wallet=wallet or Wallet(person=person))


def share_wallet(changed: Consent, other: Consent) -> Consent:
    """Return another task's consent with the wallet as a change to this one left it, if both are of one person."""
    if changed.person is None or other.person != changed.person or other.wallet is changed.wallet:
        return other
    return other.model_copy(update={"wallet": changed.wallet})
