"""The bench's connector: a trip of five steps, each an effect in the connector's own table; no call leaves the process."""

from datetime import UTC, datetime, timedelta

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Leg, Offer, OfferStep, Phase, Plan, Step, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, ProviderSpec
from tuntas.kit.app import Service
from tuntas.kit.connector.local import Local
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, Wish
from tuntas.kit.connector.service import Connector
from tuntas.kit.settings import ServiceSettings

PRIVATE = "11" * 32
"""The key of whoever signs in the bench: trust, and the submitting service."""

PRICE = Money(amount_minor=12_500_000, currency="IDR")
C = StepKind.COMPENSATABLE
STEPS = (
    OfferStep(name="flight", action="trip.flight", kind=C, phase=Phase.HOLD),
    OfferStep(name="hotel", action="trip.hotel", kind=C, phase=Phase.HOLD),
    OfferStep(name="route", action="trip.route", kind=C, phase=Phase.READ),
    OfferStep(name="authorize", action="trip.authorize", kind=C, phase=Phase.AUTHORIZE, moves_money=True),
    OfferStep(name="capture", action="trip.capture", kind=StepKind.RETRIABLE, phase=Phase.CAPTURE, acts_on="authorize", moves_money=True),
)
REFUSED = {"refuse": True}


class Trip(Local):
    """Does what it is told at once; refuses the authorization of every trip that says so."""

    spec = ProviderSpec(name="bench", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=1)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Offer the one trip there is."""
        return [offer(0, refused=bool(wish.goal.parameters.get("refuse")))]

    def act(self, request: Request) -> ActionAnswer:
        """Keep the effect."""
        if request.input.get("refuse"):
            return ActionAnswer(outcome=Outcome.REFUSED, code="declined")
        return ActionAnswer(outcome=Outcome.DONE, reference=request.reference, amount=request.amount)

    def undo(self, request: Request) -> UndoAnswer:
        """Take it back, free of charge."""
        return UndoAnswer(outcome=Outcome.UNDONE, reference=request.reference)


def offer(number: int, *, refused: bool) -> Offer:
    """Return the trip of this number; a refused one is declined at its fourth step."""
    inputs = {s.name: {"number": number} | (REFUSED if refused and s.name == "authorize" else {}) for s in STEPS}
    steps = tuple(s.model_copy(update={"input": inputs[s.name]}) for s in STEPS)
    until = datetime.now(UTC) + timedelta(hours=2)
    return Offer(offer_id="trip", provider="bench", payee="bench", title="A trip", price=PRICE, expires_at=until, steps=steps)


def plan(task: str, number: int, *, refused: bool) -> Plan:
    """Return the plan of the trip of this number: its steps one after the other."""
    goal = Goal(goal_id="trip", type="bench.trip", parameters={})
    names = [f"trip.{step.name}" for step in STEPS]
    steps = tuple(
        Step(
            step_id=name,
            leg_id="trip",
            name=step.name,
            kind=step.kind,
            phase=step.phase,
            needs=tuple(names[n - 1 : n]),
            acts_on=f"trip.{step.acts_on}" if step.acts_on else None,
            ceiling=PRICE if step.moves_money else None,
        )
        for n, (name, step) in enumerate(zip(names, STEPS, strict=True))
    )
    return Plan(
        task_id=task,
        person="00000000-0000-0000-0000-000000000001",
        instrument="wallet",
        goals=(goal,),
        legs=(Leg(leg_id="trip", goal_type="bench.trip", connector="bench", offers=(offer(number, refused=refused),)),),
        steps=steps,
        ceilings={PRICE.currency: PRICE.amount_minor},
    )


GOAL = GoalType(
    name="bench.trip",
    parameters={"type": "object", "properties": {"refuse": {"type": "boolean"}}, "additionalProperties": False},
    actions=tuple(ActionSpec(action=s.action, kinds=(s.kind,), phase=s.phase, inquire="own table", undo="own table") for s in STEPS),
)
CONNECTOR = Connector(
    name="bench",
    goal_types=(GOAL,),
    providers=lambda _: {"bench": Trip()},
    obliging=frozenset({"trip.authorize", "trip.capture"}),
    settings=ServiceSettings,
    verify=lambda *_: False,
)


def service() -> Service:
    """Return the connector's service."""
    return CONNECTOR.service()
