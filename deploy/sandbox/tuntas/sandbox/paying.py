"""The payment world whole: instruments and what is taken from them, money sent, bills paid, money asked for."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tuntas.sandbox import bills, booking, items, ledger, payment, transfers
from tuntas.sandbox.booking import Kind, world
from tuntas.sandbox.database import Connection
from tuntas.sandbox.desk import Action, Terms, World
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Answer, BalanceSearch, BillSearch, Call, RequestSearch, TransferSearch
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import new_id

_PRIVATE = "CREATE TABLE IF NOT EXISTS private_texts (token text PRIMARY KEY, text text NOT NULL UNIQUE);"
_KEPT = "INSERT INTO private_texts (token, text) VALUES ($1, $2) ON CONFLICT (text) DO UPDATE SET text = EXCLUDED.text RETURNING token"


async def _books(tx: Connection, item: Item, times: int, at: datetime) -> None:
    """What was captured pays whom it is for; what is taken back comes from there. A fee stays with the provider."""
    thing = item.details["item"]
    amount = times * int((thing.get("sent") or item.price)["amount_minor"])
    lines = {payment.MERCHANT: -amount, f"payee:{thing['payee']['payee_id']}": amount}
    reference = item.confirm_reference if times > 0 else item.undo_reference
    await ledger.post(tx, reference or item.reference, item.currency, lines, at)


TRANSFER = Kind(
    "transfer",
    "/transfers",
    "transfer_id",
    "transfers",
    "people",
    "sent",
    "receipt_number",
    asked=TransferSearch,
    search=transfers.search,
    resolve=transfers.resolve,
    prefix="trf",
    charge=transfers.charge,
    books=_books,
)
BILL = Kind(
    "bill",
    "/bills",
    "payment_id",
    "payments",
    "people",
    "paid",
    "receipt_number",
    asked=BillSearch,
    search=bills.search,
    resolve=bills.resolve,
    prefix="bill",
    charge=transfers.charge,
    books=_books,
)
REQUEST = Kind(
    "request",
    "/requests",
    "request_id",
    "requests",
    "people",
    "answered",
    "receipt_number",
    asked=RequestSearch,
    search=transfers.ask_search,
    resolve=transfers.ask_resolve,
    prefix="ask",
)
_BOOKED = world("payment", TRANSFER, BILL, REQUEST)


async def _search(tx: Connection, call: Call, terms: Terms) -> Answer:
    """An offer's id may be seen by others: what is private stays here, and a token goes into the id."""
    private = call.body.get("customer") or call.body.get("note")
    token = await tx.fetchval(_KEPT, new_id("txt"), private) if private else ""
    return await booking.search(tx, call.model_copy(update={"body": {**call.body, "token": token}}), terms)


async def _hold(tx: Connection, call: Call, terms: Terms) -> Answer:
    """One reference is one order, whatever the key."""
    kind = call.operation.split(".")[0]
    if await items.by_reference(tx, str(call.body["reference"]), [kind]):
        raise Refusal(409, "duplicate", f"there is a {kind} with this reference")
    return await booking.hold(tx, call, terms)


async def _balance(tx: Connection, call: Call, terms: Terms) -> Answer:
    asked = BalanceSearch.model_validate(call.body)
    await ledger.open_instrument(tx, asked.instrument, asked.currency, terms.at)
    return Answer(status=200, body={"instrument": asked.instrument, "balances": await ledger.balances(tx, asked.instrument)})


def _view(item: Item) -> dict[str, Any]:
    return _BOOKED.view(item) if item.kind in _BOOKED.item_kinds else payment.view(item)


async def _release(tx: Connection, item: Item, terms: Terms) -> None:
    whose = _BOOKED if item.kind in _BOOKED.item_kinds else payment.WORLD
    await whose.release(tx, item, terms)


_SHARED: dict[str, Action] = {f"{kind}.search": _search for kind in _BOOKED.item_kinds}
_SHARED |= {f"{kind}.hold": _hold for kind in _BOOKED.item_kinds}
WORLD: World = replace(
    payment.WORLD,
    kinds=payment.WORLD.kinds | _BOOKED.kinds,
    item_kinds=(*payment.WORLD.item_kinds, *_BOOKED.item_kinds),
    layout=f"{ledger.LAYOUT}{booking.LAYOUT}{_PRIVATE}",
    actions={**payment.WORLD.actions, **_BOOKED.actions, **_SHARED, "balance.query": _balance},
    view=_view,
    release=_release,
)
