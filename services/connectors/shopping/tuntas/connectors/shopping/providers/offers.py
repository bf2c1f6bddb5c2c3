"""A shop's basket as our offer: hold it free of charge, then buy it; what is sold finally can't be given back."""

from datetime import datetime
from typing import Any

from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind, UndoTerms

_SHOWN = ("shop", "goods_minor", "coupon", "discount_minor", "delivery_minor", "deliver_from", "deliver_until", "terms")
_GOODS = ("name", "brand", "colour", "size", "count", "unit", "each_minor", "total_minor", "instead_of")


def offer_of(found: Any) -> Offer:
    """Return what a search found, with the terms of giving it back as the shop declares them."""
    until = _until(found)
    hold = OfferStep(
        name="hold",
        action="basket.hold",
        kind=StepKind.COMPENSATABLE,
        phase=Phase.HOLD,
        input={"offer_id": found["offer_id"], "people": 1},
    )
    confirm = OfferStep(
        name="confirm",
        action="basket.confirm",
        kind=StepKind.COMPENSATABLE if until else StepKind.PIVOT,
        phase=Phase.CONFIRM if until else Phase.PIVOT,
        acts_on="hold",
        obliges=True,
        undo=_terms(found, until),
    )
    items = [{name: line[name] for name in _GOODS if line[name] is not None} for line in found["items"]]
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=found["provider"],
        title=_title(found)[:200],
        price=Money.model_validate(found["price"]),
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(hold, confirm),
        details={name: found[name] for name in _SHOWN if found[name] is not None} | {"items": items, "refundable": until is not None},
    )


def _until(found: Any) -> datetime | None:
    """Return until when it can be given back; a time that is over before the offer is none, as by the time of buying it may have passed."""
    refund = found["refund"]
    until = datetime.fromisoformat(refund["until"]) if refund["allowed"] else None
    return until if until and until > datetime.fromisoformat(found["expires_at"]) else None


def _terms(found: Any, until: datetime | None) -> UndoTerms:
    price = Money.model_validate(found["price"])
    if until is None:
        return UndoTerms(fee=price)
    return UndoTerms(fee=Money(amount_minor=found["refund"]["fee_minor"], currency=price.currency), until=until)


def _title(found: Any) -> str:
    goods = ", ".join(map(_goods, found["items"]))
    coupon = f", coupon {found['coupon']}" if found["coupon"] else ""
    final = ", final sale" if found["terms"] == "final" else ""
    brought = found["deliver_from"][:16].replace("T", " ")
    return f"{goods} from {found['shop']}{coupon}{final}, from {brought} UTC"


def _goods(line: Any) -> str:
    what = " ".join(filter(None, (line["brand"], line["name"], line["colour"], line["size"] and f"size {line['size']}")))
    instead = f" instead of {line['instead_of']}" if line["instead_of"] else ""
    return f"{line['count']} {line['unit']} {what}{instead}"
