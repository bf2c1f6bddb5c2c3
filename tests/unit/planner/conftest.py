"""Two connectors and a bank: offers, goals and intents in short words."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.base import Document, Message
from tuntas.contracts.connectors import Answer, QuoteReplied, QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.money import Money
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Goal, Offer, OfferStep, Phase, Plan, StepKind, UndoTerms
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.registry import GoalType, Travels
from tuntas.kit.messaging.fold import Event
from tuntas.planner.core import core
from tuntas.planner.state import Planning
from tuntas.testkit.history import START, History

PERSON = derive("test", "person")
TRAVELLER = Personal(f"sealed:v1:{PERSON}:abc")
FOUND = Personal(f"sealed:v1:{PERSON}:found")
LATER = START + timedelta(hours=1)


def idr(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def step(name: str, phase: Phase, **fields: Any) -> OfferStep:
    return OfferStep(**{"name": name, "action": f"test.{name}", "kind": StepKind.COMPENSATABLE, "phase": phase, **fields})


def offer(offer_id: str, price: int | None = 1000, fee: int | None = 0, currency: str = "IDR", **fields: Any) -> Offer:
    """Make a held and then confirmed offer; without a fee it can't be undone."""
    money = None if price is None else Money(amount_minor=price, currency=currency)
    undo = UndoTerms(fee=Money(amount_minor=fee, currency=currency)) if fee else UndoTerms()
    kind = StepKind.PIVOT if fee is None else StepKind.COMPENSATABLE
    steps = (step("hold", Phase.HOLD), step("confirm", Phase.CONFIRM, kind=kind, acts_on="hold", obliges=True, undo=undo))
    named = {"provider": "inn", "payee": "Inn Ltd", "title": f"Offer {offer_id}", "expires_at": LATER, "steps": steps, "price": money}
    return Offer(**{"offer_id": offer_id, **named, **fields})


def card(offer_id: str = "card", capture: StepKind = StepKind.RETRIABLE) -> Offer:
    steps = (
        step("authorize", Phase.AUTHORIZE, moves_money=True),
        step("capture", Phase.CAPTURE, kind=capture, acts_on="authorize", moves_money=True),
    )
    return offer(offer_id, None, provider="bank", payee="bank", steps=steps)


def goal(goal_id: str, goal_type: str | None = None, **parameters: Any) -> Goal:
    return Goal(goal_id=goal_id, type=goal_type or f"travel.{goal_id}", parameters=parameters)


def budget(amount: int, currency: str = "IDR") -> Document:
    return {"amount_minor": amount, "currency": currency}


def intent(*goals: Goal) -> IntentResolved:
    return IntentResolved(person=PERSON, instrument="wallet", travellers=(TRAVELLER,), tz="Asia/Jakarta", lang="id", goals=goals)


class Directory:
    """What connectors declared.

    Every `travel.*` is charged and goes from `origin` to `destination`, every `maps.*` is free, every `map.*` only informs, and a bank
    settles unless it is away.
    """

    def __init__(self, *, bank: bool = True, router: bool = True) -> None:
        self.bank, self.known = bank, {"travel", "maps", "map"} - (set() if router else {"map"})

    def serves(self, goal_type: str) -> tuple[str, GoalType] | None:
        owner = goal_type.split(".", maxsplit=1)[0]
        travels = Travels(origin="origin", destination="destination") if owner == "travel" else None
        declared = GoalType(name=goal_type, parameters={}, actions=(), charges=owner == "travel", informs=owner == "map", travels=travels)
        return (owner, declared) if owner in self.known else None

    def settler(self) -> tuple[str, GoalType] | None:
        return ("payment", GoalType(name="payment.settle", parameters={}, actions=(), settles=True)) if self.bank else None


class Desk(History[Planning]):
    """The planner, with words for what connectors answer."""

    def __init__(self, name: str, directory: Directory | None = None) -> None:
        super().__init__(core(directory or Directory()), "planner", name)
        self.asked: dict[str, QuoteRequested] = {}

    def _run(self, event: Event) -> list[Message]:
        sent = super()._run(event)
        self.asked |= {m.goal.goal_id: m for m in sent if isinstance(m, QuoteRequested)}
        return sent

    def quote(self, goal_id: str, *offers: Offer, code: str | None = None, connector: str | None = None) -> list[Message]:
        request = self.asked[goal_id]
        return self.given(QuoteReplied(quote_id=request.quote_id, connector=connector or _owner(request), offers=offers, code=code))

    def found(self, goal_id: str, seconds: int | None = None) -> list[Message]:
        """Tell what was found for a goal that only asks."""
        request = self.asked[goal_id]
        answer = Answer(found=FOUND, travel_seconds=seconds)
        return self.given(QuoteReplied(quote_id=request.quote_id, connector=_owner(request), answer=answer))

    def plan(self) -> Plan:
        return Plan.model_validate_json(self.last(PlanProposed).plan)

    def chosen(self) -> dict[str, str]:
        return {leg.leg_id: leg.offers[0].offer_id for leg in self.plan().legs}


def _owner(request: QuoteRequested) -> str:
    return request.goal.type.split(".")[0]


def quote_id(desk: Desk, goal_id: str, revision: int) -> UUID:
    return derive("quote", desk.task_id, goal_id, revision)


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.node.name)
