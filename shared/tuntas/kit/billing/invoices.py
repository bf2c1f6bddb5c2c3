"""An invoice as a pure function of counted usage and pinned plans, and the check that its lines are what the ledger holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from tuntas.contracts.base import Contract, Instant
from tuntas.contracts.ids import derive
from tuntas.contracts.money import Amounts, Money, exponent, total
from tuntas.kit.billing import rating
from tuntas.kit.billing.months import closes, issued
from tuntas.kit.billing.rating import MICRO, Band, Key, Plan, bands, currency_of, micro, price
from tuntas.kit.errors import Rejected

SETTLED = timedelta(minutes=1)
"""How long after a draft's end a batch that had begun before may still be written."""

_ORDER = (rating.BASE, rating.COMPLETED, rating.COMPENSATED, rating.ANSWERED, rating.CHARGE)
"""The meters that have lines, in the order of the lines; the others are noted."""

_UNITS = {rating.BASE: "month", rating.COMPLETED: "task", rating.COMPENSATED: "task", rating.ANSWERED: "task"}
_TEXTS = {rating.BASE: "base fee", rating.COMPENSATED: "compensated tasks, free", rating.ANSWERED: "answered questions, free"}


class Line(Contract):
    """One line: quantity x unit price = amount, under which row of a plan, and of how many tasks or calls.

    `month` is when it happened; with `kind` not `charge` that is a month whose invoice was issued before, and the quantity is what has
    changed since. The unit price is in units of the currency; of an engine it is what one unit of its own charge costs, margin included.
    `prices` are the ids of the engine's own price rows.
    """

    kind: Literal["charge", "prior_period", "credit"]
    month: str
    meter: str
    party: str = ""
    item: str = ""
    text: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount_minor: int
    currency: str
    plan: str
    prices: tuple[str, ...] = ()
    subjects: int


class Noted(Contract):
    """What was counted and is not charged: `quantity` in units, in minor units of the currency, or for engines in its millionths."""

    month: str
    meter: str
    party: str = ""
    item: str = ""
    currency: str = ""
    quantity: int


class Invoice(Contract):
    """A tenant's month. `open` until the month ends, `draft` while it takes what comes late, then `issued` and never changed.

    `total` is the sum of its lines, `receivable` what the ledger says is owed for it, both in minor units; `ledger_sum` adds up all
    accounts of its entries, in millionths, and is zero in each currency.
    """

    invoice: UUID
    tenant: str
    month: str
    status: Literal["open", "draft", "issued"]
    zone: str
    closes_at: Instant
    issued_at: Instant
    rounding: str = "half_even, once a line"
    lines: tuple[Line, ...]
    total: Amounts
    receivable: Amounts
    ledger_sum: Amounts
    noted: tuple[Noted, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A month's usage of one kind, as far as it stands on an invoice; `before` is what earlier invoices have of it."""

    month: str
    key: Key
    before: int
    quantity: int
    subjects: int
    prices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What an invoice is made of. `plans` are the rows that were pinned for each month; `ledger` is in millionths, per currency."""

    tenant: str
    month: str
    zone: str
    now: datetime
    plans: Mapping[str, Plan]
    counted: Sequence[Counted]
    receivable: Mapping[str, int]
    ledger: Mapping[str, int]


def invoice(facts: Facts) -> Invoice:
    """Return a month's invoice.

    Raises:
        Rejected: `does_not_add_up`: its lines are not what the ledger holds, or the ledger does not sum to zero.
    """
    counted = sorted(facts.counted, key=lambda c: _place(facts.month, c))
    lines = tuple(line for c in counted for line in _lines(facts, c))
    owed = {c: minor for c, minor in total(Money(amount_minor=li.amount_minor, currency=li.currency) for li in lines).items() if minor}
    _check(facts, owed)
    return Invoice(
        invoice=derive("invoice", facts.tenant, facts.month),
        tenant=facts.tenant,
        month=facts.month,
        status=_status(facts),
        zone=facts.zone,
        closes_at=closes(facts.month, facts.zone),
        issued_at=issued(facts.month, facts.zone),
        lines=lines,
        total=owed,
        receivable=owed,
        ledger_sum=dict(sorted(facts.ledger.items())),
        noted=tuple(_noted(counted)),
    )


def _place(month: str, counted: Counted) -> tuple[bool, str, int, str, str, str, str]:
    """The invoice's own month first, then those before it, each in the order of the meters."""
    key = counted.key
    rank = _ORDER.index(key.meter) if key.meter in _ORDER else len(_ORDER)
    return (counted.month != month, counted.month, rank, key.meter, key.party, key.item, key.currency)


def _status(facts: Facts) -> Literal["open", "draft", "issued"]:
    if facts.now < closes(facts.month, facts.zone):
        return "open"
    return "draft" if facts.now < issued(facts.month, facts.zone) + SETTLED else "issued"


def _check(facts: Facts, owed: Mapping[str, int]) -> None:
    wanted = {currency: micro(minor, currency) for currency, minor in owed.items()}
    held = {currency: amount for currency, amount in facts.receivable.items() if amount}
    if wanted != held:
        raise Rejected("does_not_add_up", f"the lines make {wanted}, the ledger holds {held} (millionths)")
    if any(facts.ledger.values()):
        raise Rejected("does_not_add_up", f"the ledger sums to {dict(facts.ledger)}, not to zero (millionths)")


def _noted(counted: Iterable[Counted]) -> Iterator[Noted]:
    for c in counted:
        if c.key.meter not in _ORDER and c.quantity:
            key = c.key
            yield Noted(month=c.month, meter=key.meter, party=key.party, item=key.item, currency=key.currency, quantity=c.quantity)


def _lines(facts: Facts, counted: Counted) -> Iterator[Line]:
    plan, meter = facts.plans[counted.month], counted.key.meter
    if meter == rating.COMPLETED:
        yield from _graduated(facts, counted, plan)
    elif meter == rating.CHARGE:
        yield _passed_through(facts, counted, plan)
    elif meter in _ORDER and counted.quantity:
        each = plan.base if meter == rating.BASE else 0
        yield _line(facts, counted, _TEXTS[meter], counted.quantity, each)


def _graduated(facts: Facts, counted: Counted, plan: Plan) -> Iterator[Line]:
    for band in bands(plan.completed):
        units = band.units(counted.before + counted.quantity) - band.units(counted.before)
        if units:
            yield _line(facts, counted, _band_text(band), units, band.price)


def _band_text(band: Band) -> str:
    reach = f"from {band.first}" if band.last is None else f"{band.first} to {band.last}"
    return f"completed tasks, {reach} of the month{'' if band.price else ', free'}"


def _passed_through(facts: Facts, counted: Counted, plan: Plan) -> Line:
    """An engine's charge with the plan's margin: what is owed for the month by now, less what was billed of it before."""
    key = counted.key
    amount = price(plan, key, counted.before + counted.quantity) - price(plan, key, counted.before)
    return Line(
        quantity=Decimal(counted.quantity).scaleb(-MICRO),
        unit=f"{key.currency} charged",
        unit_price=1 + Decimal(plan.engine_margin_bp) / 10_000,
        text=f"engine {key.party}, model {key.item}, with a margin of {Decimal(plan.engine_margin_bp) / 100} %",
        amount_minor=amount,
        **_common(facts, counted, amount),
    )


def _line(facts: Facts, counted: Counted, text: str, units: int, each: int) -> Line:
    currency = currency_of(facts.plans[counted.month], counted.key)
    return Line(
        quantity=Decimal(units),
        unit=_UNITS[counted.key.meter],
        unit_price=Decimal(each).scaleb(-exponent(currency)),
        text=text,
        amount_minor=units * each,
        **_common(facts, counted, units * each),
    )


def _common(facts: Facts, counted: Counted, amount: int) -> dict[str, Any]:
    plan, key = facts.plans[counted.month], counted.key
    late = "credit" if amount < 0 else "prior_period"
    return {
        "kind": "charge" if counted.month == facts.month else late,
        "month": counted.month,
        "meter": key.meter,
        "party": key.party,
        "item": key.item,
        "currency": currency_of(plan, key),
        "plan": plan.id,
        "prices": counted.prices,
        "subjects": counted.subjects,
    }
