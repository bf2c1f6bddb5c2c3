"""A seller's offer as ours: hold it free of charge, then buy it; what undoing costs grows with time."""

from datetime import datetime
from typing import Any

from tuntas.contracts.base import Document
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind, UndoTerms


def offer_of(kind: str, found: Any, title: str, details: Document) -> Offer:
    """Return what a search found; the fee is the worst that cancelling may cost, until when it is possible at all."""
    price, refund = Money.model_validate(found["price"]), found["refund"]
    terms = UndoTerms(
        fee=Money(amount_minor=refund["fee_minor"], currency=price.currency), until=datetime.fromisoformat(refund["until"]), estimate=True
    )
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=found["provider"],
        title=title[:200],
        price=price,
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(
            OfferStep(
                name="hold",
                action=f"{kind}.hold",
                kind=StepKind.COMPENSATABLE,
                phase=Phase.HOLD,
                input={"offer_id": found["offer_id"], "people": 1},
            ),
            OfferStep(
                name="confirm",
                action=f"{kind}.confirm",
                kind=StepKind.COMPENSATABLE,
                phase=Phase.CONFIRM,
                acts_on="hold",
                obliges=True,
                undo=terms,
            ),
        ),
        details=details,
    )
