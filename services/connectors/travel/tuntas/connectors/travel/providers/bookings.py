"""Flights and hotels: how a wish is searched for, and whose offers these are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tuntas.connectors.travel.providers.searching import (
    Document,
    Searches,
    fits,
    flight_query,
    hotel_query,
    offer_of,
    refused_search,
    window_of,
)
from tuntas.contracts.plan import Offer, Window
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected


@dataclass(frozen=True)
class Kind:
    """What is sold: the goal type, the words on the wire, and the search that a wish is."""

    name: str
    goal_type: str
    words: Words
    query: Callable[[Wish], Document]


FLIGHTS = Kind(
    "flight",
    "travel.flight.book",
    Words("/flights/orders", "orders", "order_id", "passengers", "ticketed", "ticket_number", all_named=True),
    flight_query,
)
HOTELS = Kind(
    "hotel",
    "travel.hotel.book",
    Words("/hotels/bookings", "bookings", "booking_id", "guests", "confirmed", "confirmation_number"),
    hotel_query,
)


class Seller(Bookings):
    """One seller of one kind; all of them are behind one search."""

    def __init__(self, kind: Kind, spec: ProviderSpec, client: Client, searches: Searches) -> None:
        super().__init__(kind.words, spec, client)
        self.kind, self._searches = kind, searches

    def window(self, found: Document) -> Window | None:
        """Return when a flight leaves and arrives as of now."""
        item: Any = found.get("item") or {}
        return window_of(item) if isinstance(item, dict) else None

    async def quote(self, wish: Wish) -> list[Offer]:
        """Search, and return the offers, cheapest first.

        Raises:
            Rejected: `travellers_missing`, `unknown_airport`, `same_airport`, `unknown_city`, `invalid_stay`, `too_many_guests`,
                `cabin_unavailable`.
        """
        if wish.goal.type != self.kind.goal_type:
            return []
        query = self.kind.query(wish)
        if missing := self.words.unnamed(query[self.words.people], wish.travellers):
            raise Rejected("travellers_missing", f"{missing} more to be named")
        reply = await self._searches.find(f"/{self.kind.name}s/search", query, wish.traceparent)
        if not reply.ok:
            raise refused_search(reply)
        found: Any = reply.body["offers"]
        ours = [o for o in found if o["provider"] == self.spec.name and o["hold"]["allowed"] and fits(o, wish)]
        return [offer_of(self.kind.name, o) for o in sorted(ours, key=lambda o: o["price"]["amount_minor"])]
