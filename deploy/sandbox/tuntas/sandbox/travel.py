"""Flights and rooms, in the words of their sellers."""

from tuntas.sandbox import flights, hotels
from tuntas.sandbox.booking import Kind, world
from tuntas.sandbox.models import FlightSearch, HotelSearch

FLIGHT = Kind(
    "flight",
    "/flights/orders",
    "order_id",
    "orders",
    "passengers",
    "ticketed",
    "ticket_number",
    asked=FlightSearch,
    search=flights.search,
    resolve=flights.resolve,
    prefix="ord",
    one_each=True,
)
HOTEL = Kind(
    "hotel",
    "/hotels/bookings",
    "booking_id",
    "bookings",
    "guests",
    "confirmed",
    "confirmation_number",
    asked=HotelSearch,
    search=hotels.search,
    resolve=hotels.resolve,
)
WORLD = world("travel", FLIGHT, HOTEL)
