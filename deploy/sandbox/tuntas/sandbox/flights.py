"""Flights between real airports by invented airlines: the same route and day give the same flights in every process."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from tuntas.sandbox import offers
from tuntas.sandbox.geo import Place, airport, distance_km
from tuntas.sandbox.models import FlightSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import KITE, MERIDIAN, NUSANTARA, Provider
from tuntas.sandbox.values import currency_of, draw, price

_KITE_UP_TO_KM = 500
_REFUND_UNTIL_BEFORE = timedelta(hours=24)
_BASE_CENTS, _CENTS_FOR_TEN_KM = 1800, 60
_BUSINESS_PERCENT = 280


@dataclass(frozen=True)
class _Fare:
    provider: Provider
    airline: str
    number: str
    depart_at: datetime
    arrive_at: datetime
    refundable: bool
    unit_minor: int
    fee_minor: int
    capacity: int
    hold_minutes: int


def _carriers(route: str, km: float) -> list[tuple[Provider, str, str]]:
    local = [(NUSANTARA, *NUSANTARA.airlines[draw(route, "nusantara", below=2)])]
    others = [(MERIDIAN, *MERIDIAN.airlines[draw(route, "meridian", below=2)])]
    more = [(NUSANTARA, *each) for each in NUSANTARA.airlines if each != local[0][1:]]
    found = local + others + (more if draw(route, "more", below=2) else [])
    return found + ([(KITE, *KITE.airlines[0])] if km <= _KITE_UP_TO_KM else [])


def _times(origin: Place, destination: Place, day: date, minutes: int, seed: str) -> tuple[datetime, datetime]:
    start = time(5 + draw(seed, "hour", below=17), 5 * draw(seed, "minute", below=12))
    depart = datetime.combine(day, start, ZoneInfo(origin.timezone))
    arrive = (depart.timestamp() + minutes * 60) // 1
    return depart, datetime.fromtimestamp(arrive, ZoneInfo(destination.timezone))


def _cents(km: float, day: date, seed: str, cabin: str) -> int:
    plain = _BASE_CENTS + km * _CENTS_FOR_TEN_KM / 10
    season = 90 + draw(seed, day, "price", below=36) + (10 if day.weekday() in (4, 6) else 0)
    return round(plain * season / 100 * (_BUSINESS_PERCENT if cabin == "business" else 100) / 100)


def _pair(carrier: tuple[Provider, str, str], origin: Place, destination: Place, day: date, cabin: str) -> list[_Fare]:
    provider, code, airline = carrier
    seed = f"{origin.place_id}-{destination.place_id}-{code}"
    km = distance_km(origin, destination)
    minutes = 5 * round((35 + km / 800 * 60) / 5)
    depart, arrive = _times(origin, destination, day, minutes, seed)
    cents, currency = _cents(km, day, seed, cabin), currency_of(origin.country)
    number = f"{code} {100 + draw(seed, 'number', below=900)}"
    capacity = (6 if cabin == "business" else 18) + draw(seed, day, cabin, below=13)
    hold = 20 + 10 * draw(seed, "hold", below=5)

    def fare(unit_cents: int, fee_cents: int, *, refundable: bool) -> _Fare:
        unit, fee = price(unit_cents, currency), price(fee_cents, currency)
        return _Fare(provider, airline, number, depart, arrive, refundable, unit, min(fee, unit), capacity, hold)

    return [fare(cents, cents, refundable=False), fare(cents * 5 // 4, cents // 5, refundable=True)]


@lru_cache(maxsize=4096)
def _fares(origin: Place, destination: Place, day: date, cabin: str) -> tuple[_Fare, ...]:
    route = f"{origin.place_id}-{destination.place_id}"
    carriers = _carriers(route, distance_km(origin, destination))
    found = [fare for carrier in carriers for fare in _pair(carrier, origin, destination, day, cabin)]
    return tuple(sorted(found, key=lambda fare: (fare.unit_minor, fare.number, fare.refundable)))


def _offer(search: FlightSearch, fare: _Fare, rank: int, issued: datetime) -> Offer:
    origin, destination = search.origin.upper(), search.destination.upper()
    mark = f"{origin}.{destination}.{search.date}.{search.cabin}.{search.passengers}.{rank}.{offers.issued_mark(issued)}"
    details = {
        "airline": fare.airline,
        "flight_number": fare.number,
        "origin": origin,
        "destination": destination,
        "depart_at": fare.depart_at.isoformat(),
        "arrive_at": fare.arrive_at.isoformat(),
        "cabin": search.cabin,
        "passengers": search.passengers,
    }
    return Offer(
        offer_id=f"f.{mark}",
        kind="flight",
        provider=fare.provider.provider,
        rank=rank,
        units=search.passengers,
        amount_minor=fare.unit_minor * search.passengers,
        currency=currency_of(airport(origin).country),
        fee_minor=fare.fee_minor * search.passengers,
        refundable=fare.refundable,
        refund_until=fare.depart_at - _REFUND_UNTIL_BEFORE,
        hold_minutes=fare.hold_minutes,
        price_minutes=fare.hold_minutes // 2 if fare.provider is MERIDIAN else fare.hold_minutes,
        starts_at=fare.depart_at,
        expires_at=issued + offers.LIFETIME,
        stock=(Pool(f"{fare.number}/{origin}-{destination}/{search.date}/{search.cabin}", fare.capacity, search.passengers),),
        details=details,
    )


def search(asked: FlightSearch, issued: datetime) -> list[Offer]:
    """The offers for a route and day, cheapest first; none for days past or further than 361 days ahead.

    Raises Refusal(422, unknown_airport or same_airport).
    """
    origin, destination = airport(asked.origin), airport(asked.destination)
    if origin == destination:
        raise Refusal(422, "same_airport", "origin and destination are the same")
    if not -1 <= (asked.date - issued.date()).days <= offers.FURTHEST_DAY:
        return []
    fares = _fares(origin, destination, asked.date, asked.cabin)
    return [_offer(asked, fare, rank, issued) for rank, fare in enumerate(fares, 1) if fare.depart_at > issued]


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, origin, destination, day, cabin, passengers, _, mark = offer_id.split(".")
        asked = FlightSearch.model_validate(
            {"origin": origin, "destination": destination, "date": day, "cabin": cabin, "passengers": passengers}
        )
        issued = offers.issued_at(mark, now)
    except (ValueError, ValidationError) as error:
        raise offers.unknown() from error
    return offers.pick(search(asked, issued), offer_id)
