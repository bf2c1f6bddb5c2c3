"""Rooms in invented hotels in real cities: the same city and days give the same rooms in every process."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from tuntas.sandbox import geo, offers
from tuntas.sandbox.geo import Place
from tuntas.sandbox.models import HotelSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import BALE
from tuntas.sandbox.values import currency_of, draw, price

_FIRST = ("Kencana", "Melati", "Teratai", "Harbour", "Lantern", "Garden", "Cendana", "Riverside", "Banyan", "Moonlight")
_SECOND = ("House", "Residence", "Inn", "Suites", "Lodge", "Terrace")
_STREETS = ("Orchid", "Harbour", "Temple", "Market", "Palm", "Station", "Lake")
_CENTS_BY_STARS = {2: 1800, 3: 3200, 4: 6500, 5: 14_000}
_PER_CITY = 6
_NIGHTS = 30
_GUESTS_IN_A_ROOM = 3
_REFUND_UNTIL_BEFORE = timedelta(hours=48)
_HOLD_MINUTES = 60


@dataclass(frozen=True)
class _Hotel:
    number: int
    name: str
    address: str
    stars: int
    lat: float
    lon: float


@lru_cache(maxsize=1024)
def _hotels(place: Place) -> tuple[_Hotel, ...]:
    return tuple(_hotel(place, number) for number in range(_PER_CITY))


def _hotel(place: Place, number: int) -> _Hotel:
    seed = (place.place_id, number)
    name = f"{_FIRST[(draw(place.place_id, below=10) + number) % 10]} {_SECOND[draw(*seed, 'second', below=6)]} {place.name}"
    address = f"{1 + draw(*seed, 'door', below=180)} {_STREETS[draw(*seed, 'street', below=7)]} Street, {place.name}"
    lat = round(place.lat + (draw(*seed, "lat", below=400) - 200) / 10_000, 5)
    lon = round(place.lon + (draw(*seed, "lon", below=400) - 200) / 10_000, 5)
    return _Hotel(number, name, address, 2 + (number + draw(place.place_id, "stars", below=4)) % 4, lat, lon)


def _nights(check_in: date, check_out: date) -> list[date]:
    return [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]


def _night_cents(place: Place, hotel: _Hotel, night: date) -> int:
    level = 80 + draw(place.place_id, "level", below=50)
    season = 90 + draw(place.place_id, hotel.number, night, below=30) + (15 if night.weekday() in (4, 5) else 0)
    return _CENTS_BY_STARS[hotel.stars] * level * season // 10_000


def _rates(place: Place, asked: HotelSearch) -> list[tuple[int, int, _Hotel, bool]]:
    currency = currency_of(place.country)
    found = []
    for hotel in _hotels(place):
        cents = [_night_cents(place, hotel, night) for night in _nights(asked.check_in, asked.check_out)]
        for refundable, percent in ((False, 100), (True, 115)):
            nightly = [price(each * percent // 100, currency) * asked.rooms for each in cents]
            found.append((sum(nightly), nightly[0], hotel, refundable))
    return sorted(found, key=lambda rate: (rate[0], rate[2].number, rate[3]))


def _details(asked: HotelSearch, place: Place, hotel: _Hotel) -> dict[str, Any]:
    return {
        "hotel": hotel.name,
        "address": hotel.address,
        "city": place.name,
        "country": place.country,
        "stars": hotel.stars,
        "lat": hotel.lat,
        "lon": hotel.lon,
        "check_in": asked.check_in.isoformat(),
        "check_out": asked.check_out.isoformat(),
        "rooms": asked.rooms,
        "guests": asked.guests,
    }


def _stock(place: Place, hotel: _Hotel, asked: HotelSearch) -> tuple[Pool, ...]:
    pool = f"{place.place_id}-{hotel.number}"
    nights = _nights(asked.check_in, asked.check_out)
    return tuple(Pool(f"{pool}/{night}", 4 + draw(pool, night, "rooms", below=9), asked.rooms) for night in nights)


def _offers(place: Place, asked: HotelSearch, issued: datetime) -> list[Offer]:
    starts_at = datetime.combine(asked.check_in, time(14), ZoneInfo(place.timezone))
    stay = f"{place.place_id}.{asked.check_in}.{asked.check_out}.{asked.rooms}.{asked.guests}"
    return [
        Offer(
            offer_id=f"h.{stay}.{rank}.{offers.issued_mark(issued)}",
            kind="hotel",
            provider=BALE.provider,
            rank=rank,
            units=asked.rooms,
            amount_minor=amount,
            currency=currency_of(place.country),
            fee_minor=first_night // 2,
            refundable=refundable,
            refund_until=starts_at - _REFUND_UNTIL_BEFORE,
            hold_minutes=_HOLD_MINUTES,
            price_minutes=_HOLD_MINUTES,
            starts_at=starts_at,
            expires_at=issued + offers.LIFETIME,
            stock=_stock(place, hotel, asked),
            details=_details(asked, place, hotel),
        )
        for rank, (amount, first_night, hotel, refundable) in enumerate(_rates(place, asked), 1)
    ]


def _search(place: Place, asked: HotelSearch, issued: datetime) -> list[Offer]:
    nights = (asked.check_out - asked.check_in).days
    if not 1 <= nights <= _NIGHTS:
        raise Refusal(422, "invalid_stay", f"a stay is 1 to {_NIGHTS} nights")
    if asked.guests > asked.rooms * _GUESTS_IN_A_ROOM:
        raise Refusal(422, "too_many_guests", f"a room takes {_GUESTS_IN_A_ROOM} guests")
    if not -1 <= (asked.check_in - issued.date()).days <= offers.FURTHEST_DAY:
        return []
    return [offer for offer in _offers(place, asked, issued) if offer.starts_at > issued]


def search(asked: HotelSearch, issued: datetime) -> list[Offer]:
    """The offers for a city and stay, cheapest first; none for days past or further than 361 days ahead.

    Raises Refusal(422, unknown_city, invalid_stay or too_many_guests).
    """
    return _search(geo.city(asked.city, asked.country), asked, issued)


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, place_id, check_in, check_out, rooms, guests, _, mark = offer_id.split(".")
        place = geo.place(place_id)
        stay = {"check_in": check_in, "check_out": check_out, "rooms": rooms, "guests": guests}
        asked = HotelSearch.model_validate({"city": place.name, "country": place.country, **stay})
        issued = offers.issued_at(mark, now)
    except (ValueError, ValidationError) as error:
        raise offers.unknown() from error
    return offers.pick(_search(place, asked, issued), offer_id)
