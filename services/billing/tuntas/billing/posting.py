"""The ledger's entries for a fact: what it adds to what is owed, what it costs us, what only passed through. Pure.

Amounts are millionths of the currency's unit, debits positive; an entry sums to zero.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from tuntas.billing.state import Usage
from tuntas.contracts.ids import derive
from tuntas.kit.billing.rating import CHARGE, FEE, PRICED, Key, Plan, currency_of, micro, price

Kind = Literal["charge", "cost", "passthrough"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced pair: `debit` takes the amount, `credit` gives it."""

    id: UUID
    usage: UUID
    kind: Kind
    debit: str
    credit: str
    currency: str
    amount_micro: int

    def sides(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Return each account with its signed amount."""
        return (self.debit, self.amount_micro), (self.credit, -self.amount_micro)


def key_of(fact: Usage) -> Key:
    """Return the total that a fact is added to."""
    return Key(fact.meter, fact.party, fact.item, fact.currency)


def entries(tenant: str, fact: Usage, plan: Plan, counted: MutableMapping[Key, int]) -> Iterator[Entry]:
    """Yield a fact's entries, and count it. `counted` is what the fact's month has of each priced total so far."""
    key = key_of(fact)
    if fact.meter in PRICED:
        before = counted.get(key, 0)
        counted[key] = before + fact.quantity
        currency = currency_of(plan, key)
        owed = micro(price(plan, key, counted[key]) - price(plan, key, before), currency)
        yield from _entry(fact, "charge", f"receivable:{tenant}", f"revenue:{fact.meter}", currency, owed)
    if fact.meter == CHARGE:
        yield from _entry(fact, "cost", f"cost:engine:{fact.party}", f"payable:engine:{fact.party}", fact.currency, fact.quantity)
    if fact.meter == FEE:
        kept = micro(fact.quantity, fact.currency)
        yield from _entry(fact, "passthrough", f"passthrough:fees:{fact.party}", "passthrough:persons", fact.currency, kept)


def _entry(fact: Usage, kind: Kind, debit: str, credit: str, currency: str, amount: int) -> Iterator[Entry]:
    if amount:
        yield Entry(derive("entry", fact.id, kind), fact.id, kind, debit, credit, currency, amount)
