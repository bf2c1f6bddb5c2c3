"""Bills: what a biller says is owed, and how an offer to pay it is known again by its id."""

from datetime import datetime, timedelta

from tuntas.sandbox import offers
from tuntas.sandbox.models import BillSearch
from tuntas.sandbox.offers import LIFETIME, Offer, Pool
from tuntas.sandbox.payees import Biller, biller_of, billers
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import shelf_price

_HOLD_MINUTES = 60


def search(asked: BillSearch, issued: datetime) -> list[Offer]:
    """The bill as it stands, or a top-up of the amount that was asked for.

    Raises Refusal(422): unknown_biller, unknown_customer, or amount_missing for a top-up without one.
    """
    biller = biller_of(asked.biller, asked.customer, asked.currency)
    if biller.how == "top-up" and asked.amount_minor is None:
        raise Refusal(422, "amount_missing", "how much is to be topped up?")
    amount = asked.amount_minor if biller.how == "top-up" else biller.owed(asked.customer, f"{issued:%Y%m}")
    return [_offer(biller, amount or 0, asked.token, issued)]


def _offer(biller: Biller, amount: int, token: str, issued: datetime) -> Offer:
    parts = ("l", biller.biller_id, amount, token or "-", offers.issued_mark(issued))
    period = f"{issued:%Y%m}"
    once = Pool(f"bill/{biller.biller_id}/{token}/{period}", 1, gone="already_paid")
    always = Pool(f"top-ups/{biller.biller_id}/{issued:%Y%m%d}", 1_000_000)
    return Offer(
        offer_id=offers.signed(".".join(map(str, parts))),
        kind="bill",
        provider="loket",
        rank=1,
        units=1,
        amount_minor=amount,
        currency=biller.currency,
        fee_minor=shelf_price(biller.refund_cents, biller.currency) if biller.refund_minutes else 0,
        refundable=biller.refund_minutes > 0,
        refund_until=issued + timedelta(minutes=_HOLD_MINUTES + biller.refund_minutes),
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=issued + LIFETIME,
        expires_at=issued + LIFETIME,
        stock=(once if biller.how == "bill" else always,),
        details={
            "payee": {"payee_id": biller.biller_id, "name": biller.name},
            "sort": biller.sort,
            "how": biller.how,
            "period": period if biller.how == "bill" else None,
            "customer": token,
        },
    )


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, biller_id, amount, token, mark = offers.unsigned(offer_id, 5)
        biller = next(each for each in billers() if each.biller_id == biller_id)
        return offers.pick([_offer(biller, int(amount), token, offers.issued_at(mark, now))], offer_id)
    except (ValueError, StopIteration, OverflowError, OSError) as error:
        raise offers.unknown() from error
