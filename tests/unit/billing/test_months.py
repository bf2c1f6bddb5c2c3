"""Months in a tenant's zone, drafts, and where what comes late stands."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.billing.conftest import ZONE

from tuntas.kit.billing.months import begins, billed_in, closes, following, issued, month_named, month_of
from tuntas.kit.errors import Rejected

MIDNIGHT = datetime(2026, 11, 30, 17, tzinfo=UTC)
"""The end of November in Jakarta."""


def test_a_month_ends_at_midnight_of_the_tenants_zone() -> None:
    assert closes("2026-11", ZONE) == MIDNIGHT
    assert month_of(MIDNIGHT - timedelta(microseconds=1), ZONE) == "2026-11"
    assert month_of(MIDNIGHT, ZONE) == "2026-12"
    assert begins("2026-12", ZONE) == MIDNIGHT


def test_a_year_ends_with_december() -> None:
    assert (following("2026-12"), closes("2026-12", "UTC")) == ("2027-01", datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(-1, "2026-11"), (0, "2026-11"), (71.99, "2026-11"), (72, "2026-12"), (24 * 33.99, "2026-12"), (24 * 34, "2027-01")],
)
def test_a_draft_takes_what_comes_within_72_hours_and_the_next_open_one_what_comes_later(hours: float, expected: str) -> None:
    assert billed_in("2026-11", ZONE, MIDNIGHT + timedelta(hours=hours)) == expected


@given(st.integers(0, 40), st.integers(0, 40 * 31), st.integers(0, 40 * 31))
def test_what_is_recorded_later_never_stands_on_an_earlier_invoice(months: int, first: int, second: int) -> None:
    month, start = "2026-01", datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(months):
        month = following(month)
    early, late = sorted((start + timedelta(days=first), start + timedelta(days=second)))
    stands = billed_in(month, ZONE, early)
    assert month <= stands <= billed_in(month, ZONE, late)
    assert early < issued(stands, ZONE)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "november", "", "2026-11\n", "1999-12", "２０２６-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        month_named(text)
    assert caught.value.code == "bad_month"
