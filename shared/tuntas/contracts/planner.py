"""What the planner asks connectors, takes from the executor and proposes."""

from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Code, Contract, Message, Text
from tuntas.contracts.money import Amounts
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Window
from tuntas.contracts.topics import PLANNER_COMMANDS, PLANNER_EVENTS


class Told(Contract):
    """The sealed answer to one goal that only asks."""

    goal_id: str
    type: str
    found: Personal


class PlanProposed(Message, name="plan.proposed", topic=PLANNER_EVENTS):
    """A plan as the bytes that are digested, signed and passed on unparsed (protocol R23), and what was found for goals that only ask.

    `reasons` say why each offer was chosen, and what each alternative differs in.
    """

    revision: int
    plan: str
    digest: str
    person: UUID
    titles: tuple[Text, ...]
    ceilings: Amounts
    worst_undo: Amounts
    reasons: tuple[Text, ...] = ()
    told: tuple[Told, ...] = ()


class PlanAnswered(Message, name="plan.answered", topic=PLANNER_EVENTS):
    """All that was wanted was to know: nothing is done and nothing can be undone."""

    told: tuple[Told, ...]


class PlanInfeasible(Message, name="plan.infeasible", topic=PLANNER_EVENTS):
    """No plan reaches the goals: `no_offer`, `over_budget`, `no_payment`, `conflicting_goals`, `quote_timeout`, or a connector's code.

    `wishes` are the goals that stand in the way.
    """

    revision: int
    code: Code
    reason: Text = ""
    wishes: tuple[str, ...] = ()


class PlanAmend(Message, name="plan.amend", topic=PLANNER_COMMANDS):
    """Replace the legs that failed, keep the rest, as revision + 1. `tried` are offers that must not be proposed again.

    `base` is the revision that runs, if a later one was proposed and did not come to run; `windows` say of legs when they take place now.
    """

    revision: int
    base: int | None = None
    epoch: int
    failed_legs: tuple[str, ...]
    tried: tuple[str, ...] = ()
    windows: dict[str, Window] = field(default_factory=dict)
    code: Code
