"""Those who keep tables."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tuntas.connectors.instant.actions import RESERVE
from tuntas.contracts.base import Document
from tuntas.contracts.plan import Offer, OfferStep, Phase, Place, StepKind, Window
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

WORDS = Words("/tables/bookings", "bookings", "booking_id", "people", "taken", "table_number", named=False)


class Tables(Bookings):
    """A table stands until one has eaten, or gives it up; it costs nothing."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return the restaurants of that name that have a table.

        Raises:
            Rejected: `unknown_place`, `unknown_restaurant`, `invalid_time`, `invalid`.
        """
        if wish.goal.type != RESERVE.name:
            return []
        reply = await self._client.call("GET", "/tables/search", params=query(wish), traceparent=wish.traceparent)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        found: Any = reply.body["offers"]
        return [_offer(each) for each in found]


def query(wish: Wish) -> Document:
    """Return the search for a table; who names no place means the city of their clock.

    Raises:
        Rejected: `invalid_time`: there is no such day or time; `invalid`: the guests are no numbers.
    """
    asked: Any = wish.goal.parameters
    near = asked.get("near") or wish.tz.rpartition("/")[2].replace("_", " ")
    try:
        at = datetime.fromisoformat(f"{asked['date']}T{asked['time']}").replace(tzinfo=ZoneInfo(wish.tz))
    except ValueError:
        raise Rejected("invalid_time") from None
    guests = asked.get("guests") or {}
    if not isinstance(guests, dict):
        raise Rejected("invalid", "guests")
    count = sum(map(int, guests.values()))
    named = {"restaurant": str(asked["restaurant"])[:200], "near": str(near)[:200], "at": at.astimezone(UTC).isoformat()}
    return named | ({"guests": count} if count else {})


def _offer(found: Any) -> Offer:
    at, place = found["at"][:16].replace("T", " "), Place(name=found["restaurant"][:200], lat=found["lat"], lon=found["lon"])
    hold = OfferStep(
        name="hold",
        action="table.hold",
        kind=StepKind.COMPENSATABLE,
        phase=Phase.HOLD,
        input={"offer_id": found["offer_id"], "people": 1},
    )
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=found["provider"],
        title=f"Table for {found['guests']} at {found['restaurant']}, {at} UTC"[:200],
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(hold,),
        details={name: found[name] for name in ("restaurant", "city", "at", "guests")},
        window=Window(
            start=datetime.fromisoformat(found["at"]), end=datetime.fromisoformat(found["until"]), origin=place, destination=place
        ),
    )
