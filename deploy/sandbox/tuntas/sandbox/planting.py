"""What only an auditor's negative control needs: objects nobody asked for; and the books as the auditor reads them."""

from datetime import datetime, timedelta
from typing import Any

from tuntas.sandbox import items, ledger
from tuntas.sandbox.database import Connection
from tuntas.sandbox.desk import World
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Plant
from tuntas.sandbox.providers import BALE, LONTAR, NUSANTARA
from tuntas.sandbox.values import new_id

_INSTRUMENT = "planted"
_BOOKED = {"flight": ("ord", "ticketed", NUSANTARA), "hotel": ("bkg", "confirmed", BALE)}
_MONEY = {"authorization": ("auth", "authorized", LONTAR), "capture": ("cap", "captured", LONTAR)}


async def postings(tx: Connection, world: World, reference_prefix: str) -> list[dict[str, Any]]:
    """The payment provider's postings, oldest first; none in a world without books."""
    if ledger.LAYOUT not in world.layout:
        return []
    rows = await tx.fetch(
        "SELECT account, amount_minor, currency, reference FROM postings WHERE $1 = '' OR starts_with(reference, $1) ORDER BY seq",
        reference_prefix,
    )
    return [dict(row) for row in rows]


def _details(kind: str, at: datetime) -> dict[str, Any]:
    until = at.isoformat()
    if kind in _BOOKED:
        refund = {"allowed": False, "fee_minor": 0, "until": None}
        return {"space_until": until, "price_until": until, "offer_id": "planted", "item": {}, "refund": refund}
    return {"instrument": _INSTRUMENT, "payer": "nobody", "capture_before": (at + timedelta(days=7)).isoformat(), "released_minor": 0}


async def plant(tx: Connection, asked: Plant, at: datetime) -> Item:
    """Makes the object, with balanced postings where it is money."""
    prefix, state, provider = (_BOOKED | _MONEY)[asked.kind]
    item = Item(
        object_id=new_id(prefix),
        kind=asked.kind,
        provider=provider.provider,
        state=state,
        reference=asked.reference,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        created_at=at,
        updated_at=at,
        details=_details(asked.kind, at),
    )
    if asked.kind == "authorization":
        item.expires_at = at + timedelta(days=7)
    await items.insert(tx, item)
    if asked.kind in _MONEY:
        await _post(tx, item, at)
    return item


async def _post(tx: Connection, item: Item, at: datetime) -> None:
    await ledger.open_instrument(tx, _INSTRUMENT, item.currency, at)
    account = ledger.held(_INSTRUMENT) if item.kind == "authorization" else "merchant"
    lines = {ledger.available(_INSTRUMENT): -item.amount_minor, account: item.amount_minor}
    await ledger.post(tx, item.reference, item.currency, lines, at)
