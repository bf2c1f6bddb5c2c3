"""A scenario's steps as an approved plan, and as what each connector declares of itself."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tuntas.contracts.ids import derive, digest
from tuntas.contracts.money import Amounts, Money, total
from tuntas.contracts.plan import Goal, Leg, Line, OfferStep, Phase, Plan, Statement, StepKind, UndoTerms
from tuntas.contracts.plan import Offer as PlanOffer
from tuntas.contracts.plan import Step as PlanStep
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.registry import ActionSpec, ProviderSpec
from tuntas.contracts.trust import Mandate, MandateSet, PlanApproved
from tuntas.kit.connector.provider import Specs
from tuntas.kit.signing import approve
from tuntas.testkit.history import START
from tuntas.testkit.installed import KEY_ID, PRIVATE
from tuntas.testkit.scenarios.language import Offer, Scenario, Step

CURRENCY, INSTRUMENT, TENANT = "IDR", "card", "acme"
PERSON = derive("scenario", "person")
GRACE = timedelta(seconds=30)
_MONEY = frozenset({Phase.AUTHORIZE, Phase.CAPTURE})
OBLIGING = frozenset({Phase.CONFIRM, Phase.PIVOT}) | _MONEY

Sold = Mapping[str, tuple[Offer, ...]]
"""Offers by leg."""


def idr(minor: int) -> Money:
    """Return an amount of the one currency there is."""
    return Money(amount_minor=minor, currency=CURRENCY)


def phase(scenario: Scenario, step: Step) -> Phase:
    """Return a step's phase: as it says, else a hold if another step acts on it."""
    if step.phase:
        return step.phase
    if step.kind is StepKind.PIVOT:
        return Phase.PIVOT
    return Phase.HOLD if any(other.acts_on == step.name for other in scenario.steps) else Phase.CONFIRM


def needs(scenario: Scenario, step: Step) -> tuple[str, ...]:
    """Return what must be done before a step: as it says, else in a sequential scenario the step before it; and what it acts on."""
    at = scenario.steps.index(step)
    usual = (scenario.steps[at - 1].name,) if at and scenario.order == "sequential" else ()
    said = usual if step.needs is None else step.needs
    return tuple(dict.fromkeys([*said, *([step.acts_on] if step.acts_on else [])]))


def plan(scenario: Scenario, task: UUID, sold: Sold, revision: int, legs: Sequence[Leg]) -> Plan:
    """Return the plan over these offers, which are those of its legs."""
    return Plan(
        task_id=str(task),
        revision=revision,
        person=str(PERSON),
        instrument=INSTRUMENT,
        goals=tuple(Goal(goal_id=leg.leg_id, type=leg.goal_type, parameters={}) for leg in legs if not _pays(scenario, leg.leg_id)),
        legs=tuple(legs),
        steps=tuple(_step(scenario, step, sold) for step in scenario.steps),
        ceilings=total(idr(_dearest(sold[leg])) for leg in scenario.legs if not _pays(scenario, leg)),
        worst_undo=_worst_undo(scenario, sold),
    )


def _pays(scenario: Scenario, leg: str) -> bool:
    return any(step.leg == leg and step.phase in _MONEY for step in scenario.steps)


def _dearest(offers: tuple[Offer, ...]) -> int:
    return max(offer.price for offer in offers)


def _worst_undo(scenario: Scenario, sold: Sold) -> Amounts:
    fees = [idr(s.fee or (_dearest(sold[s.leg]) if s.kind is StepKind.PIVOT else 0)) for s in scenario.steps]
    return {currency: fee for currency, fee in total(fees).items() if fee}


def leg_of(scenario: Scenario, leg: str, offers: tuple[Offer, ...], now: datetime) -> Leg:
    """Return a leg with its offers as they were found at an instant."""
    kind = f"payment.{leg}" if _pays(scenario, leg) else f"scenario.{leg}"
    return Leg(
        leg_id=leg, goal_type=kind, connector=leg, offers=tuple(_offer(scenario, leg, offer, now, n) for n, offer in enumerate(offers))
    )


def _offer(scenario: Scenario, leg: str, offer: Offer, now: datetime, number: int) -> PlanOffer:
    offer_id = f"{offer.provider}-{offer.price}-{number}-{int((now - START).total_seconds())}"
    return PlanOffer(
        offer_id=offer_id,
        provider=offer.provider,
        payee=offer.provider,
        title=offer.provider,
        price=None if _pays(scenario, leg) else idr(offer.price),
        expires_at=now + timedelta(seconds=offer.lasts),
        steps=tuple(_offer_step(scenario, step, offer, offer_id) for step in scenario.steps if step.leg == leg),
    )


def _offer_step(scenario: Scenario, step: Step, offer: Offer, offer_id: str) -> OfferStep:
    at = phase(scenario, step)
    return OfferStep(
        name=step.part,
        action=step.name,
        kind=step.kind,
        phase=at,
        input={"offer": offer_id},
        acts_on=step.acts_on and step.acts_on.rpartition(".")[2],
        obliges=at in OBLIGING,
        moves_money=at in _MONEY,
        undo=UndoTerms(
            fee=None if step.kind is StepKind.PIVOT and not step.fee else idr(step.fee),
            partly=at is Phase.CAPTURE and scenario.sellers[offer.provider].partly,
        ),
    )


def _step(scenario: Scenario, step: Step, sold: Sold) -> PlanStep:
    at, goods = phase(scenario, step), [leg for leg in scenario.legs if not _pays(scenario, leg)]
    ceiling = sum(_dearest(sold[leg]) for leg in goods) if at in _MONEY else _dearest(sold[step.leg])
    paid = [s.name for s in scenario.steps if phase(scenario, s) in OBLIGING - _MONEY] if at is Phase.CAPTURE else []
    return PlanStep(
        step_id=step.name,
        leg_id=step.leg,
        name=step.part,
        kind=step.kind,
        phase=at,
        needs=needs(scenario, step),
        acts_on=step.acts_on,
        ceiling=idr(ceiling),
        sums=tuple(paid),
    )


def approved(scenario: Scenario, made: Plan, now: datetime, epoch: int = 1) -> PlanApproved:
    """Return the approval of a plan, signed as trust would."""
    text, terms = _text(scenario, made), scenario.approval
    forward_by = now + timedelta(seconds=terms.forward_by)
    limit = made.worst_undo if terms.fee_limit is None else {CURRENCY: terms.fee_limit}
    return PlanApproved(
        revision=made.revision,
        epoch=epoch,
        plan=json.dumps(json.loads(text)) if terms.rewritten else text,
        digest=digest(text),
        approval=approve(_statement(scenario, made, digest(text), forward_by), KEY_ID, PRIVATE),
        start_by=now + timedelta(seconds=terms.start_by),
        forward_by=forward_by,
        fee_limit=limit,
    )


def _text(scenario: Scenario, made: Plan) -> str:
    text = made.model_dump_json()
    return json.dumps(json.loads(text) | scenario.approval.extra, separators=(",", ":")) if scenario.approval.extra else text


def _statement(scenario: Scenario, made: Plan, plan_digest: str, forward_by: datetime) -> Statement:
    obliging = [step for step in made.steps if phase(scenario, scenario.step(step.step_id)) in OBLIGING]
    return Statement(
        tenant=TENANT,
        task_id=made.task_id,
        revision=made.revision,
        plan_digest=plan_digest,
        lines=tuple(_line(made, step) for step in obliging),
        ceilings=made.ceilings,
        authorize_by=forward_by,
        capture_by=forward_by + GRACE,
    )


def _line(made: Plan, step: PlanStep) -> Line:
    payees = tuple(dict.fromkeys(offer.provider for offer in made.leg(step.leg_id).offers))
    return Line(step_id=step.step_id, payees=payees, ceiling=step.ceiling or idr(0), instruments=(INSTRUMENT,))


def proposed(scenario: Scenario, made: Plan) -> PlanProposed:
    """Return the plan as the planner proposes it to trust."""
    text = _text(scenario, made)
    return PlanProposed(
        revision=made.revision,
        plan=text,
        digest=digest(text),
        person=PERSON,
        titles=tuple(leg.offers[0].title for leg in made.legs),
        ceilings=made.ceilings,
        worst_undo=made.worst_undo,
    )


def mandate(scenario: Scenario) -> MandateSet | None:
    """Return the person's mandate, if there is one."""
    given = scenario.trust and scenario.trust.mandate
    if not given:
        return None
    limit = {} if given.undo_fee_limit is None else {CURRENCY: given.undo_fee_limit}
    found = Mandate(
        goal_types=("scenario.*", "payment.*"),
        per_task={CURRENCY: given.per_task},
        budget={CURRENCY: given.budget},
        undo_fee_limit=limit,
        expires_at=START + timedelta(days=1),
    )
    return MandateSet(person=PERSON, mandate=found)


def specs(scenario: Scenario, leg: str) -> Specs:
    """Return what the effects core knows of a leg's connector."""
    own = [step for step in scenario.steps if step.leg == leg]
    actions = {s.name: ActionSpec(action=s.name, kinds=tuple(StepKind), phase=phase(scenario, s), inquire=s.name, undo=s.name) for s in own}
    sellers = {
        name: ProviderSpec(name=name, **given.model_dump(exclude={"settle", "partly"}), settle_seconds=given.settle)
        for name, given in scenario.sellers.items()
    }
    obliging = frozenset(name for name, spec in actions.items() if spec.phase in OBLIGING)
    return Specs(connector=leg, actions=actions, providers=sellers, obliging=obliging)
