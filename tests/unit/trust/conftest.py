"""A plan to be approved, a person with a mandate, and short words for what is said to trust about them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.base import Message
from tuntas.contracts.ids import derive, digest
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.plan import Approval, Goal, Leg, Offer, OfferStep, Phase, Plan, Statement, Step, StepKind, UndoTerms
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.saga import Receipt, SagaEnded, SagaOutcome
from tuntas.contracts.trust import ApprovalAsked, Mandate, PlanDecided
from tuntas.kit.persistence.database import Row
from tuntas.testkit.history import START, History
from tuntas.trust.core import core
from tuntas.trust.policy import Policy
from tuntas.trust.state import Consent, Wallet, blank

PERSON = derive("test", "person")
LATER = START + timedelta(days=1)


def idr(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def sign(statement: Statement) -> Approval:
    return Approval(statement=statement.model_dump_json(), key_id="test", signature=digest(statement.model_dump_json())[:8])


def mandate(**fields: Any) -> Mandate:
    usual = {"goal_types": ("travel.*",), "per_task": {"IDR": 5000}, "budget": {"IDR": 9000}, "expires_at": LATER}
    return Mandate(**{**usual, **fields})


def hotel_offers(price: int, fee: int) -> tuple[Offer, ...]:
    hold = OfferStep(name="hold", action="hotel.hold", kind=StepKind.COMPENSATABLE, phase=Phase.HOLD)
    confirm = OfferStep(
        name="confirm",
        action="hotel.confirm",
        kind=StepKind.COMPENSATABLE,
        phase=Phase.CONFIRM,
        acts_on="hold",
        obliges=True,
        undo=UndoTerms(fee=idr(fee)),
    )
    names = (("inn", "Inn Ltd"), ("lodge", "lodge"))
    return tuple(
        Offer(offer_id=name, provider=name, payee=payee, title=name, price=idr(price - 10 * n), expires_at=LATER, steps=(hold, confirm))
        for n, (name, payee) in enumerate(names)
    )


def card_offer() -> Offer:
    common: dict[str, Any] = {"moves_money": True}
    authorize = OfferStep(name="authorize", action="pay.authorize", kind=StepKind.COMPENSATABLE, phase=Phase.AUTHORIZE, **common)
    capture = OfferStep(name="capture", action="pay.capture", kind=StepKind.RETRIABLE, phase=Phase.CAPTURE, acts_on="authorize", **common)
    return Offer(offer_id="card", provider="bank", payee="bank", title="Card", expires_at=LATER, steps=(authorize, capture))


def trip(task_id: UUID, ceiling: int = 1000, fee: int = 100, revision: int = 1, **fields: Any) -> Plan:
    """Make a plan of one hotel that costs at most the ceiling and at most the fee to undo."""
    rows = (("hotel", "hold", None), ("payment", "authorize", ceiling), ("hotel", "confirm", ceiling), ("payment", "capture", ceiling))
    legs = (("hotel", "travel.hotel", hotel_offers(ceiling, fee)), ("payment", "payment.settle", (card_offer(),)))
    found = {leg: offers[0] for leg, _, offers in legs}
    usual = {
        "task_id": str(task_id),
        "revision": revision,
        "person": str(PERSON),
        "instrument": "wallet",
        "goals": (Goal(goal_id="hotel", type="travel.hotel", parameters={}),),
        "legs": tuple(Leg(leg_id=leg, goal_type=kind, connector="c", offers=offers) for leg, kind, offers in legs),
        "steps": tuple(_step(found[leg], leg, name, top) for leg, name, top in rows),
        "ceilings": {"IDR": ceiling},
        "worst_undo": {"IDR": fee},
    }
    return Plan(**{**usual, **fields})


def _step(offer: Offer, leg: str, name: str, ceiling: int | None) -> Step:
    part = offer.step(name)
    money = None if ceiling is None else idr(ceiling)
    return Step(step_id=f"{leg}.{name}", leg_id=leg, name=name, kind=part.kind, phase=part.phase, ceiling=money)


def proposal(plan: Plan, person: UUID = PERSON) -> PlanProposed:
    text = plan.model_dump_json()
    return PlanProposed(
        revision=plan.revision,
        plan=text,
        digest=digest(text),
        person=person,
        titles=("Inn",),
        ceilings=plan.ceilings,
        worst_undo=plan.worst_undo,
    )


def ended(task_id: UUID, kept: Amounts, closing: int = 1) -> SagaEnded:
    outcome = SagaOutcome.COMPLETED if kept else SagaOutcome.COMPENSATED
    receipt = Receipt(task_id=task_id, tenant="acme", closing=closing, outcome=outcome, code="done", effects=(), postings=(), kept=kept)
    return SagaEnded(outcome=outcome, closing=closing, code="done", kept=kept, receipt=receipt)


class Desk(History[Consent]):
    """Trust, with a wallet lent to the task as its store does."""

    def __init__(self, name: str, given: Mandate | None = None) -> None:
        super().__init__(core(sign, Policy()), "trust", name)
        self.lend(Wallet(person=PERSON, mandate=given))

    def lend(self, wallet: Wallet, state: Consent | None = None) -> None:
        state = (state or blank(PERSON)).model_copy(update={"wallet": wallet})
        self.rows = {self.task_id: Row(self.task_id, self.tenant, 0, state, frozenset())}

    def propose(self, **fields: Any) -> list[Message]:
        return self.given(proposal(trip(self.task_id, **fields)))

    def decide(self, *, approved: bool = True, digest: str | None = None) -> list[Message]:
        return self.given(PlanDecided(digest=digest or self.last(ApprovalAsked).digest, approved=approved, by="person"))

    def end(self, kept: int = 0, closing: int = 1) -> list[Message]:
        return self.given(ended(self.task_id, {"IDR": kept} if kept else {}, closing))

    @property
    def wallet(self) -> Wallet:
        assert isinstance(self.state.wallet, Wallet)
        return self.state.wallet


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Desk:
    """A person with a mandate over 5000 a task and 9000 in all."""
    return Desk(request.node.name, mandate())


@pytest.fixture
def stranger(request: pytest.FixtureRequest) -> Desk:
    """A person without a mandate."""
    return Desk(request.node.name)
