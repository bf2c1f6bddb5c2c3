"""An offer: what a seller would do, for how much, on what terms of undoing, until when. Nothing is stored until one is taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw, money

LIFETIME = timedelta(minutes=30)
FURTHEST_DAY = 361
_CHECK = 10**6


@dataclass(frozen=True)
class Pool:
    """Something there is only so much of: its size, how many units an offer takes from it, and the refusal once it has run out."""

    key: str
    capacity: int
    units: int = 1
    gone: str = "sold_out"


@dataclass(frozen=True)
class Offer:
    """``rank`` is 1 for the cheapest; ``units`` is for how many people, rooms or baskets; ``stock`` is what it takes from."""

    offer_id: str
    kind: str
    provider: str
    rank: int
    units: int
    amount_minor: int
    currency: str
    fee_minor: int
    refundable: bool
    refund_until: datetime
    hold_minutes: int
    price_minutes: int
    starts_at: datetime
    expires_at: datetime
    stock: tuple[Pool, ...]
    details: dict[str, Any]

    @property
    def refund(self) -> dict[str, Any]:
        """The terms of undoing after it was bought; the fee is in the price's currency."""
        until = self.refund_until.isoformat() if self.refundable else None
        return {"allowed": self.refundable, "fee_minor": self.fee_minor if self.refundable else self.amount_minor, "until": until}

    def document(self, available: int) -> dict[str, Any]:
        """The offer as a search shows it, with how many units are left."""
        return {
            "offer_id": self.offer_id,
            "provider": self.provider,
            "rank": self.rank,
            **self.details,
            "price": money(self.amount_minor, self.currency),
            "expires_at": self.expires_at.isoformat(),
            "hold": {"allowed": True, "minutes": self.hold_minutes},
            "refund": self.refund,
            "available": available,
        }


def issued_mark(issued: datetime) -> str:
    """The instant of issue, to the second, as an offer id carries it."""
    return format(int(issued.timestamp()), "x")


def issued_at(mark: str, now: datetime) -> datetime:
    """The instant an offer id was issued at. Raises ValueError if it is not in the past."""
    seconds = int(mark, 16)
    if not 0 < seconds <= now.timestamp():
        raise ValueError(mark)
    return datetime.fromtimestamp(seconds, UTC)


def signed(identity: str) -> str:
    """An offer id that nobody makes up by chance."""
    return f"{identity}.{draw(identity, below=_CHECK)}"


def unsigned(offer_id: str, count: int) -> list[str]:
    """The parts of an offer id. Raises ValueError for one that was made up."""
    identity, _, check = offer_id.rpartition(".")
    parts = identity.split(".")
    if check != str(draw(identity, below=_CHECK)) or len(parts) != count:
        raise ValueError(offer_id)
    return parts


def pick(offers: Iterable[Offer], offer_id: str) -> Offer:
    """The offer with this id. Raises Refusal(422, offer_unknown)."""
    for offer in offers:
        if offer.offer_id == offer_id:
            return offer
    raise unknown()


def unknown() -> Refusal:
    """The refusal of an offer id that was never issued."""
    return Refusal(422, "offer_unknown", "no such offer was made")
