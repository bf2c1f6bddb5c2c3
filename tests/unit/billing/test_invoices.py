"""Invoices: each line explains itself, all lines together are what the ledger holds, and what comes late is billed later, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.billing.conftest import BOOK, NOVEMBER, PLAN, ZONE, Office, ended, used

from tuntas.billing.book import Book
from tuntas.contracts.ids import derive
from tuntas.contracts.money import exponent
from tuntas.kit.billing.invoices import Facts, Invoice, Line, invoice
from tuntas.kit.billing.months import issued
from tuntas.kit.billing.rating import half_even
from tuntas.kit.errors import Rejected
from tuntas.kit.messaging.fold import Event

TASKS = [derive("task", n) for n in range(6)]
DRAFT_OVER = issued("2026-11", ZONE)
LATE = DRAFT_OVER + timedelta(hours=1)


def lines(found: Invoice) -> list[tuple[str, str, str, int]]:
    return [(line.kind, line.meter, str(line.quantity), line.amount_minor) for line in found.lines]


def test_every_line_says_quantity_times_unit_price_is_amount(office: Office) -> None:
    office.take([*(ended(task) for task in TASKS[:5]), ended(TASKS[5], "compensated", fee=900), used(derive("c"), charge=2_500_000)])
    found = office.invoice()
    assert lines(found) == [
        ("charge", "base.month", "1", 5_000_000),
        ("charge", "task.completed", "1", 0),
        ("charge", "task.completed", "2", 500_000),
        ("charge", "task.completed", "2", 400_000),
        ("charge", "task.compensated", "1", 0),
        ("charge", "engine.charge", "2.500000", 275),
    ]
    assert all(_amount(line) == line.amount_minor for line in found.lines)
    assert (found.total, found.receivable, found.ledger_sum) == ({"IDR": 5_900_000, "USD": 275}, found.total, {"IDR": 0, "USD": 0})
    assert {line.plan for line in found.lines} == {"growth-1"}
    assert found.lines[-1].prices == ("luma-3@2026-11",)
    assert {(n.meter, n.quantity) for n in found.noted} >= {("fee.kept", 900), ("engine.call", 1), ("engine.cached", 20)}


def _amount(line: Line) -> int:
    numerator, denominator = (line.quantity * line.unit_price * 10 ** exponent(line.currency)).as_integer_ratio()
    return half_even(numerator, denominator)


def test_an_engines_currency_is_never_exchanged(office: Office) -> None:
    office.take([used(derive("c", c), currency=c, charge=1_000_000) for c in ("USD", "CNY", "JPY")])
    assert office.invoice().total == {"IDR": 5_000_000, "USD": 110, "CNY": 110, "JPY": 1}


def test_an_invoice_is_open_then_a_draft_then_issued(office: Office) -> None:
    office.take([ended(TASKS[0])])
    shown = {office.invoice(now=DRAFT_OVER + timedelta(seconds=s)).status: s for s in (-73 * 3600, -71 * 3600, 61)}
    assert list(shown) == ["open", "draft", "issued"]


def test_what_comes_late_stands_on_the_next_invoice_and_leaves_the_issued_one_as_it_was(office: Office) -> None:
    office.take([ended(TASKS[0]), ended(TASKS[1])])
    before = office.invoice(now=LATE)
    office.take([ended(TASKS[2])], LATE)
    assert office.invoice(now=LATE) == before
    assert lines(office.invoice("2026-12", now=LATE)) == [("prior_period", "task.completed", "1", 250_000)]


def test_what_is_taken_back_late_is_a_credit_at_the_price_that_was_billed(office: Office) -> None:
    office.take([ended(task) for task in TASKS[:4]])
    office.take([ended(TASKS[0], "compensated", 2, at=LATE)], LATE)
    found = office.invoice("2026-12", now=LATE)
    assert ("credit", "task.completed", "-1", -200_000) in lines(found)
    assert [line.month for line in found.lines if line.kind == "credit"] == ["2026-11"]
    assert found.total == {"IDR": 5_000_000 - 200_000}


def test_an_engines_late_charge_is_what_the_whole_month_makes_less_what_was_billed(office: Office) -> None:
    office.take([used(derive("c", 1), charge=4_545)])
    office.take([used(derive("c", 2), charge=4_545)], LATE)
    assert office.invoice().total == {"IDR": 5_000_000}
    assert office.invoice("2026-12", now=LATE).total == {"USD": 1}
    assert office.total() == {"IDR": 5_000_000, "USD": 1}


def test_within_the_draft_a_correction_leaves_no_trace_on_the_lines(office: Office) -> None:
    office.take([ended(TASKS[0]), ended(TASKS[1])])
    office.take([ended(TASKS[1], "compensated", 2)], DRAFT_OVER - timedelta(seconds=1))
    assert lines(office.invoice()) == [
        ("charge", "base.month", "1", 5_000_000),
        ("charge", "task.completed", "1", 0),
        ("charge", "task.compensated", "1", 0),
    ]


def test_a_month_keeps_the_row_of_the_plan_that_it_began_with(office: Office) -> None:
    office.take([ended(TASKS[0]), ended(TASKS[1])])
    dearer = PLAN.model_copy(update={"id": "growth-2", "base": 9})
    office.book = Book((dearer,), BOOK.default, {})
    office.take([ended(TASKS[2])])
    assert {line.plan for line in office.invoice().lines} == {"growth-1"}
    office.take([ended(TASKS[3], at=LATE)], LATE)
    assert {line.plan for line in office.invoice("2026-12", now=LATE).lines} == {"growth-2"}


def test_rating_again_gives_the_same_bytes(office: Office) -> None:
    office.take([*(ended(task) for task in TASKS), used(derive("c"))])
    assert office.invoice().model_dump_json() == office.invoice().model_dump_json()


@pytest.mark.parametrize("wrong", [{"receivable": {"IDR": 1}}, {"receivable": {}}, {"ledger": {"IDR": 5}}])
def test_an_invoice_that_does_not_add_up_says_so(office: Office, wrong: dict[str, dict[str, int]]) -> None:
    office.take([ended(TASKS[0])])
    good = Facts("acme", "2026-11", ZONE, NOVEMBER, {"2026-11": PLAN}, office._sums("acme", "2026-11"), {"IDR": 50_000_000_000}, {"IDR": 0})
    assert invoice(good).total == {"IDR": 5_000_000}
    with pytest.raises(Rejected) as caught:
        invoice(replace(good, **wrong))  # type: ignore[arg-type]
    assert caught.value.code == "does_not_add_up"


def _events(draw: st.DrawFn) -> list[Event]:
    """Return closings of several tasks and attempts at engines, told within two months."""
    found: list[Event] = []
    for task in TASKS[: draw(st.integers(1, 5))]:
        for closing in range(1, draw(st.integers(1, 3)) + 1):
            outcome = draw(st.sampled_from(["completed", "compensated"]))
            at = NOVEMBER + timedelta(days=draw(st.integers(-10, 25)))
            found.append(ended(task, outcome, closing, fee=draw(st.sampled_from([0, 700])), moved=draw(st.integers(0, 5)), at=at))
    for n in range(draw(st.integers(0, 6))):
        at = NOVEMBER + timedelta(days=draw(st.integers(-10, 25)))
        found.append(used(derive("call", n // 2), n % 2 + 1, draw(st.integers(0, 9_999)), at=at))
    return found


@st.composite
def _deliveries(draw: st.DrawFn) -> tuple[list[Event], list[tuple[datetime, list[Event]]]]:
    """Return events, and the same shuffled, some doubled, in batches that are recorded up to three months later."""
    events = _events(draw)
    again = draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = draw(st.permutations([*events, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    days = sorted(draw(st.lists(st.integers(25, 110), min_size=len(parts), max_size=len(parts))))
    return events, [(NOVEMBER + timedelta(days=d), list(part)) for d, part in zip(days, parts, strict=True)]


@given(_deliveries())
def test_shuffled_doubled_and_late_events_make_the_same_total_and_every_invoice_adds_up(
    deliveries: tuple[list[Event], list[tuple[datetime, list[Event]]]],
) -> None:
    events, batches = deliveries
    orderly, other = Office(), Office()
    orderly.take(events, NOVEMBER + timedelta(days=25))
    for now, batch in batches:
        other.take(batch, now)
    assert not [*orderly.refused, *other.refused]
    assert {i: f for i, (_, f, _) in orderly.facts.items()} == {i: f for i, (_, f, _) in other.facts.items()}
    assert orderly.total() == other.total()
    assert _balances(orderly) == _balances(other)


def _balances(office: Office) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for _, _, entry in office.entries:
        for account, amount in entry.sides():
            sums[account, entry.currency] = sums.get((account, entry.currency), 0) + amount
    return {key: amount for key, amount in sums.items() if amount}


@given(st.lists(st.integers(0, 99_999), min_size=1, max_size=20))
def test_many_small_charges_are_rounded_once(charges: Sequence[int]) -> None:
    office = Office()
    office.take([used(derive("call", n), charge=c) for n, c in enumerate(charges)])
    exact = Decimal(sum(charges)) * Decimal("1.1") / 10_000
    assert office.invoice().total.get("USD", 0) == int(exact.quantize(Decimal(1), rounding="ROUND_HALF_EVEN"))


def test_two_tenants_share_nothing(office: Office) -> None:
    office.take([ended(task) for task in TASKS[:3]])
    alone = office.invoice()
    office.take([ended(UUID(int=n), tenant="brio") for n in range(4)])
    assert office.invoice() == alone
    assert office.invoice(tenant="brio").total == {"IDR": 5_000_000 + 700_000}
