"""Ids, money, instants and personal values."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tuntas.contracts import ids
from tuntas.contracts.money import Money, difference, total, within
from tuntas.contracts.personal import Personal

PERSON = "6d7b1f52-6b0a-5c0e-9c38-1f6f7a0d2e11"
SEALED = f"sealed:v1:{PERSON}:AbC_-1"
AMOUNTS = st.dictionaries(st.sampled_from(["IDR", "CNY", "USD"]), st.integers(-(10**9), 10**9))


class Holder(BaseModel):
    name: Personal


def test_a_task_id_is_the_same_in_any_language() -> None:
    golden = UUID("4791f848-7baa-5a9a-a39c-8edbed698be9")
    assert ids.task_id("acme", "shop/orders", "order-9-flight") == golden


def test_parts_of_an_id_do_not_run_together() -> None:
    assert ids.derive("ab", "c") != ids.derive("a", "bc")
    assert ids.derive("a", "") != ids.derive("a")


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_two_lists_have_one_id_only_if_they_are_the_same(one: list[str], other: list[str]) -> None:
    assert (ids.derive(*one) == ids.derive(*other)) == (one == other)


def test_a_timers_cause_follows_the_instant_and_not_its_zone() -> None:
    task, at = ids.derive("t"), datetime(2026, 11, 23, tzinfo=UTC)
    assert ids.timer_id(task, "x", at) == ids.timer_id(task, "x", at.astimezone())


def test_a_digest_is_of_the_bytes() -> None:
    assert ids.digest("a") == ids.digest(b"a") != ids.digest("a ")


def test_money_is_written_in_its_own_units() -> None:
    shown = [str(Money(amount_minor=a, currency=c)) for a, c in ((117000000, "IDR"), (-150, "USD"), (500, "JPY"), (0, "IDR"))]
    assert shown == ["IDR 1,170,000", "USD -1.50", "JPY 500", "IDR 0"]


@pytest.mark.parametrize("bad", [{"amount_minor": 1.5, "currency": "IDR"}, {"amount_minor": 1, "currency": "idr"}, {"amount_minor": 1}])
def test_money_is_whole_and_has_a_currency(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate(bad)


def test_currencies_are_added_apart() -> None:
    parts = [Money(amount_minor=a, currency=c) for a, c in ((5, "IDR"), (7, "USD"), (2, "IDR"))]
    assert total(parts) == {"IDR": 7, "USD": 7}


@given(AMOUNTS)
def test_a_difference_with_itself_is_nothing(amounts: dict[str, int]) -> None:
    assert difference(amounts, amounts) == {}


def test_an_amount_without_a_limit_in_its_currency_is_outside() -> None:
    assert within({"IDR": 5}, {"IDR": 5})
    assert not within({"USD": 1}, {"IDR": 5})
    assert not within({"IDR": 6}, {"IDR": 5})


@pytest.mark.parametrize("plain", ["Sari", "", "sealed:v1:x:y", f"sealed:v1:{PERSON}:", f" {SEALED}", f"{SEALED}\nSari"])
def test_plain_text_is_no_personal_value(plain: str) -> None:
    with pytest.raises(ValueError, match="sealed"):
        Personal(plain)
    with pytest.raises(ValidationError):
        Holder.model_validate({"name": plain})


def test_a_personal_value_does_not_show_itself() -> None:
    holder = Holder.model_validate({"name": SEALED})
    assert "AbC" not in repr(holder)
    assert holder.name.person == PERSON
    assert holder.model_dump_json() == f'{{"name":"{SEALED}"}}'
