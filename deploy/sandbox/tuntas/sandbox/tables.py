"""Tables at restaurants: what a search offers, and how an offer is known again by its id. A table costs nothing until one eats."""

from datetime import datetime, timedelta

from tuntas.sandbox import menus, offers, places
from tuntas.sandbox.maps import spot_of
from tuntas.sandbox.menus import Kitchen
from tuntas.sandbox.models import TableSearch
from tuntas.sandbox.offers import LIFETIME, Offer, Pool
from tuntas.sandbox.places import plain
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw

_STAY = timedelta(hours=2)
_TABLES = 12
_FURTHEST_DAYS = 60


def search(asked: TableSearch, issued: datetime) -> list[Offer]:
    """The restaurants of that name in a city that have a table. Raises Refusal(422): unknown_place, unknown_restaurant."""
    if not timedelta() < asked.at - issued <= timedelta(days=_FURTHEST_DAYS):
        return []
    found = [k for k in _restaurants(asked.near) if plain(asked.restaurant) in plain(k.name)]
    if not found:
        raise Refusal(422, "unknown_restaurant", "there is no restaurant of this name")
    return [_offer(kitchen, asked.at, asked.guests, rank, issued) for rank, kitchen in enumerate(found, 1)]


def _restaurants(near: str) -> list[Kitchen]:
    spot = spot_of(near)
    return [kitchen for kitchen in menus.near(spot, places.cities()[plain(spot.city)]) if kitchen.cooks]


def _offer(kitchen: Kitchen, at: datetime, guests: int, rank: int, issued: datetime) -> Offer:
    city, stands = plain(kitchen.city).replace(" ", "_"), int((at + _STAY - issued).total_seconds() // 60)
    return Offer(
        offer_id=f"d.{city}.{kitchen.number}.{int(at.timestamp()):x}.{guests}.{rank}.{offers.issued_mark(issued)}",
        kind="table",
        provider="meja",
        rank=rank,
        units=1,
        amount_minor=0,
        currency=kitchen.currency,
        fee_minor=0,
        refundable=True,
        refund_until=at,
        hold_minutes=stands,
        price_minutes=stands,
        starts_at=at,
        expires_at=issued + LIFETIME,
        stock=(Pool(f"tables/{city}/{kitchen.number}/{at:%Y%m%d%H}", _TABLES + draw(kitchen.name, below=6)),),
        details={
            "restaurant": kitchen.name,
            "city": kitchen.city,
            "at": at.isoformat(),
            "until": (at + _STAY).isoformat(),
            "guests": guests,
            "lat": kitchen.lat,
            "lon": kitchen.lon,
        },
    )


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, city, number, at, guests, rank, mark = offer_id.split(".")
        kitchen = next(k for k in _restaurants(city.replace("_", " ")) if k.number == int(number))
        when = datetime.fromtimestamp(int(at, 16), now.tzinfo)
        found = _offer(kitchen, when, int(guests), int(rank), offers.issued_at(mark, now))
    except (ValueError, KeyError, StopIteration, OverflowError, OSError, Refusal) as error:
        raise offers.unknown() from error
    return offers.pick([found], offer_id)
