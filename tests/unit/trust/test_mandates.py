"""What a mandate covers."""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.trust.conftest import LATER, PERSON, mandate, trip

from tuntas.contracts.ids import derive
from tuntas.contracts.money import Amounts
from tuntas.contracts.trust import Mandate
from tuntas.testkit.history import START
from tuntas.trust.mandates import covers, uncovered
from tuntas.trust.state import Wallet

PLAN = trip(derive("test", "mandates"))


def reasons(given: Mandate | None, **wallet: Amounts) -> tuple[str, ...]:
    return uncovered(PLAN, Wallet(person=PERSON, mandate=given, **wallet), PLAN.ceilings, START)


def test_a_plan_on_every_limit_is_covered() -> None:
    exact = mandate(per_task={"IDR": 1000}, budget={"IDR": 3000}, undo_fee_limit={"IDR": 100}, instruments=("wallet",))
    assert reasons(exact, reserved={"IDR": 1500}, spent={"IDR": 500}) == ()


def test_no_mandate_or_one_that_expired_covers_nothing() -> None:
    assert reasons(None) == ("no_mandate",)
    assert reasons(mandate(expires_at=START)) == ("mandate_expired",)
    assert reasons(mandate(expires_at=START + timedelta(microseconds=1))) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"goal_types": ("shop.*",)}, "goal_not_covered"),
        ({"per_task": {"IDR": 999}}, "over_limit"),
        ({"per_task": {"USD": 10**9}}, "over_limit"),
        ({"budget": {"IDR": 999}}, "over_budget"),
        ({"budget": {"USD": 10**9}}, "over_budget"),
        ({"undo_fee_limit": {"IDR": 99}}, "undo_too_dear"),
        ({"undo_fee_limit": {"USD": 100}}, "undo_too_dear"),
        ({"instruments": ("card",)}, "instrument_not_allowed"),
    ],
)
def test_one_thing_outside_is_one_reason(change: dict[str, Any], code: str) -> None:
    assert reasons(mandate(**change)) == (code,)


def test_every_reason_is_told() -> None:
    nothing = Mandate(goal_types=(), per_task={}, budget={}, instruments=("x",), expires_at=LATER)
    assert reasons(nothing) == ("goal_not_covered", "over_limit", "over_budget", "instrument_not_allowed")


def test_what_is_reserved_and_spent_counts_against_the_budget() -> None:
    assert reasons(mandate(budget={"IDR": 1000}), reserved={"IDR": 1}) == ("over_budget",)
    assert reasons(mandate(budget={"IDR": 1000}), spent={"IDR": 1}) == ("over_budget",)
    assert reasons(mandate(budget={"IDR": 1000}), spent={"USD": 1}) == ()


@pytest.mark.parametrize(
    ("pattern", "goal_type", "expected"),
    [
        ("travel.hotel", "travel.hotel", True),
        ("travel.hotel", "travel.hotels", False),
        ("travel.*", "travel.hotel", True),
        ("travel.*", "travels.hotel", False),
        ("travel.*", "travel", False),
        ("*", "travel.hotel", False),
    ],
)
def test_goal_types_are_named_exactly_or_by_a_dotted_prefix(pattern: str, goal_type: str, *, expected: bool) -> None:
    assert covers(mandate(goal_types=(pattern,)), goal_type) is expected
