"""Answered quotes to a plan: legs with alternatives, ordered steps with ceilings, and what undoing would cost at worst."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from tuntas.contracts.money import Amounts, Money, total
from tuntas.contracts.plan import Goal, Leg, Offer, Phase, Plan, Step
from tuntas.kit.errors import Rejected
from tuntas.planner.choosing import Candidates, budgets, choose, fees, one_currency, price, ranked, usable, with_alternatives, worst_of
from tuntas.planner.intents import PAYMENT
from tuntas.planner.meeting import near, timed_by
from tuntas.planner.ordering import order
from tuntas.planner.policy import Policy
from tuntas.planner.ranking import in_order
from tuntas.planner.state import Planning, Quote, Use


def draft(
    state: Planning,
    base: Plan | None,
    task_id: UUID,
    until: datetime,
    policy: Policy,
    wanted: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Plan:
    """Return the plan that the answered quotes make, keeping the base's legs that were not quoted again; offers must last beyond `until`.

    `wanted` is another order of the offers that are accepted for a leg, by their ids.

    Raises:
        Rejected: why there is none: `no_offer`, `no_payment`, `over_budget`, `mixed_currencies`, `two_pivots`, `failable_after_pivot`,
            `invalid_goal`.
    """
    currency, chosen = _chosen(state, base, until, policy)
    return _plan(state, base, task_id, _paid(in_order(chosen, wanted), state.charged), currency)


def pin(state: Planning, base: Plan | None, until: datetime, policy: Policy) -> Planning:
    """Return the planning with the offers chosen that other goals meet, and only alternatives that take place at about the same time.

    Raises:
        Rejected: as `draft`.
    """
    met = {goal.meets.goal for goal in state.request.goals if goal.goal_id in state.held and goal.meets}
    _, chosen = _chosen(state, base, until, policy)
    for leg in chosen:
        quote = state.quoted(leg.leg_id)
        if quote and leg.leg_id in met:
            offers = tuple(o for o in leg.offers if near(o.window, leg.offers[0].window, policy))
            state = state.with_quote(quote, quote.model_copy(update={"offers": offers, "pinned": True}))
    return state


def _chosen(state: Planning, base: Plan | None, until: datetime, policy: Policy) -> tuple[str | None, tuple[Candidates, ...]]:
    request = state.request
    gone = _tried(base, state.tried) if base else set()
    found = [_kept(leg) for leg in base.legs if not _quoted(state, leg.leg_id) and leg.leg_id not in state.held] if base else []
    found += [_fresh(quote, gone, until, policy) for quote in state.quotes if quote.use is Use.LEG]
    legs = _in_order(found, request.goals)
    bounds = budgets(request.goals)
    currency, legs = one_currency(legs, bounds)
    return currency, with_alternatives(legs, choose(legs, bounds, policy), bounds, policy)


def _quoted(state: Planning, leg_id: str) -> bool:
    return state.quoted(leg_id) is not None


def _kept(leg: Leg) -> Candidates:
    return Candidates(leg.leg_id, leg.offers, kept=True)


def _tried(base: Plan, tried: Sequence[str]) -> set[object]:
    # A new quote gives an old offer a new id; it is the same if seller, words and price are.
    return {*tried, *(_same(o) for leg in base.legs for o in leg.offers if o.offer_id in tried)}


def _same(offer: Offer) -> tuple[object, ...]:
    return (offer.provider, offer.title, offer.price)


def _fresh(quote: Quote, gone: set[object], until: datetime, policy: Policy) -> Candidates:
    offers = [o for o in quote.offers or () if usable(o, until) and o.offer_id not in gone and _same(o) not in gone]
    if quote.pinned and offers:
        return Candidates(quote.goal.goal_id, tuple(offers), kept=True)
    if not offers:
        raise Rejected("no_payment" if quote.goal.goal_id == PAYMENT else "no_offer", quote.goal.goal_id)
    return Candidates(quote.goal.goal_id, ranked(offers, policy))


def _in_order(legs: Sequence[Candidates], goals: Sequence[Goal]) -> tuple[Candidates, ...]:
    place = {goal.goal_id: n for n, goal in enumerate(goals)}
    return tuple(sorted(legs, key=lambda leg: place.get(leg.leg_id, len(place))))


def _paid(legs: tuple[Candidates, ...], charged: Sequence[str]) -> tuple[Candidates, ...]:
    if not _charge(legs, charged):
        return tuple(leg for leg in legs if leg.leg_id != PAYMENT)
    if all(leg.leg_id != PAYMENT for leg in legs):
        # What was free is not any more, and this plan never asked who would pay.
        raise Rejected("no_payment")
    return legs


def _charge(legs: Iterable[Candidates], charged: Sequence[str]) -> int:
    return sum(leg.ceiling for leg in legs if leg.leg_id in charged)


def _plan(state: Planning, base: Plan | None, task_id: UUID, chosen: tuple[Candidates, ...], currency: str | None) -> Plan:
    request = state.request
    steps = order([(leg.leg_id, leg.offers[0]) for leg in chosen])
    # Money may be authorized already for the base's total, so the total never falls below it.
    charge = max(_charge(chosen, state.charged), _authorized(base))
    ceilings = {leg.leg_id: leg.ceiling for leg in chosen if leg.leg_id != PAYMENT}
    unpaid = sum(ceiling for leg_id, ceiling in ceilings.items() if leg_id not in state.charged)
    return Plan(
        task_id=str(task_id),
        revision=state.revision,
        person=str(request.person),
        instrument=request.instrument,
        goals=request.goals,
        legs=tuple(_leg(leg, state, base) for leg in chosen),
        steps=_with_ceilings(steps, chosen, {**ceilings, PAYMENT: charge}, state.charged, currency),
        ceilings=_amounts(charge + unpaid, currency),
        worst_undo=_sum(worst_of(leg.offers) for leg in chosen),
        reasons=tuple(reason for leg in chosen if _quoted(state, leg.leg_id) for reason in _reasons(leg, state)),
        travellers=request.travellers,
    )


def _authorized(base: Plan | None) -> int:
    return max((s.ceiling.amount_minor for s in base.steps if s.leg_id == PAYMENT and s.ceiling), default=0) if base else 0


def _amounts(minor: int, currency: str | None) -> Amounts:
    return {currency: minor} if currency and minor else {}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    return total(Money(amount_minor=minor, currency=currency) for part in parts for currency, minor in part.items() if minor)


def _leg(leg: Candidates, state: Planning, base: Plan | None) -> Leg:
    quote = state.quoted(leg.leg_id)
    if quote is None:
        assert base is not None, "what was not quoted is kept"  # noqa: S101 - for the type checker
        return base.leg(leg.leg_id)
    return Leg(leg_id=leg.leg_id, goal_type=quote.goal.type, connector=quote.connector, offers=leg.offers)


def _with_ceilings(
    steps: Sequence[Step], chosen: Sequence[Candidates], ceilings: dict[str, int], charged: Sequence[str], currency: str | None
) -> tuple[Step, ...]:
    offers = {leg.leg_id: leg.offers[0] for leg in chosen}
    last = {s.leg_id: s.step_id for s in steps if offers[s.leg_id].step(s.name).obliges}
    sums = tuple(step_id for leg_id, step_id in last.items() if leg_id in charged)
    done = []
    for step in steps:
        found = offers[step.leg_id].step(step.name)
        money = Money(amount_minor=ceilings[step.leg_id], currency=currency) if currency and (found.obliges or found.moves_money) else None
        capture = step.leg_id == PAYMENT and step.phase is Phase.CAPTURE
        done.append(step.model_copy(update={"ceiling": money, "sums": sums if capture else ()}))
    return tuple(done)


def _reasons(leg: Candidates, state: Planning) -> tuple[str, ...]:
    """Say why a leg's first offer was chosen, and of each alternative how it differs."""
    quote = state.quoted(leg.leg_id)
    offers = (quote.offers if quote else None) or ()
    cheapest = all(price(leg.offers[0]) <= price(o) for o in offers)
    timed = f", {timed_by(quote.timing)}" if quote and quote.timing else ""
    chosen, *others = leg.offers
    why = f"{leg.leg_id}: {'cheapest' if cheapest else 'best terms'} of {len(offers)} offers{timed}"
    return (why, *(f"{leg.leg_id}: else {other.provider}, {_difference(other, chosen)}, {_undoing(other)}" for other in others))


def _difference(other: Offer, chosen: Offer) -> str:
    more = price(other) - price(chosen)
    if not (more and other.price):
        return "same price"
    return f"{Money(amount_minor=abs(more), currency=other.price.currency)} {'more' if more > 0 else 'less'}"


def _undoing(offer: Offer) -> str:
    fee = ", ".join(str(Money(amount_minor=minor, currency=currency)) for currency, minor in sorted(fees(offer).items()) if minor)
    return f"undoing costs {fee}" if fee else "undoing is free"
