"""The payment provider's books: double entry, every entry sums to zero in its currency."""

from datetime import datetime
from typing import Any

from tuntas.sandbox.database import Connection
from tuntas.sandbox.items import Item
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import money

OPENING_MINOR = 10**14
LIMIT_MINOR = 10**12
LOW_BALANCE_MINOR = 1000

LAYOUT = """
CREATE TABLE IF NOT EXISTS instruments (
  instrument text NOT NULL, currency text NOT NULL, available_minor bigint NOT NULL, PRIMARY KEY (instrument, currency));
CREATE TABLE IF NOT EXISTS postings (
  seq bigserial PRIMARY KEY, account text NOT NULL, amount_minor bigint NOT NULL, currency text NOT NULL,
  reference text NOT NULL, at timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS postings_reference ON postings (reference text_pattern_ops);
CREATE INDEX IF NOT EXISTS postings_account ON postings (account, currency);
"""


def available(instrument: str) -> str:
    """The account of what an instrument can still spend."""
    return f"available:{instrument}"


def held(instrument: str) -> str:
    """The account of what is set aside at an instrument."""
    return f"held:{instrument}"


async def post(tx: Connection, reference: str, currency: str, lines: dict[str, int], at: datetime) -> None:
    """Books one entry: account to amount in minor units, which must sum to zero. Keeps the instruments' balances.

    Raises ValueError for an entry that does not balance.
    """
    if sum(lines.values()) != 0:
        raise ValueError(f"unbalanced entry for {reference}: {lines}")
    rows = [(account, amount, currency, reference, at) for account, amount in lines.items() if amount]
    await tx.executemany("INSERT INTO postings (account, amount_minor, currency, reference, at) VALUES ($1, $2, $3, $4, $5)", rows)
    for account, amount in lines.items():
        if account.startswith("available:"):
            await tx.execute(
                "UPDATE instruments SET available_minor = available_minor + $3 WHERE instrument = $1 AND currency = $2",
                account.removeprefix("available:"),
                currency,
                amount,
            )


async def open_instrument(tx: Connection, instrument: str, currency: str, at: datetime) -> int:
    """Locks an instrument, opening it with its first balance if it is new, and returns what it can spend in minor units."""
    opened = await tx.fetchval(
        "INSERT INTO instruments (instrument, currency, available_minor) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING RETURNING true",
        instrument,
        currency,
    )
    if opened:
        first = LOW_BALANCE_MINOR if instrument == "card-low" else OPENING_MINOR
        await post(tx, "opening", currency, {"issuer": -first, available(instrument): first}, at)
    balance: int = await tx.fetchval(
        "SELECT available_minor FROM instruments WHERE instrument = $1 AND currency = $2 FOR UPDATE", instrument, currency
    )
    return balance


async def reserve(tx: Connection, instrument: str, item: Item, at: datetime) -> None:
    """Sets the amount of an authorization aside. Raises Refusal(402, declined, limit or insufficient_funds)."""
    if instrument == "card-declined":
        raise Refusal(402, "declined", "the issuer declined")
    if item.amount_minor > LIMIT_MINOR:
        raise Refusal(402, "limit", "more than the instrument may spend at once")
    if await open_instrument(tx, instrument, item.currency, at) < item.amount_minor:
        raise Refusal(402, "insufficient_funds", "the balance does not cover this")
    await post(tx, item.reference, item.currency, {available(instrument): -item.amount_minor, held(instrument): item.amount_minor}, at)


async def balances(tx: Connection, instrument: str) -> list[dict[str, Any]]:
    """What an instrument can spend and what is set aside at it, for each currency it has."""
    rows = await tx.fetch(
        "SELECT i.currency, i.available_minor, coalesce((SELECT sum(p.amount_minor) FROM postings p"
        " WHERE p.account = $2 AND p.currency = i.currency), 0)::bigint AS held_minor"
        " FROM instruments i WHERE i.instrument = $1 ORDER BY i.currency",
        instrument,
        held(instrument),
    )
    return [
        {"available": money(row["available_minor"], row["currency"]), "held": money(row["held_minor"], row["currency"])} for row in rows
    ]
