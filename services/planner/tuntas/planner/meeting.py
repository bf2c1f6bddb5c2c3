"""Goals that meet others: asked for once it is known when and where those take place, and how long the way there is."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.plan import Goal, Place, Plan, Timing, Window
from tuntas.planner.intents import Registry, quote
from tuntas.planner.policy import Policy
from tuntas.planner.state import Planning, Quote, Use

ROUTE = "map.route"
"""The goal type whose answer is how long a way takes."""


def near(window: Window | None, other: Window | None, policy: Policy) -> bool:
    """Say whether two times are so close that what meets one meets the other."""
    if window is None or other is None:
        return window == other
    apart = timedelta(minutes=policy.meeting_minutes)
    return abs(window.start - other.start) <= apart and abs(window.end - other.end) <= apart


def ways(task_id: UUID, state: Planning, base: Plan | None, registry: Registry) -> tuple[Quote, ...]:
    """Return the questions how long the ways to the meetings take; none for a way whose other end nobody named."""
    router = registry.serves(ROUTE)
    found = [(goal, ends) for goal, place in _places(state, base) if (ends := _ends(goal, place, registry)) is not None] if router else []
    return tuple(_way(task_id, state, goal, ends, router[0], n) for n, (goal, ends) in enumerate(found, 1) if router)


def _way(task_id: UUID, state: Planning, goal: Goal, ends: Document, connector: str, number: int) -> Quote:
    asked = Goal(goal_id=f"way{number}", type=ROUTE, parameters=ends)
    return quote(task_id, state.revision, asked, connector, Use.WAY).model_copy(update={"way_of": goal.goal_id})


def _places(state: Planning, base: Plan | None) -> Iterator[tuple[Goal, Place]]:
    for goal in _held(state):
        if timing := _timing(goal, _window(goal, state, base), None):
            yield goal, timing.place


def _held(state: Planning) -> list[Goal]:
    return [goal for goal in state.request.goals if goal.goal_id in state.held]


def _ends(goal: Goal, place: Place, registry: Registry) -> Document | None:
    served = registry.serves(goal.type)
    if served is None or served[1].travels is None or goal.meets is None:
        return None
    there = goal.meets.at == "start"
    other = goal.parameters.get(served[1].travels.origin if there else served[1].travels.destination)
    point: Document = {"lat": place.lat, "lon": place.lon}
    if other is None:
        return None
    return {"origin": other, "destination": point} if there else {"origin": point, "destination": other}


def _window(goal: Goal, state: Planning, base: Plan | None) -> Window | None:
    """Return when the goal that this one meets takes place: as its provider moved it, else as offered now, else as it was planned."""
    met = goal.meets.goal if goal.meets else ""
    fresh = state.quoted(met)
    if fresh is not None:
        return fresh.offers[0].window if fresh.offers else None
    planned = base.leg(met).offers[0].window if base and any(leg.leg_id == met for leg in base.legs) else None
    return state.windows.get(met, planned)


def _timing(goal: Goal, window: Window | None, travel_seconds: int | None) -> Timing | None:
    if window is None or goal.meets is None:
        return None
    if goal.meets.at == "start":
        by = window.start - timedelta(minutes=window.lead_minutes)
        return Timing(place=window.origin, arrive_by=by, travel_seconds=travel_seconds) if window.origin else None
    since = window.end + timedelta(minutes=window.tail_minutes)
    return Timing(place=window.destination, leave_from=since, travel_seconds=travel_seconds) if window.destination else None


def meetings(task_id: UUID, state: Planning, base: Plan | None, registry: Registry) -> tuple[Quote, ...]:
    """Return the questions for what was held, timed by what is met and by the ways there."""
    seconds = {q.way_of: q.answer.travel_seconds for q in state.quotes if q.use is Use.WAY and q.answer}
    asked = []
    for goal in _held(state):
        served = registry.serves(goal.type)
        timing = _timing(goal, _window(goal, state, base), seconds.get(goal.goal_id))
        if served:
            asked.append(quote(task_id, state.revision, goal, served[0]).model_copy(update={"timing": timing}))
    return tuple(asked)


def timed_by(timing: Timing) -> str:
    """Return in words what a quote was timed by."""
    way = f", {timing.travel_seconds // 60} min by map" if timing.travel_seconds else ""
    if timing.arrive_by:
        return f"at {timing.place.name} by {timing.arrive_by:%Y-%m-%dT%H:%MZ}{way}"
    return f"from {timing.place.name} after {timing.leave_from:%Y-%m-%dT%H:%MZ}{way}"
