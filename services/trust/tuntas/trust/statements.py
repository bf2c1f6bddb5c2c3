"""A plan as the lines that are signed: what each step may oblige or move, to whom, at most (protocol 6)."""

from collections.abc import Iterable
from datetime import datetime

from tuntas.contracts.money import Amounts, Money, total, within
from tuntas.contracts.plan import Leg, Line, Offer, Plan, Statement, Step, StepKind
from tuntas.trust.holds import most

_FREE = Money(amount_minor=0, currency="XXX")
"""The ceiling of a step that obliges to nothing that costs; XXX is ISO 4217's code for no currency."""


def statement(plan: Plan, digest: str, tenant: str, authorize_by: datetime, capture_by: datetime) -> Statement:
    """Return what is to be signed for a plan."""
    return Statement(
        tenant=tenant,
        task_id=plan.task_id,
        revision=plan.revision,
        plan_digest=digest,
        lines=tuple(_line(plan, step) for step in plan.steps if _binds(plan.leg(step.leg_id), step)),
        ceilings=plan.ceilings,
        authorize_by=authorize_by,
        capture_by=capture_by,
    )


def honest(plan: Plan) -> bool:
    """Say whether a plan's totals cover its lines: the totals are what a person is shown and a mandate is asked about."""
    try:
        bound = [(plan.leg(step.leg_id), step) for step in plan.steps if _binds(plan.leg(step.leg_id), step)]
    except (KeyError, StopIteration):
        return False
    return (
        all(_priced(leg, step) for leg, step in bound)
        and all(within(total([step.ceiling]), plan.ceilings) for _, step in bound if step.ceiling)
        and within(_obliged(plan, [step for _, step in bound]), plan.ceilings)
        and within(_sum(_worst(leg.offers) for leg in plan.legs), plan.worst_undo)
    )


def _obliged(plan: Plan, bound: Iterable[Step]) -> Amounts:
    """What the goals' legs may oblige to together; the payment leg moves the same money once more."""
    goals = {goal.goal_id for goal in plan.goals}
    dearest: dict[str, Amounts] = {}
    for step in bound:
        if step.ceiling and step.leg_id in goals:
            dearest[step.leg_id] = most(dearest.get(step.leg_id, {}), total([step.ceiling]))
    return _sum(dearest.values())


def _worst(offers: Iterable[Offer]) -> Amounts:
    worst: Amounts = {}
    for offer in offers:
        worst = most(worst, _fees(offer))
    return worst


def _fees(offer: Offer) -> Amounts:
    if offer.price and any(s.kind is StepKind.PIVOT and s.undo.fee is None for s in offer.steps):
        return total([offer.price])
    return total(s.undo.fee for s in offer.steps if s.undo.fee and (s.obliges or s.moves_money))


def _sum(parts: Iterable[Amounts]) -> Amounts:
    return total(Money(amount_minor=minor, currency=currency) for part in parts for currency, minor in part.items())


def _binds(leg: Leg, step: Step) -> bool:
    return any(found.obliges or found.moves_money for found in (offer.step(step.name) for offer in leg.offers))


def _priced(leg: Leg, step: Step) -> bool:
    """Every offer that may take the step's part is in its ceiling."""
    return all(
        within(total([o.price]), total([step.ceiling]) if step.ceiling else {}) for o in leg.offers if o.price and o.price.amount_minor
    )


def _line(plan: Plan, step: Step) -> Line:
    leg = plan.leg(step.leg_id)
    return Line(
        step_id=step.step_id,
        payees=_payees(leg.offers),
        ceiling=step.ceiling or _FREE,
        instruments=(plan.instrument,),
        worst_undo=_worst_undo(leg, step),
    )


def _payees(offers: Iterable[Offer]) -> tuple[str, ...]:
    # The provider that is commanded and the payee it names may have different names; both are bound.
    return tuple(dict.fromkeys(name for offer in offers for name in (offer.provider, offer.payee)))


def _worst_undo(leg: Leg, step: Step) -> Money | None:
    found = [offer.step(step.name) for offer in leg.offers]
    if any(s.kind is StepKind.PIVOT and s.undo.fee is None for s in found):
        return step.ceiling
    return max((s.undo.fee for s in found if s.undo.fee), key=lambda money: money.amount_minor, default=None)
