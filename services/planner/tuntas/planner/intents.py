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
from tuntas.planner.state import Planning, Quote, Use

PAYMENT = "payment"
"""The goal and leg through which all that is charged is paid."""


class Registry(Protocol):
    """Which connector serves which goal type, as the connectors declared it."""

    def serves(self, goal_type: str) -> tuple[str, GoalType] | None:
        """Return the connector that serves a goal type, and the type."""

    def settler(self) -> tuple[str, GoalType] | None:
        """Return the connector and goal type through which prices are paid."""


def served(task_id: UUID, request: IntentResolved, registry: Registry) -> Planning:
    """Return the planning of a task as it begins, its first quotes open.

    Raises:
        Rejected: `conflicting_goals`, `unknown_goal_type`, or `no_payment`: nobody takes the money.
    """
    found = [(goal, *_serving(goal, registry)) for goal in request.goals]
    _check(request, {goal.goal_id for goal, _, kind in found if not kind.informs})
    charged = tuple(goal.goal_id for goal, _, kind in found if kind.charges)
    asked = [quote(task_id, 1, goal, to, Use.TOLD if kind.informs else Use.LEG) for goal, to, kind in found if not goal.meets]
    if charged:
        asked.append(quote(task_id, 1, *_payment(request.instrument, registry)))
    held = tuple(goal.goal_id for goal in request.goals if goal.meets)
    return Planning(status="quoting", request=request, charged=charged, revision=1, quotes=tuple(asked), held=held)


def _check(request: IntentResolved, done: set[str]) -> None:
    """Goals have ids of their own; what one meets is done, and at a time of its own."""
    ids = [goal.goal_id for goal in request.goals]
    meeting = {goal.goal_id: goal.meets.goal for goal in request.goals if goal.meets}
    lost = [goal for goal, met in meeting.items() if met not in done or met in meeting or goal not in done]
    if len({*ids, PAYMENT}) != len(ids) + 1 or lost:
        raise Rejected("conflicting_goals", ", ".join(lost or ids))


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


def again(task_id: UUID, state: Planning, base: Plan, legs: Sequence[str]) -> Planning:
    """Return the planning with these legs of a plan to be quoted anew, by the connectors that served them, and with them what meets them.

    Raises:
        Rejected: `unknown_leg`.
    """
    goals = {goal.goal_id: goal for goal in state.request.goals}
    known = {leg.leg_id: leg for leg in base.legs}
    if not legs or not known.keys() >= set(legs):
        raise Rejected("unknown_leg", ", ".join(legs))
    meeting = [goal.goal_id for goal in goals.values() if goal.meets and {goal.goal_id, goal.meets.goal} & set(legs)]
    asked = [
        quote(task_id, state.revision, goals.get(name) or _payment_goal(leg.goal_type, state.request.instrument), leg.connector)
        for name, leg in known.items()
        if name in legs and name not in meeting
    ]
    return state.model_copy(update={"quotes": tuple(asked), "held": tuple(meeting)})


def quote(task_id: UUID, revision: int, goal: Goal, connector: str, use: Use = Use.LEG) -> Quote:
    """Return an open quote; its id is the same for every repeat."""
    return Quote(goal=goal, connector=connector, quote_id=derive("quote", task_id, goal.goal_id, revision), use=use)


def asking(quote: Quote, request: IntentResolved, until: datetime | None) -> Send:
    """Return the question of a quote. Who pays needs no traveller's data."""
    message = QuoteRequested(
        quote_id=quote.quote_id,
        goal=quote.goal,
        travellers=() if quote.goal.goal_id == PAYMENT else request.travellers,
        instrument=request.instrument,
        lang=request.lang,
        person=request.person,
        tz=request.tz,
        timing=quote.timing,
    )
    return Send(message, topic=connector_commands(quote.connector), expires_at=until, reply_to=PLANNER_REPLIES)
