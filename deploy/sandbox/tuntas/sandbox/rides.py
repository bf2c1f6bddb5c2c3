"""Rides: what a search offers, and how an offer is known again by its id."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuntas.sandbox import offers, places, roads
from tuntas.sandbox.items import Item
from tuntas.sandbox.maps import spot_of
from tuntas.sandbox.models import RideSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.places import Spot
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import currency_of, draw, price

_HOLD_MINUTES = 10
_SOON = timedelta(minutes=8)
_FREE_BEFORE = timedelta(minutes=10)
_DEGREE = 100_000
_FEE_PERCENT = 20
FURTHEST_DAYS = 60


@dataclass(frozen=True)
class _Fleet:
    provider: str
    ride_type: str
    seats: int
    base_cents: int
    km_cents: int
    mode: roads.Mode
    cars: int


_FLEETS = (
    _Fleet("gesit-ride", "bike", 1, 40, 14, "motorbike", 60),
    _Fleet("gesit-ride", "car", 4, 90, 26, "car", 40),
    _Fleet("gesit-ride", "xl", 6, 130, 38, "car", 15),
    _Fleet("oto-cab", "taxi", 4, 110, 30, "car", 50),
    _Fleet("oto-cab", "car", 4, 100, 27, "car", 30),
)


def _found(asked: RideSearch, issued: datetime) -> list[tuple[int, roads.Way, _Fleet, Spot, Spot]]:
    origin, destination = spot_of(asked.origin), spot_of(asked.destination)
    at = asked.pickup_at or issued + _SOON
    found = []
    for fleet in _FLEETS:
        if fleet.seats >= asked.passengers and asked.ride_type in (None, fleet.ride_type):
            way = roads.way(origin, destination, fleet.mode, at)
            cents = fleet.base_cents + fleet.km_cents * way.metres // 1000
            surge = 100 + int((way.slower - 1) * 30)
            found.append((price(cents * surge // 100, currency_of(origin.country)), way, fleet, origin, destination))
    return sorted(found, key=lambda each: (each[0], each[2].provider))


def search(asked: RideSearch, issued: datetime) -> list[Offer]:
    """Who would drive, cheapest first; nobody for times that are past or too far ahead.

    Raises Refusal(422, unknown_place or no_route).
    """
    at = (asked.pickup_at or issued + _SOON).replace(microsecond=0)
    if not timedelta() <= at - issued + timedelta(minutes=1) <= timedelta(days=FURTHEST_DAYS):
        return []
    return [_offer(each, rank, at, issued) for rank, each in enumerate(_found(asked, issued), 1)]


def _offer(found: tuple[int, roads.Way, _Fleet, Spot, Spot], rank: int, at: datetime, issued: datetime) -> Offer:
    amount, way, fleet, origin, destination = found
    ends = "_".join(str(round(value * _DEGREE)) for value in (origin.lat, origin.lon, destination.lat, destination.lon))
    return Offer(
        offer_id=f"r.{ends}.{_FLEETS.index(fleet)}.{rank}.{int(at.timestamp()):x}.{offers.issued_mark(issued)}",
        kind="ride",
        provider=fleet.provider,
        rank=rank,
        units=1,
        amount_minor=amount,
        currency=currency_of(origin.country),
        fee_minor=amount * _FEE_PERCENT // 100,
        refundable=True,
        refund_until=at,
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=at + timedelta(minutes=2),
        expires_at=issued + timedelta(minutes=_HOLD_MINUTES),
        stock=(
            Pool(f"{origin.city}/{fleet.provider}/{fleet.ride_type}/{at:%Y%m%d%H}", fleet.cars + draw(origin.city, fleet.cars, below=9)),
        ),
        details={
            "ride_type": fleet.ride_type,
            "seats": fleet.seats,
            "pickup_at": at.isoformat(),
            "arrive_at": (at + timedelta(seconds=way.seconds)).isoformat(),
            "seconds": way.seconds,
            "metres": way.metres,
            "from": {"name": origin.name, "lat": origin.lat, "lon": origin.lon},
            "to": {"name": destination.name, "lat": destination.lat, "lon": destination.lon},
            "city": origin.city,
        },
    )


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, ends, fleet, rank, at, mark = offer_id.split(".")
        a, b, c, d = (int(part) / _DEGREE for part in ends.split("_"))
        origin, destination = places.at(a, b), places.at(c, d)
        issued, pickup = offers.issued_at(mark, now), datetime.fromtimestamp(int(at, 16), now.tzinfo)
        asked = RideSearch(origin=f"{a},{b}", destination=f"{c},{d}", pickup_at=pickup, ride_type=_FLEETS[int(fleet)].ride_type)
        found = next(each for each in _found(asked, issued) if each[2] == _FLEETS[int(fleet)])
        offer = _offer((*found[:3], origin, destination), int(rank), pickup, issued)
    except (ValueError, IndexError, StopIteration, OverflowError, OSError, Refusal) as error:
        raise offers.unknown() from error
    return offers.pick([offer], offer_id)


def charge(item: Item, at: datetime) -> int | None:
    """Nothing until shortly before the pick-up, then a part of the price, and no cancelling once one sits in the car."""
    pickup = datetime.fromisoformat(item.details["item"]["pickup_at"])
    if at < pickup - _FREE_BEFORE:
        return 0
    return item.amount_minor * _FEE_PERCENT // 100 if at < pickup else None
