"""The objects a provider holds: bookings, authorizations, captures, refunds."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from asyncpg import Record

from tuntas.sandbox.database import Connection
from tuntas.sandbox.values import money

ENDED_BY_PROVIDER = "cancelled_by_provider"
_WAITING = ("held", "authorized", "requires_action")
_IN_FORCE = {
    "flight": ("held", "ticketed"),
    "hotel": ("held", "confirmed"),
    "meal": ("held", "placed"),
    "ride": ("held", "booked"),
    "table": ("held", "taken"),
    "basket": ("held", "placed"),
    "thing": ("held", "taken"),
    "transfer": ("held", "sent"),
    "bill": ("held", "paid"),
    "request": ("held", "answered"),
    "authorization": ("authorized",),
    "capture": ("captured",),
    "refund": (),
}


@dataclass
class Item:
    """One object. Until ``hidden_until`` inquiries are shown ``hidden_view`` in its place (None: nothing at all)."""

    object_id: str
    kind: str
    provider: str
    state: str
    reference: str
    amount_minor: int
    currency: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    confirm_reference: str | None = None
    undo_reference: str | None = None
    parent_id: str | None = None
    fee_minor: int = 0
    callback_url: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    hidden_until: datetime | None = None
    hidden_view: dict[str, Any] | None = None

    @property
    def price(self) -> dict[str, Any]:
        """The whole amount, whatever became of it."""
        return money(self.amount_minor, self.currency)

    @property
    def remaining_minor(self) -> int:
        """The amount less what was refunded, in minor units."""
        return self.amount_minor - int(self.details.get("refunded_minor", 0))

    def alive(self, now: datetime) -> bool:
        """Whether somebody is still bound by it."""
        left = self.remaining_minor > 0 or self.amount_minor == 0
        return left and self.state in _IN_FORCE[self.kind] and (self.expires_at is None or self.expires_at > now)


_COLUMNS = tuple(each.name for each in fields(Item))
_FIXED = ("object_id", "kind", "provider", "reference", "created_at", "hidden_until", "hidden_view")
_CHANGING = tuple(name for name in _COLUMNS if name not in _FIXED)
_INSERT = f"INSERT INTO items ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_COLUMNS)))})"
_UPDATE = (
    f"UPDATE items SET {', '.join(f'{name} = ${n + 2}' for n, name in enumerate(_CHANGING))},"
    " hidden_until = NULL, hidden_view = NULL WHERE object_id = $1"
)


def from_row(row: Record) -> Item:
    """The item a row stands for."""
    return Item(**{name: row[name] for name in _COLUMNS})


async def insert(tx: Connection, item: Item) -> None:
    """Keep a new item."""
    await tx.execute(_INSERT, *(getattr(item, name) for name in _COLUMNS))


async def save(tx: Connection, item: Item, now: datetime) -> None:
    """Keep what became of an item, and show it to inquiries again."""
    item.updated_at = now
    item.hidden_until, item.hidden_view = None, None
    await tx.execute(_UPDATE, item.object_id, *(getattr(item, name) for name in _CHANGING))


async def find(tx: Connection, object_id: str, *, lock: bool = False) -> Item | None:
    """The item with this id; ``lock`` keeps others from changing it until the transaction ends."""
    row = await tx.fetchrow("SELECT * FROM items WHERE object_id = $1" + (" FOR UPDATE" if lock else ""), object_id)
    return from_row(row) if row else None


async def by_reference(tx: Connection, reference: str, kinds: Iterable[str]) -> list[Item]:
    """The items that the caller's ``reference`` made, confirmed or gave up, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM items WHERE (reference = $1 OR confirm_reference = $1 OR undo_reference = $1)"
        " AND kind = ANY($2::text[]) ORDER BY created_at, object_id",
        reference,
        list(kinds),
    )
    return [from_row(row) for row in rows]


async def children(tx: Connection, parent_id: str, kind: str) -> list[Item]:
    """The items made from another one, oldest first."""
    rows = await tx.fetch("SELECT * FROM items WHERE parent_id = $1 AND kind = $2 ORDER BY created_at, object_id", parent_id, kind)
    return [from_row(row) for row in rows]


async def all_items(tx: Connection, reference_prefix: str) -> list[Item]:
    """Every item one of whose references begins so, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM items WHERE $1 = '' OR starts_with(reference, $1) OR starts_with(confirm_reference, $1)"
        " OR starts_with(undo_reference, $1) ORDER BY created_at, object_id",
        reference_prefix,
    )
    return [from_row(row) for row in rows]


async def over(tx: Connection, now: datetime, object_id: str | None = None) -> list[Item]:
    """Locks and returns the items (or the one) whose time is over though nothing has said so yet."""
    rows = await tx.fetch(
        "SELECT * FROM items WHERE expires_at <= $1 AND state = ANY($2::text[]) AND ($3::text IS NULL OR object_id = $3)"
        " ORDER BY object_id FOR UPDATE",
        now,
        list(_WAITING),
        object_id,
    )
    return [from_row(row) for row in rows]


async def mask(tx: Connection, object_id: str, until: datetime, view: dict[str, Any] | None) -> None:
    """Until then, inquiries are shown ``view`` (None: nothing) in the item's place."""
    await tx.execute("UPDATE items SET hidden_until = $2, hidden_view = $3 WHERE object_id = $1", object_id, until, view)
