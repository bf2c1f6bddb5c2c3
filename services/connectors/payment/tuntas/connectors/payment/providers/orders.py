"""An order of money as our offer: checked and held first, then carried out; some can be taken back for a while, at a fee that is told."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind, UndoTerms
from tuntas.kit.connector.bookings import Bookings
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import ActionAnswer, Request, Wish
from tuntas.kit.errors import Rejected


def with_own(wish: Wish) -> None:
    """Refuse a wish that names another instrument than the one that the task is paid with.

    Raises:
        Rejected: `other_instrument`.
    """
    if wish.goal.parameters.get("instrument", wish.instrument) != wish.instrument:
        raise Rejected("other_instrument")


def amount_of(asked: Document) -> Money:
    """Return how much money a wish is about.

    Raises:
        Rejected: `invalid`: it is no amount.
    """
    try:
        return Money.model_validate(asked.get("amount"))
    except ValidationError:
        raise Rejected("invalid", "amount") from None


async def searched(client: Client, path: str, query: Document, wish: Wish) -> list[Any]:
    """Return what a search offers.

    Raises:
        Rejected: the provider's own code.
    """
    reply = await client.call("GET", path, params=query, traceparent=wish.traceparent)
    if not reply.ok:
        raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
    found: Any = reply.body["offers"]
    return list(found)


def offer_of(kind: str, found: Any, title: str, details: Document) -> Offer:
    """Return what a search found as an offer to pay whom it names and nobody else."""
    price, refund, payee = Money.model_validate(found["price"]), found["refund"], found["payee"]["payee_id"]
    until = datetime.fromisoformat(refund["until"]) if refund["allowed"] else None
    fee = Money(amount_minor=refund["fee_minor"], currency=price.currency) if until else price
    confirm = OfferStep(
        name="confirm",
        action=f"{kind}.confirm",
        kind=StepKind.COMPENSATABLE if until else StepKind.PIVOT,
        phase=Phase.CONFIRM if until else Phase.PIVOT,
        input={"payee": payee},
        acts_on="hold",
        obliges=True,
        undo=UndoTerms(fee=fee, until=until),
    )
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=payee,
        title=title[:200],
        price=price,
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(hold_of(kind, found), confirm),
        details=details | {"recallable_until": until.isoformat() if until else None},
    )


def hold_of(kind: str, found: Any) -> OfferStep:
    """Return the step that lays an order down and obliges nobody."""
    return OfferStep(
        name="hold",
        action=f"{kind}.hold",
        kind=StepKind.COMPENSATABLE,
        phase=Phase.HOLD,
        input={"offer_id": found["offer_id"], "people": 1},
    )


class Orders(Bookings):
    """Bookings of money: whom it is for goes along with every confirmation, and without that nothing is sent."""

    async def act(self, request: Request) -> ActionAnswer:
        """Hold or confirm; a confirmation that names no payee is refused, as nobody could have approved one.

        What the provider calls a duplicate is our own order under our reference, and is looked up.
        """
        if request.action.endswith(".confirm") and not request.input.get("payee"):
            return ActionAnswer(outcome=Outcome.REFUSED, code="payee", reason="nobody is named whom the money is for")
        answer = await super().act(request)
        return (await self.inquire(request) or answer) if answer.code == "duplicate" else answer

    def purchase(self, request: Request) -> Document:
        """Return what is confirmed: our reference, the price, and whom it is for."""
        return super().purchase(request) | {"payee": request.input["payee"]}
