"""Things of any kind, sold by anybody: in every world, for whoever writes a connector or a provider and has no world for it yet."""

from datetime import datetime, timedelta

from tuntas.sandbox import offers
from tuntas.sandbox.models import ThingSearch
from tuntas.sandbox.offers import LIFETIME, Offer, Pool
from tuntas.sandbox.values import draw, shelf_price

_HOLD_MINUTES = 30
_FEE_PERCENT = 10
_CURRENCY = "IDR"


def search(asked: ThingSearch, issued: datetime) -> list[Offer]:
    """The thing as this seller would sell it; what it is called decides its price."""
    return [_offer(asked.seller, draw(asked.what, below=5000), asked.count, issued)]


def _offer(seller: str, cents: int, count: int, issued: datetime) -> Offer:
    amount = shelf_price(500 + cents, _CURRENCY) * count
    return Offer(
        offer_id=offers.signed(f"x.{seller}.{cents}.{count}.{offers.issued_mark(issued)}"),
        kind="thing",
        provider=seller,
        rank=1,
        units=count,
        amount_minor=amount,
        currency=_CURRENCY,
        fee_minor=amount * _FEE_PERCENT // 100,
        refundable=True,
        refund_until=issued + timedelta(days=1),
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=issued + LIFETIME,
        expires_at=issued + LIFETIME,
        stock=(Pool(f"things/{seller}/{cents}/{issued:%Y%m%d}", 10_000, count),),
        details={"count": count},
    )


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, seller, cents, count, mark = offers.unsigned(offer_id, 5)
        return offers.pick([_offer(seller, int(cents), int(count), offers.issued_at(mark, now))], offer_id)
    except (ValueError, OverflowError, OSError) as error:
        raise offers.unknown() from error
