"""Billing in memory: the production decisions, ids, prices and entries, with dictionaries where the database stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tuntas.billing.book import Book, Terms
from tuntas.billing.core import core
from tuntas.billing.posting import Entry, entries, key_of
from tuntas.billing.state import Subject, Usage
from tuntas.billing.usage import opening
from tuntas.contracts.base import Message
from tuntas.contracts.engines import Charge, EngineUsed, Tokens
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.ids import derive
from tuntas.contracts.saga import Posting, Receipt, SagaEnded, SagaOutcome
from tuntas.kit.billing.invoices import Counted, Facts, Invoice, invoice
from tuntas.kit.billing.months import billed_in
from tuntas.kit.billing.rating import BASE, Graduated, Key, Plan, Tier
from tuntas.kit.messaging.fold import Event, arrived, fold
from tuntas.kit.persistence.database import Row

ZONE = "Asia/Jakarta"
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAN = Plan.model_validate(
    {
        "id": "growth-1",
        "plan": "growth",
        "valid_from": "2026-01-01",
        "currency": "IDR",
        "base": 5_000_000,
        "completed": Graduated(included=1, tiers=(Tier(up_to=3, price=250_000), Tier(price=200_000))),
        "engine_margin_bp": 1000,
    }
)
BOOK = Book((PLAN,), Terms(plan="growth", zone=ZONE), {})


@dataclass
class Office:
    """A billing service in memory."""

    book: Book = BOOK
    rows: dict[UUID, Row[Subject]] = field(default_factory=dict)
    facts: dict[UUID, tuple[str, Usage, str]] = field(default_factory=dict)
    plans: dict[tuple[str, str], Plan] = field(default_factory=dict)
    counted: dict[tuple[str, str], dict[Key, int]] = field(default_factory=dict)
    through: dict[tuple[str, str], str] = field(default_factory=dict)
    entries: list[tuple[str, str, Entry]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, events: Sequence[Event], now: datetime = NOVEMBER) -> None:
        """Decide a batch and record what it says."""
        unit = fold(core(self.book), "billing", self.rows, events, now)
        self.refused += [error.code for _, error in unit.refused]
        for row in unit.changed.values():
            assert row.state is not None
            for fact in row.state.fresh:
                self._record(row.tenant, fact, now)
            seen = row.seen | set(row.fresh)
            self.rows[row.task_id] = Row(row.task_id, row.tenant, row.version + 1, row.state.model_copy(update={"fresh": ()}), seen)

    def _record(self, tenant: str, fact: Usage, now: datetime) -> None:
        place = (tenant, fact.month)
        counted = self.counted.setdefault(place, {})
        plan = self.plans.setdefault(place, self.book.row(*place))
        if fact.meter != BASE and Key(BASE) not in counted:
            self._record(tenant, opening(tenant, fact.month, ZONE), now)
        if fact.id in self.facts:
            return
        self.through[place] = taken = max(self.through.get(place, ""), billed_in(fact.month, ZONE, now))
        self.facts[fact.id] = (tenant, fact, taken)
        self.entries += [(tenant, taken, entry) for entry in entries(tenant, fact, plan, counted)]

    def invoice(self, month: str = "2026-11", tenant: str = "acme", now: datetime = NOVEMBER) -> Invoice:
        """Return an invoice; it checks itself."""
        sides = [(*side, e.currency) for t, m, e in self.entries if (t, m) == (tenant, month) for side in e.sides()]
        owed: dict[str, int] = {}
        ledger: dict[str, int] = {}
        for account, amount, currency in sides:
            ledger[currency] = ledger.get(currency, 0) + amount
            if account == f"receivable:{tenant}":
                owed[currency] = owed.get(currency, 0) + amount
        plans = {m: plan for (t, m), plan in self.plans.items() if t == tenant}
        return invoice(Facts(tenant, month, ZONE, now, plans, self._sums(tenant, month), owed, ledger))

    def _sums(self, tenant: str, month: str) -> list[Counted]:
        mine = [(f, m) for t, f, m in self.facts.values() if t == tenant and m <= month]
        here = sorted({(f.month, key_of(f)) for f, m in mine if m == month}, key=repr)
        return [
            self._sum(month, happened, key, [(f, m) for f, m in mine if (f.month, key_of(f)) == (happened, key)]) for happened, key in here
        ]

    def _sum(self, month: str, happened: str, key: Key, facts: Sequence[tuple[Usage, str]]) -> Counted:
        left: dict[UUID, int] = {}
        for f, m in facts:
            left[f.subject] = left.get(f.subject, 0) + f.quantity * (m == month)
        prices = sorted({f.price for f, m in facts if m == month and f.price})
        before = sum(f.quantity for f, m in facts if m < month)
        return Counted(happened, key, before, sum(left.values()), sum(1 for n in left.values() if n), tuple(prices))

    def total(self, tenant: str = "acme") -> dict[str, int]:
        """Return what all invoices together make, in minor units."""
        sums: dict[str, int] = {}
        for month in sorted({m for t, _, m in self.facts.values() if t == tenant}):
            for currency, minor in self.invoice(month, tenant).total.items():
                sums[currency] = sums.get(currency, 0) + minor
        return {currency: minor for currency, minor in sums.items() if minor}


def told(key: UUID, message: Message, at: datetime = NOVEMBER, *, tenant: str = "acme", name: str = "") -> Event:
    """Return a message as it arrives; the same words are the same message."""
    identity = derive("told", key, message.model_dump_json(), name)
    envelope = Envelope(id=identity, type=message.wire_type, source="t", time=at, tenant=tenant, task_id=key, cause=identity)
    return arrived(envelope, message)


def ended(task: UUID, outcome: str = "completed", closing: int = 1, *, fee: int = 0, moved: int = 0, **options: Any) -> Event:
    """Return a task's closing."""
    tenant = options.get("tenant", "acme")
    pair = (("fees:bale-stays", fee), ("clearing", -fee)) if fee else ()
    receipt = Receipt(
        task_id=task,
        tenant=tenant,
        closing=closing,
        outcome=SagaOutcome(outcome),
        code="done",
        effects=(),
        postings=tuple(Posting(account=a, amount_minor=n, currency="IDR", step_id="hotel.hold", attempt=1) for a, n in pair),
        kept={"IDR": moved} if moved else {},
    )
    message = SagaEnded(outcome=SagaOutcome(outcome), closing=closing, code="done", kept=receipt.kept, receipt=receipt)
    return told(task, message, **options)


def used(call: UUID, attempt: int = 1, charge: int | None = 1_000, *, task: UUID | None = None, **options: Any) -> Event:
    """Return an attempt at an engine that charges millionths of a dollar."""
    currency = options.pop("currency", "USD")
    message = EngineUsed(
        call=call,
        attempt=attempt,
        scenario="intent.parse",
        engine="luma",
        model="luma-3",
        outcome="answered",
        tokens=Tokens(input=100, cached=20, output=30),
        charge=None if charge is None else Charge(amount_micro=charge, currency=currency, price="luma-3@2026-11"),
        reference=Charge(amount_micro=9_000, currency="USD", price="reference@2026-11"),
        milliseconds=80,
        task=task,
    )
    return told(task or call, message, **options)


@pytest.fixture
def office() -> Office:
    """Return an empty office."""
    return Office()
