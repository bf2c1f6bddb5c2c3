"""What was asked, as goals with the connectors that serve them; the payment goal is added where a price has to be paid."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tuntas.contracts.connectors import QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.plan import Goal, Plan
from tuntas.contracts.registry import GoalType
from tuntas.contracts.topics import PLANNER_REPLIES, connector_commands
from tuntas.kit.decision import Send
from tuntas.kit.errors import Rejected
from tuntas.planner.state import Quote

PAYMENT = "payment"
"""The goal and leg through which all that is charged is paid."""


class Registry(Protocol):
    """Which connector serves which goal type, as the connectors declared it."""

    def serves(self, goal_type: str) -> tuple[str, GoalType] | None:
        """Return the connector that serves a goal type, and the type."""

    def settler(self) -> tuple[str, GoalType] | None:
        """Return the connector and goal type through which prices are paid."""


def served(task_id: UUID, request: IntentResolved, registry: Registry) -> tuple[tuple[Quote, ...], tuple[str, ...]]:
    """Return the first quotes of a task, and which of its goals are charged.

    Raises:
        Rejected: `conflicting_goals`, `unknown_goal_type`, or `no_payment`: nobody takes the money.
    """
    ids = [goal.goal_id for goal in request.goals]
    if len({*ids, PAYMENT}) != len(ids) + 1:
        raise Rejected("conflicting_goals", ", ".join(ids))
    found = [(goal, *_serving(goal, registry)) for goal in request.goals]
    charged = tuple(goal.goal_id for goal, _, kind in found if kind.charges)
    asked = [(goal, connector) for goal, connector, _ in found]
    asked += [_payment(request.instrument, registry)] if charged else []
    return quotes(task_id, 1, asked), charged


def _serving(goal: Goal, registry: Registry) -> tuple[str, GoalType]:
    found = registry.serves(goal.type)
    if found is None:
        raise Rejected("unknown_goal_type", goal.type)
    return found


def _payment(instrument: str, registry: Registry) -> tuple[Goal, str]:
    found = registry.settler()
    if found is None:
        raise Rejected("no_payment")
    return _payment_goal(found[1].name, instrument), found[0]


def _payment_goal(goal_type: str, instrument: str) -> Goal:
    return Goal(goal_id=PAYMENT, type=goal_type, parameters={"instrument": instrument})


def again(task_id: UUID, request: IntentResolved, base: Plan, legs: Sequence[str], revision: int) -> tuple[Quote, ...]:
    """Return the quotes that replace these legs of a plan, from the connectors that served them."""
    goals = {goal.goal_id: goal for goal in request.goals}
    failed = [leg for leg in base.legs if leg.leg_id in legs]
    return quotes(task_id, revision, [(goals.get(x.leg_id) or _payment_goal(x.goal_type, request.instrument), x.connector) for x in failed])


def quotes(task_id: UUID, revision: int, asked: Sequence[tuple[Goal, str]]) -> tuple[Quote, ...]:
    """Return open quotes; their ids are the same for every repeat."""
    return tuple(Quote(goal=g, connector=c, quote_id=derive("quote", task_id, g.goal_id, revision)) for g, c in asked)


def asking(quote: Quote, request: IntentResolved, until: datetime) -> Send:
    """Return the question of a quote. Who pays needs no traveller's data."""
    message = QuoteRequested(
        quote_id=quote.quote_id,
        goal=quote.goal,
        travellers=() if quote.goal.goal_id == PAYMENT else request.travellers,
        instrument=request.instrument,
        lang=request.lang,
    )
    return Send(message, topic=connector_commands(quote.connector), expires_at=until, reply_to=PLANNER_REPLIES)
