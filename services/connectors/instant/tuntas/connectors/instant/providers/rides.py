"""Those who drive."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tuntas.connectors.instant.actions import RIDE
from tuntas.connectors.instant.providers.offers import offer_of
from tuntas.contracts.base import Document
from tuntas.contracts.plan import Offer, Place, Timing, Window
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

WORDS = Words("/rides/trips", "trips", "trip_id", "people", "booked", "driver_number", named=False)
SLACK: Final = timedelta(minutes=10)
"""How much earlier than the map says one sets off to a meeting."""

_UNKNOWN_WAY: Final = timedelta(minutes=90)
"""What is allowed for a way that no map knows."""


class Rides(Bookings):
    """One fleet."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return who would drive, cheapest first.

        Raises:
            Rejected: `unknown_place`, `no_route`, `no_destination`: only one end of the way is known, `invalid_time`.
        """
        if wish.goal.type != RIDE.name:
            return []
        reply = await self._client.call("GET", "/rides/search", params=query(wish), traceparent=wish.traceparent)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        found: Any = reply.body["offers"]
        return [_offer(each) for each in found if each["provider"] == self.spec.name]

    def window(self, found: Document) -> Window | None:
        """Return when and where the car comes."""
        item: Any = found.get("item") or {}
        return window_of(item) if "pickup_at" in item else None


def query(wish: Wish) -> Document:
    """Return the search for a ride; the end that meets another goal is where that takes place, and the time follows from it.

    Raises:
        Rejected: `no_destination`, `invalid_time`.
    """
    asked: Any = wish.goal.parameters
    ends = {name: str(asked[name])[:200] for name in ("origin", "destination") if name in asked}
    if wish.timing:
        ends["destination" if wish.timing.arrive_by else "origin"] = f"{wish.timing.place.lat},{wish.timing.place.lon}"
    if len(ends) < 2:  # noqa: PLR2004 - a way has two
        raise Rejected("no_destination", ", ".join(ends))
    pickup = _meeting(wish.timing) if wish.timing else _said(asked, wish.tz)
    more = {"pickup_at": pickup.isoformat()} if pickup else {}
    people = sum(int(n) for n in (asked.get("passengers") or {}).values())
    return ends | more | ({"ride_type": asked["ride_type"]} if "ride_type" in asked else {}) | ({"passengers": people} if people else {})


def _meeting(timing: Timing) -> datetime | None:
    if timing.arrive_by:
        way = timedelta(seconds=timing.travel_seconds) if timing.travel_seconds is not None else _UNKNOWN_WAY
        return (timing.arrive_by - way - SLACK).astimezone(UTC)
    return timing.leave_from.astimezone(UTC) if timing.leave_from else None


def _said(asked: Any, tz: str) -> datetime | None:
    if not {"pickup_at", "pickup_time"} & set(asked):
        return None
    zone = ZoneInfo(tz)
    now = datetime.now(zone)
    try:
        if "pickup_at" in asked:
            return datetime.fromisoformat(asked["pickup_at"]).astimezone(UTC)
        at = datetime.fromisoformat(f"{asked.get('pickup_date') or now.date()}T{asked['pickup_time']}").replace(tzinfo=zone)
    except ValueError:
        raise Rejected("invalid_time") from None
    passed = at <= now and "pickup_date" not in asked
    return (at + timedelta(days=passed)).astimezone(UTC)


def window_of(item: Any) -> Window:
    """Return when and where a ride takes place."""
    ends = {name: Place(name=end["name"][:200], lat=end["lat"], lon=end["lon"]) for name, end in (("o", item["from"]), ("d", item["to"]))}
    return Window.model_validate({"start": item["pickup_at"], "end": item["arrive_at"], "origin": ends["o"], "destination": ends["d"]})


def _offer(found: Any) -> Offer:
    leaves = found["pickup_at"][:16].replace("T", " ")
    title = f"{found['ride_type']} at {leaves} UTC, {found['metres'] / 1000:.1f} km"
    details = {name: found[name] for name in ("ride_type", "pickup_at", "arrive_at", "seconds", "metres", "seats")}
    return offer_of("ride", found, title, details).model_copy(update={"window": window_of(found), "travel_seconds": found["seconds"]})
