"""What the planner asks connectors, takes from the executor and proposes."""

from uuid import UUID

from tuntas.contracts.base import Code, Message, Text
from tuntas.contracts.money import Amounts
from tuntas.contracts.topics import PLANNER_COMMANDS, PLANNER_EVENTS


class PlanProposed(Message, name="plan.proposed", topic=PLANNER_EVENTS):
    """A plan as the bytes that are digested, signed and passed on unparsed (protocol R23)."""

    revision: int
    plan: str
    digest: str
    person: UUID
    titles: tuple[Text, ...]
    ceilings: Amounts
    worst_undo: Amounts


class PlanInfeasible(Message, name="plan.infeasible", topic=PLANNER_EVENTS):
    """No plan reaches the goals: `no_offer`, `over_budget`, `no_payment`, `conflicting_goals`, `quote_timeout`, or a connector's code."""

    revision: int
    code: Code
    reason: Text = ""


class PlanAmend(Message, name="plan.amend", topic=PLANNER_COMMANDS):
    """Replace the legs that failed, keep the rest, as revision + 1. `tried` are offers that must not be proposed again.

    `base` is the revision that runs, if a later one was proposed and did not come to run.
    """

    revision: int
    base: int | None = None
    epoch: int
    failed_legs: tuple[str, ...]
    tried: tuple[str, ...] = ()
    code: Code
