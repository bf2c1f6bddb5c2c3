"""Prices: tiers, rounding, and totals that are the same however they are added up."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.billing.conftest import PLAN

from tuntas.kit.billing.rating import BASE, CHARGE, COMPLETED, MOVED, Graduated, Key, Plan, bands, half_even, price


@pytest.mark.parametrize(("units", "minor"), [(0, 0), (1, 0), (2, 250_000), (3, 500_000), (4, 700_000), (5, 900_000)], ids=str)
def test_included_units_are_free_and_each_other_costs_what_its_own_tier_says(units: int, minor: int) -> None:
    assert price(PLAN, Key(COMPLETED), units) == minor


def test_bands_tell_from_which_unit_to_which_a_price_holds() -> None:
    assert [(b.first, b.last, b.price) for b in bands(PLAN.completed)] == [(1, 1, 0), (2, 3, 250_000), (4, None, 200_000)]


@pytest.mark.parametrize(
    ("numerator", "denominator", "nearest"), [(5, 10, 0), (15, 10, 2), (25, 10, 2), (14, 10, 1), (16, 10, 2), (-5, 10, 0), (-15, 10, -2)]
)
def test_a_half_is_rounded_to_the_even_neighbour(numerator: int, denominator: int, nearest: int) -> None:
    assert half_even(numerator, denominator) == nearest


@pytest.mark.parametrize(
    ("micro", "currency", "minor"), [(1_000_000, "USD", 110), (4_545, "USD", 0), (4_546, "USD", 1), (1_000_000, "JPY", 1)]
)
def test_an_engine_is_passed_through_with_its_margin_in_its_own_currency(micro: int, currency: str, minor: int) -> None:
    assert price(PLAN, Key(CHARGE, "luma", "luma-3", currency), micro) == minor


def test_the_base_fee_is_for_the_month_and_what_is_only_counted_costs_nothing() -> None:
    assert price(PLAN, Key(BASE), 1) == PLAN.base
    assert price(PLAN, Key(MOVED, currency="IDR"), 10**9) == 0


@given(st.lists(st.integers(min_value=-3, max_value=9), max_size=30), st.sampled_from([Key(COMPLETED), Key(CHARGE, "a", "b", "USD")]))
def test_what_is_added_up_piece_by_piece_is_what_is_rated_at_once(pieces: list[int], key: Key) -> None:
    steps = [max(0, sum(pieces[:n])) * (3_333 if key.meter == CHARGE else 1) for n in range(len(pieces) + 1)]
    deltas = [price(PLAN, key, b) - price(PLAN, key, a) for a, b in itertools.pairwise(steps)]
    assert sum(deltas) == price(PLAN, key, steps[-1]) - price(PLAN, key, steps[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"completed": {"tiers": []}},
        {"completed": {"tiers": [{"up_to": 5, "price": 1}]}},
        {"completed": {"tiers": [{"price": 1}, {"price": 2}]}},
        {"completed": {"included": 5, "tiers": [{"up_to": 5, "price": 1}, {"price": 2}]}},
        {"completed": {"tiers": [{"up_to": 9, "price": 1}, {"up_to": 3, "price": 1}, {"price": 2}]}},
        {"completed": {"tiers": [{"price": -1}]}},
        {"valid_from": "2026-01-02"},
        {"currency": "rupiah"},
        {"base": 1.5},
        {"discount": 3},
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(PLAN.model_dump(mode="json") | wrong)


def test_a_price_without_tiers_rising_is_one_price_for_all() -> None:
    assert [band.first for band in bands(Graduated.model_validate({"tiers": [{"price": 7}]}))] == [1]
