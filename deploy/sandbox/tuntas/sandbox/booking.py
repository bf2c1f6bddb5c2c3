"""Bookings of whatever kind: one life for all (held, bought, cancelled, expired), told in the words of each kind."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from tuntas.sandbox import items, things
from tuntas.sandbox.database import Connection
from tuntas.sandbox.desk import Terms, World, lapse, shown
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Answer, ByReference, Call, Cancel, CancelByReference, Confirm, Hold, ThingSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import binds_references
from tuntas.sandbox.values import draw, money, new_id

_EXTENSIONS = 3
_QUOTE_LIFETIME = timedelta(minutes=10)
_DEARER_PERCENT = 103

LAYOUT = """
CREATE TABLE IF NOT EXISTS stock (stock_key text PRIMARY KEY, capacity integer NOT NULL);
CREATE TABLE IF NOT EXISTS stock_use (
  stock_key text NOT NULL, object_id text NOT NULL, units integer NOT NULL, PRIMARY KEY (stock_key, object_id));
"""

_USED = """
SELECT u.stock_key, sum(u.units)::int AS used FROM stock_use u JOIN items i USING (object_id)
WHERE u.stock_key = ANY($1::text[])
  AND (i.state = ANY($3::text[]) OR (i.state = 'held' AND i.expires_at > $2)) GROUP BY u.stock_key
"""


@dataclass(frozen=True)
class Kind:
    """One kind of booking: its words on the wire, and how its offers are searched and known again by their ids.

    ``charge`` says what cancelling a bought one costs at an instant if that is not the offer's own fee (None: it can't be cancelled);
    ``one_each`` that every unit is for somebody by name; ``narrow`` leaves out what is not worth showing beside the rest.
    ``books`` enters what was bought (1) or given back (-1) into the provider's books.
    """

    kind: str
    root: str
    id_field: str
    list_field: str
    people_field: str
    bought: str
    number_field: str
    asked: type[BaseModel]
    search: Callable[[Any, datetime], list[Offer]]
    resolve: Callable[[str, datetime], Offer]
    prefix: str = "bkg"
    charge: Callable[[Item, datetime], int | None] | None = None
    one_each: bool = False
    narrow: Callable[[list[Offer]], list[Offer]] = list
    books: Callable[[Connection, Item, int, datetime], Awaitable[None]] | None = None

    async def enter(self, tx: Connection, item: Item, times: int, at: datetime) -> None:
        """Enter into the books that an item was bought or given back, if there are any."""
        if self.books is not None:
            await self.books(tx, item, times, at)


THING = Kind(
    "thing",
    "/things",
    "thing_id",
    "things",
    "people",
    "taken",
    "number",
    asked=ThingSearch,
    search=things.search,
    resolve=things.resolve,
    prefix="thing",
)
KINDS: dict[str, Kind] = {}
"""Every kind of every world, by name."""


def view(item: Item) -> dict[str, Any]:
    """A booking as its provider shows it."""
    words, details = KINDS[item.kind], item.details
    document = {
        words.id_field: item.object_id,
        "provider": item.provider,
        "status": item.state,
        "reference": item.reference,
        "confirm_reference": item.confirm_reference,
        "cancel_reference": item.undo_reference,
        "price": item.price,
        "space_until": details["space_until"],
        "price_until": details["price_until"],
        "offer_id": details["offer_id"],
        "item": details["item"],
        "refund_terms": details["refund"],
        words.number_field: details.get("number"),
        "updated_at": item.updated_at.isoformat(),
    }
    if not item.alive(item.updated_at):
        document |= {"fee": money(item.fee_minor, item.currency), "refund": money(details.get("refunded_minor", 0), item.currency)}
    return document


async def _left(tx: Connection, pools: Iterable[Pool], at: datetime) -> dict[Pool, int]:
    """How many units each pool has left."""
    wanted = set(pools)
    keys = [pool.key for pool in wanted]
    known = {row["stock_key"]: row["capacity"] for row in await tx.fetch("SELECT * FROM stock WHERE stock_key = ANY($1::text[])", keys)}
    bought = [words.bought for words in KINDS.values()]
    used = {row["stock_key"]: row["used"] for row in await tx.fetch(_USED, keys, at, bought)}
    return {pool: known.get(pool.key, pool.capacity) - used.get(pool.key, 0) for pool in wanted}


def _available(offer: Offer, left: Mapping[Pool, int]) -> int:
    return min(left[pool] * offer.units // pool.units for pool in offer.stock)


async def search(tx: Connection, call: Call, terms: Terms) -> Answer:
    """What can be bought now; what has run out is left out."""
    words = KINDS[call.operation.split(".")[0]]
    found = words.search(words.asked.model_validate(call.body), terms.at.replace(microsecond=0))
    left = await _left(tx, (pool for offer in found for pool in offer.stock), terms.at)
    free = {offer.offer_id: _available(offer, left) for offer in found}
    shown = words.narrow([offer for offer in found if free[offer.offer_id] >= offer.units])
    return Answer(status=200, body={"offers": [offer.document(free[offer.offer_id]) for offer in shown]})


async def _take_stock(tx: Connection, offer: Offer, object_id: str, at: datetime) -> None:
    for pool in sorted(offer.stock, key=lambda pool: pool.key):
        await tx.execute("INSERT INTO stock (stock_key, capacity) VALUES ($1, $2) ON CONFLICT DO NOTHING", pool.key, pool.capacity)
        await tx.execute("SELECT 1 FROM stock WHERE stock_key = $1 FOR UPDATE", pool.key)
    left = await _left(tx, offer.stock, at)
    if short := [pool for pool in offer.stock if left[pool] < pool.units]:
        raise Refusal(409, short[0].gone, "there are not enough left")
    await tx.executemany(
        "INSERT INTO stock_use (stock_key, object_id, units) VALUES ($1, $2, $3)",
        [(pool.key, object_id, pool.units) for pool in offer.stock],
    )


async def set_stock(tx: Connection, key: str, capacity: int) -> None:
    """From now on there is so much in a pool, what was taken included."""
    await tx.execute(
        "INSERT INTO stock (stock_key, capacity) VALUES ($1, $2) ON CONFLICT (stock_key) DO UPDATE SET capacity = EXCLUDED.capacity",
        key,
        capacity,
    )


async def _unless_bound(tx: Connection, reference: str, provider: str) -> None:
    if binds_references(provider) and await tx.fetchval("SELECT true FROM bound_references WHERE reference = $1", reference):
        raise Refusal(409, "cancelled", "this reference was cancelled before it arrived")


def _clocks(item: Item, at: datetime, hold_seconds: float | None) -> None:
    minutes = item.details["hold_minutes"], item.details["price_minutes"]
    space, price = (timedelta(minutes=each) if hold_seconds is None else timedelta(seconds=hold_seconds) for each in minutes)
    item.expires_at = at + space
    item.details = {**item.details, "space_until": (at + space).isoformat(), "price_until": (at + price).isoformat()}


def _new_booking(offer: Offer, asked: Hold, terms: Terms) -> Item:
    details = {
        "offer_id": offer.offer_id,
        "item": offer.details,
        "refund": offer.refund,
        "hold_minutes": offer.hold_minutes,
        "price_minutes": offer.price_minutes,
        "people": [person.name for person in asked.people],
        "extensions": 0,
    }
    item = Item(
        object_id=new_id(KINDS[offer.kind].prefix),
        kind=offer.kind,
        provider=offer.provider,
        state="held",
        reference=asked.reference,
        amount_minor=offer.amount_minor,
        currency=offer.currency,
        created_at=terms.at,
        updated_at=terms.at,
        callback_url=asked.callback_url,
        details=details,
    )
    _clocks(item, terms.at, terms.hold_seconds)
    return item


async def hold(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Keeps an offer for some time, free of charge."""
    asked = Hold.model_validate(call.body)
    kind = call.operation.split(".")[0]
    offer = KINDS[kind].resolve(asked.offer_id, terms.at)
    if KINDS[kind].one_each and len(asked.people) != offer.units:
        raise Refusal(422, "wrong_passengers", f"the offer is for {offer.units} passengers")
    if terms.at >= min(offer.expires_at, offer.starts_at):
        raise Refusal(409, "offer_expired", "the offer is over")
    await _unless_bound(tx, asked.reference, offer.provider)
    item = _new_booking(offer, asked, terms)
    await _take_stock(tx, offer, item.object_id, terms.at)
    await items.insert(tx, item)
    return Answer(status=201, body=view(item), object_id=item.object_id)


async def _booking(tx: Connection, call: Call) -> Item:
    item = await items.find(tx, call.object_id or "", lock=True)
    if item is None or item.kind != call.operation.split(".")[0]:
        raise Refusal(404, "not_found", "there is no such booking")
    return item


def _refuse_unless_held(item: Item) -> None:
    if item.state != "held":
        code = {"expired": "hold_expired", "cancelled": "cancelled", items.ENDED_BY_PROVIDER: "cancelled"}.get(
            item.state, "already_confirmed"
        )
        raise Refusal(409, code, f"the booking is {item.state}", status_of_booking=item.state)


async def _settle_price(tx: Connection, item: Item, asked: Confirm, at: datetime) -> None:
    if at >= datetime.fromisoformat(item.details["price_until"]) and not item.details.get("repriced"):
        item.amount_minor = item.amount_minor * _DEARER_PERCENT // 100
        item.details = {**item.details, "repriced": True, "price_until": item.details["space_until"]}
        await items.save(tx, item, at)
    if asked.payee != (item.details["item"].get("payee") or {}).get("payee_id"):
        raise Refusal(409, "payee", "this is not whom the money is for")
    if asked.amount.model_dump() != item.price:
        raise Refusal(409, "price_changed", "this is not the price", price=item.price)


async def confirm(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Buys what is held. Confirming again with the same reference answers as the first time."""
    asked, item = Confirm.model_validate(call.body), await _booking(tx, call)
    words = KINDS[item.kind]
    if item.state == words.bought and item.confirm_reference == asked.reference:
        return Answer(status=200, body=view(item), object_id=item.object_id)
    await _unless_bound(tx, asked.reference, item.provider)
    _refuse_unless_held(item)
    await _settle_price(tx, item, asked, terms.at)
    item.state, item.confirm_reference, item.expires_at = words.bought, asked.reference, None
    item.details = {**item.details, "number": f"{draw(item.object_id, below=10**12):012d}", "bought_at": terms.at.isoformat()}
    await items.save(tx, item, terms.at)
    await words.enter(tx, item, 1, terms.at)
    return Answer(status=200, body=view(item), object_id=item.object_id)


async def extend(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Starts both clocks of a hold anew, a few times at most."""
    item = await _booking(tx, call)
    _refuse_unless_held(item)
    if item.details["extensions"] >= _EXTENSIONS:
        raise Refusal(409, "extend_limit", f"a hold is extended {_EXTENSIONS} times at most")
    _clocks(item, terms.at, None)
    item.details = {**item.details, "extensions": item.details["extensions"] + 1}
    await items.save(tx, item, terms.at)
    return Answer(status=200, body=view(item), object_id=item.object_id)


def cancellation_fee(item: Item, at: datetime) -> int | None:
    """What cancelling at that instant costs, in minor units: nothing while held, else the bought terms' fee or the whole price.

    None: it can't be cancelled any more.
    """
    if item.state == "held":
        return 0
    if charge := KINDS[item.kind].charge:
        return charge(item, at)
    terms = item.details["refund"]
    open_still = terms["allowed"] and at <= datetime.fromisoformat(terms["until"])
    return min(int(terms["fee_minor"]), item.amount_minor) if open_still else item.amount_minor


def _refunded(item: Item, fee: int) -> int:
    return 0 if item.state == "held" else item.amount_minor - fee


async def quote_cancel(tx: Connection, call: Call, terms: Terms) -> Answer:
    """What cancelling would cost, kept for some minutes; only the newest quote can be used."""
    item = await _booking(tx, call)
    if not item.alive(terms.at):
        raise Refusal(409, "not_alive", f"the booking is {item.state}", status_of_booking=item.state)
    fee, quote_id, until = cancellation_fee(item, terms.at), new_id("quo"), (terms.at + _QUOTE_LIFETIME).isoformat()
    if fee is None:
        whole, nothing = money(item.amount_minor, item.currency), money(0, item.currency)
        return Answer(status=200, body={"quote_id": quote_id, "allowed": False, "fee": whole, "refund": nothing, "expires_at": until})
    item.details = {**item.details, "quote": {"quote_id": quote_id, "fee_minor": fee, "expires_at": until, "state": item.state}}
    await tx.execute("UPDATE items SET details = $2 WHERE object_id = $1", item.object_id, item.details)
    amounts = {"fee": money(fee, item.currency), "refund": money(_refunded(item, fee), item.currency)}
    return Answer(status=200, body={"quote_id": quote_id, "allowed": True, **amounts, "expires_at": until})


def _fee_by_quote(item: Item, quote_id: str | None, at: datetime) -> int:
    if quote_id is None:
        fee = cancellation_fee(item, at)
        if fee is None:
            raise Refusal(409, "not_cancellable", "it is too late to cancel this")
        return fee
    quote = item.details.get("quote") or {}
    if quote.get("quote_id") != quote_id or at >= datetime.fromisoformat(quote["expires_at"]) or quote["state"] != item.state:
        raise Refusal(409, "quote_expired", "this is not the booking's newest cancellation quote, or it is over")
    return int(quote["fee_minor"])


async def _give_up(tx: Connection, item: Item, reference: str, quote_id: str | None, at: datetime) -> None:
    if not item.alive(at):
        return
    fee, bought = _fee_by_quote(item, quote_id, at), item.state != "held"
    item.details = {**item.details, "refunded_minor": _refunded(item, fee)}
    item.state, item.fee_minor, item.undo_reference, item.expires_at = "cancelled", fee, reference, None
    await items.save(tx, item, at)
    if bought:
        await KINDS[item.kind].enter(tx, item, -1, at)


async def cancel(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Gives a booking up. One that is over already answers with how it ended."""
    asked, item = Cancel.model_validate(call.body), await _booking(tx, call)
    await _give_up(tx, item, asked.reference, asked.quote_id, terms.at)
    return Answer(status=200, body=view(item), object_id=item.object_id)


async def cancel_by_reference(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Gives up what has this reference, and refuses what arrives with it later."""
    asked = CancelByReference.model_validate(call.body)
    found = await items.by_reference(tx, asked.reference, list(KINDS))
    concerned = [item for item in found if asked.reference in (item.reference, item.confirm_reference)]
    if any(not binds_references(name) for name in [*(item.provider for item in concerned), *([asked.provider] if asked.provider else [])]):
        raise Refusal(422, "not_supported", "this provider does not cancel by reference")
    await tx.execute("INSERT INTO bound_references (reference, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", asked.reference, terms.at)
    ended = []
    for each in concerned:
        await lapse(tx, _LIFE, each.object_id, terms.at)
        item = await items.find(tx, each.object_id, lock=True)
        assert item is not None  # noqa: S101 - items are never removed
        await _give_up(tx, item, asked.reference, None, terms.at)
        ended.append(item)
    body = {"status": "cancelled", "reference": asked.reference, "orders": [view(item) for item in ended]}
    return Answer(status=200, body=body, object_id=ended[0].object_id if ended else None)


async def query(tx: Connection, call: Call, terms: Terms) -> Answer:
    """One booking by its id, or all that have the caller's reference."""
    words = KINDS[call.operation.split(".")[0]]
    if call.object_id is None:
        return await _by_reference(tx, words, ByReference.model_validate(call.body).reference, terms.at)
    item = await items.find(tx, call.object_id)
    seen = shown(_LIFE, item, terms.at) if item and item.kind == words.kind else None
    if seen is None:
        raise Refusal(404, "not_found", "there is no such booking")
    return Answer(status=200, body=seen)


async def _by_reference(tx: Connection, words: Kind, reference: str, at: datetime) -> Answer:
    for item in await items.by_reference(tx, reference, [words.kind]):
        await lapse(tx, _LIFE, item.object_id, at)
    seen = [shown(_LIFE, item, at) for item in await items.by_reference(tx, reference, [words.kind])]
    named = [each for each in seen if each and reference in (each["reference"], each["confirm_reference"], each["cancel_reference"])]
    return Answer(status=200, body={words.list_field: named})


async def release(tx: Connection, item: Item, terms: Terms) -> None:
    """What an ending by clock or by the provider gives back: the price of what was bought (stock is counted, not kept)."""
    if item.state != "held":
        item.details = {**item.details, "refunded_minor": item.amount_minor}
        await KINDS[item.kind].enter(tx, item, -1, terms.at)


_ACTIONS = {
    "search": search,
    "hold": hold,
    "confirm": confirm,
    "extend": extend,
    "quote_cancel": quote_cancel,
    "cancel": cancel,
    "query": query,
}
_LIFE = World(name="", kinds=frozenset(), item_kinds=(), layout=LAYOUT, actions={}, view=view, release=release)


def world(name: str, *kinds: Kind) -> World:
    """The world of sellers of these kinds, and of things of any other."""
    KINDS.update({words.kind: words for words in (*kinds, THING)})
    named = tuple(words.kind for words in (*kinds, THING))
    actions = {f"{kind}.{act}": action for kind in named for act, action in _ACTIONS.items()}
    by_reference = {f"{kind}.cancel_by_reference": cancel_by_reference for kind in named}
    return replace(_LIFE, name=name, kinds=frozenset(named), item_kinds=named, actions=actions | by_reference)
