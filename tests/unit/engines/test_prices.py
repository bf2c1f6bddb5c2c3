"""What a call costs follows from one dated row: by buckets, by hour, by day, by length, rounded once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from tuntas.contracts.engines import Tokens
from tuntas.engines.catalogue import read_catalogue
from tuntas.engines.prices import Price, charge, row_at

CATALOGUE = read_catalogue()
MILLION = Tokens(input=1_000_000, output=1_000_000)
TUESDAY, SATURDAY = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)


def cost(route: str, tokens: Tokens, begun: datetime, ended: datetime | None = None) -> int:
    found = CATALOGUE.charge(route, tokens, begun, ended or begun)
    assert found is not None
    return found.amount_micro


@pytest.mark.parametrize(
    ("route", "micro", "currency"),
    [
        ("qwen/qwen3.8-max", 8_000_000, "USD"),
        ("qwen/qwen3.8-flash", 620_000, "USD"),
        ("doubao/doubao-seed-2-1-pro-260915", 36_000_000, "CNY"),
        ("deepseek/deepseek-flash", 750_000, "USD"),
        ("deepseek/deepseek-v4-pro", 2_640_000, "USD"),
    ],
)
def test_a_million_tokens_each_way_cost_what_the_row_says(route: str, micro: int, currency: str) -> None:
    found = CATALOGUE.charge(route, MILLION, SATURDAY, SATURDAY)
    assert found is not None
    assert (found.amount_micro, found.currency) == (micro, currency)
    assert found.price.startswith(route)


@pytest.mark.parametrize(
    ("hour", "times"),
    [
        ("00:59:59", 1), ("01:00:00", 2), ("03:59:59", 2), ("04:00:00", 1),
        ("05:59:59", 1), ("06:00:00", 2), ("09:59:59", 2), ("10:00:00", 1), ("23:00:00", 1),
    ],
)  # fmt: skip
def test_a_peak_begins_and_ends_at_its_edges(hour: str, times: int) -> None:
    at = datetime.fromisoformat(f"2026-11-24T{hour}+00:00")
    assert cost("deepseek/deepseek-flash", MILLION, at) == 750_000 * times


@pytest.mark.parametrize(
    ("day", "times"),
    [("2026-11-27", 2), ("2026-11-28", 1), ("2026-11-29", 1), ("2026-11-30", 2), ("2026-12-31", 2), ("2027-01-01", 2), ("2027-01-02", 1)],
)
def test_a_weekend_has_no_peak_and_a_day_that_no_calendar_knows_is_a_working_day(day: str, times: int) -> None:
    assert cost("deepseek/deepseek-flash", MILLION, datetime.fromisoformat(f"{day}T02:00:00+00:00")) == 750_000 * times


def test_a_holiday_has_no_peak() -> None:
    row = CATALOGUE.price("deepseek/deepseek-flash", TUESDAY)
    assert row is not None
    holiday = datetime(2026, 10, 1, 2, tzinfo=UTC)  # a Thursday
    assert charge(row, MILLION, holiday, holiday, CATALOGUE.calendars).amount_micro == 750_000
    assert charge(row, MILLION, holiday, holiday, {}).amount_micro == 1_500_000


def test_an_hour_is_meant_in_utc_whatever_the_offset() -> None:
    jakarta = datetime.fromisoformat("2026-11-24T08:00:00+07:00")
    assert cost("deepseek/deepseek-flash", MILLION, jakarta) == 1_500_000


def test_a_call_over_an_edge_costs_the_dearer_side() -> None:
    edge = TUESDAY + timedelta(hours=10)
    before, after = edge - timedelta(seconds=1), edge + timedelta(seconds=1)
    assert cost("deepseek/deepseek-flash", MILLION, before, after) == 1_500_000
    edge = TUESDAY + timedelta(hours=1)
    assert cost("deepseek/deepseek-flash", MILLION, edge - timedelta(seconds=1), edge) == 1_500_000


def test_cached_tokens_have_a_price_of_their_own_where_there_is_one() -> None:
    tokens = Tokens(input=0, cached=1_000_000, output=0)
    assert cost("deepseek/deepseek-flash", tokens, SATURDAY) == 3_000
    assert cost("qwen/qwen3.8-flash", tokens, SATURDAY) == 150_000


@pytest.mark.parametrize(("prompt", "micro"), [(272_000, 27_200 + 500), (272_001, 54_400 + 750)])
def test_a_prompt_over_the_limit_makes_the_whole_call_dearer(prompt: int, micro: int) -> None:
    assert cost("openai/gpt-6-luna", Tokens(input=prompt, output=1_000), TUESDAY) == micro


def test_what_was_cached_counts_for_the_length() -> None:
    assert cost("openai/gpt-6-luna", Tokens(input=1, cached=272_000), TUESDAY) == 54_400


@pytest.mark.parametrize(("tokens", "micro"), [(1, 0), (3, 0), (5, 0), (15, 2), (25, 2), (35, 4)])
def test_a_charge_is_rounded_once_half_to_even(tokens: int, micro: int) -> None:
    row = Price(id="x", since=TUESDAY, currency="USD", input=Decimal("0.1"), output=Decimal(0))
    assert charge(row, Tokens(input=tokens), TUESDAY, TUESDAY, {}).amount_micro == micro


def test_the_row_that_held_when_a_call_began_is_the_one_that_counts() -> None:
    old = Price(id="old", since=TUESDAY, until=SATURDAY, currency="USD", input=Decimal(1), output=Decimal(1))
    new = Price(id="new", since=SATURDAY, currency="USD", input=Decimal(2), output=Decimal(2))
    held = [row_at((new, old), at) for at in (TUESDAY - timedelta(seconds=1), TUESDAY, SATURDAY - timedelta(seconds=1), SATURDAY)]
    assert [row and row.id for row in held] == [None, "old", "old", "new"]


@pytest.mark.parametrize("route", ["ernie/ernie-5.1", "doubao/doubao-seed-2-1-lite-260915", "embedded/plan.rank", "nobody/nothing"])
def test_without_a_row_there_is_no_price(route: str) -> None:
    assert CATALOGUE.charge(route, MILLION, TUESDAY, TUESDAY) is None


def test_no_two_rows_of_a_model_hold_at_once_and_every_row_has_its_own_name() -> None:
    models = [model for provider in CATALOGUE.providers.values() for model in provider.models.values()]
    rows = [row for model in models for row in model.prices]
    assert len({row.id for row in rows}) == len(rows)
    for model in models:
        ordered = sorted(model.prices, key=lambda row: row.since)
        assert all(a.until is not None and a.until <= b.since for a, b in pairwise(ordered))
