"""Meals brought by couriers: what a search offers, and how an offer is known again by its id."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tuntas.sandbox import menus, offers, places
from tuntas.sandbox.items import Item
from tuntas.sandbox.maps import spot_of
from tuntas.sandbox.menus import Dish, Kitchen
from tuntas.sandbox.models import MealSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.places import Spot, plain
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw, price

_COOKING = timedelta(minutes=5)
_ON_THE_WAY = timedelta(minutes=25)
_HOLD_MINUTES = 15
_FURTHEST_M = 15_000
_A_DAY = 40
_DEGREE = 100_000
_TELLING = 7


@dataclass(frozen=True)
class _Order:
    kitchen: Kitchen
    dishes: tuple[tuple[Dish, int], ...]
    to: Spot

    @property
    def food(self) -> int:
        return sum(self.kitchen.price(dish) * count for dish, count in self.dishes)

    @property
    def metres(self) -> float:
        k = self.kitchen
        return self.to.metres_to(Spot(k.name, k.city, k.country, k.lat, k.lon, "restaurant"))

    @property
    def fee(self) -> int:
        return price(60 + int(self.metres / 1000) * 12, self.kitchen.currency)

    @property
    def minutes(self) -> int:
        return 15 + int(self.metres / 400)


def wanted(text: str) -> list[tuple[str, int]]:
    """What is ordered: ``2*nasi goreng|1*es teh``; a number that is missing is one."""
    found = []
    for part in filter(None, text.split("|")):
        count, star, name = part.partition("*")
        found.append((plain(name), max(1, min(50, int(count)))) if star and count.isdigit() else (plain(part), 1))
    return found


def _dish(kitchen: Kitchen, name: str) -> Dish | None:
    exact = next((dish for dish in kitchen.dishes if name in dish.names), None)
    return exact or next((dish for dish in kitchen.dishes if any(_alike(name, own) for own in dish.names)), None)


def _alike(name: str, own: str) -> bool:
    """Whether one name is part of the other. A short word such as "rice" is no name of "fried rice"."""
    telling = " " in own or len(own) >= _TELLING
    return f" {name} " in f" {own} " or (telling and f" {own} " in f" {name} ")


def _fits(kitchen: Kitchen, asked: MealSearch) -> bool:
    named = plain(asked.restaurant or "") in plain(kitchen.name)
    cooks = not asked.cuisine or plain(asked.cuisine) in kitchen.cuisines
    meant = kitchen.cooks or bool(asked.items or asked.cuisine or asked.restaurant)
    return named and cooks and meant


def _orders(asked: MealSearch) -> list[_Order]:
    to = spot_of(asked.address)
    found = []
    for kitchen in menus.near(to, places.cities()[plain(to.city)]):
        dishes = [(_dish(kitchen, name), count) for name, count in wanted(asked.items)] or [(kitchen.dishes[0], 1)]
        whole = [(dish, count) for dish, count in dishes if dish]
        order = _Order(kitchen, tuple(whole), to)
        if len(whole) == len(dishes) and _fits(kitchen, asked) and order.metres <= _FURTHEST_M:
            found.append(order)
    return sorted(found, key=lambda order: (order.food + order.fee, order.kitchen.number))


def search(asked: MealSearch, issued: datetime) -> list[Offer]:
    """What can be brought to an address, cheapest first. Raises Refusal(422, unknown_place)."""
    return [_offer(order, rank, asked.deliver_at or issued, issued) for rank, order in enumerate(_orders(asked), 1)]


def _offer(order: _Order, rank: int, starts: datetime, issued: datetime) -> Offer:
    k, until = order.kitchen, issued + timedelta(days=1)
    basket = "-".join(f"{k.dishes.index(dish)}x{count}" for dish, count in order.dishes)
    at = f"{round(order.to.lat * _DEGREE)}_{round(order.to.lon * _DEGREE)}"
    return Offer(
        offer_id=f"m.{at}.{k.number}.{basket}.{rank}.{int(starts.timestamp()):x}.{offers.issued_mark(issued)}",
        kind="meal",
        provider=k.provider,
        rank=rank,
        units=1,
        amount_minor=order.food + order.fee,
        currency=k.currency,
        fee_minor=order.food,
        refundable=True,
        refund_until=until,
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=until,
        expires_at=issued + offers.LIFETIME,
        stock=(Pool(f"{k.city}/{k.number}/{issued.date()}", _A_DAY + draw(k.city, k.number, below=20)),),
        details=_details(order),
    )


def _details(order: _Order) -> dict[str, Any]:
    k = order.kitchen
    return {
        "restaurant": k.name,
        "cuisine": k.cuisine,
        "items": [{"name": dish.name, "count": count, "each_minor": k.price(dish)} for dish, count in order.dishes],
        "delivery_minor": order.fee,
        "minutes": order.minutes,
        "metres": round(order.metres),
        "city": k.city,
    }


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, at, number, basket, rank, starts, mark = offer_id.split(".")
        lat, lon = (int(part) / _DEGREE for part in at.split("_"))
        to = places.at(lat, lon)
        kitchen = next(k for k in menus.near(to, places.cities()[plain(to.city)]) if k.number == int(number))
        dishes = tuple((kitchen.dishes[int(i)], int(n)) for i, n in (part.split("x") for part in basket.split("-")))
        issued = offers.issued_at(mark, now)
        when = datetime.fromtimestamp(int(starts, 16), now.tzinfo)
        found = _offer(_Order(kitchen, dishes, to), int(rank), when, issued)
    except (ValueError, IndexError, KeyError, StopIteration, OverflowError, OSError, Refusal) as error:
        raise offers.unknown() from error
    return offers.pick([found], offer_id)


def charge(item: Item, at: datetime) -> int | None:
    """Nothing before it is cooked, the food once it is, and no cancelling once it is on its way."""
    since = at - datetime.fromisoformat(item.details["bought_at"])
    if since < _COOKING:
        return 0
    delivery = int(item.details["item"]["delivery_minor"])
    return item.amount_minor - delivery if since < _ON_THE_WAY else None
