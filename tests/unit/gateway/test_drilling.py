"""What a rehearsal says of each effect, and who says so."""

from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.connectors import UndoQuoted
from tuntas.contracts.money import Money
from tuntas.contracts.saga import DrilledEffect, SagaDrilled
from tuntas.gateway.drilling import bill

TASK, DRILL, KEY = UUID(int=1), UUID(int=2), UUID(int=3)


def rupiah(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


EFFECT = DrilledEffect(
    step_id="hotel.confirm", key=KEY, connector="travel", provider="bale", action="a", amount=rupiah(100), worst_fee=rupiah(60)
)


def billed(quote: dict[str, Any] | None, effect: DrilledEffect = EFFECT) -> Any:
    told = SagaDrilled(drill_id=DRILL, version=7, effects=(effect,))
    quotes = {KEY: UndoQuoted(drill_id=DRILL, step_id="hotel.confirm", key=KEY, **quote)} if quote else {}
    return bill(TASK, DRILL, told, quotes)


@pytest.mark.parametrize(
    ("quote", "source", "code", "cost"),
    [
        ({"asked": True, "fee": rupiah(40)}, "provider", None, {"IDR": 40}),
        ({"asked": True, "refund": rupiah(100)}, "provider", None, {}),
        ({"asked": True, "allowed": False, "code": "non_refundable"}, "provider", "non_refundable", {"IDR": 100}),
        ({"asked": True}, "declared", "no_quote", {"IDR": 60}),
        ({"asked": False, "code": "parked"}, "declared", "parked", {"IDR": 60}),
        ({"asked": False, "code": "open"}, "declared", "open", {"IDR": 60}),
        ({"asked": False, "code": "free"}, "own", "free", {}),
        ({"asked": False, "code": "consumed"}, "own", "consumed", {}),
        (None, "declared", "no_answer", {"IDR": 60}),
    ],
)
def test_a_quote_counts_and_without_one_the_declaration_does(quote: Any, source: str, code: str | None, cost: dict[str, int]) -> None:
    found = billed(quote)
    assert (found.effects[0].source, found.effects[0].code, found.cost) == (source, code, cost)
    assert found.complete == (quote is not None)


def test_currencies_are_not_added_up_together() -> None:
    other = EFFECT.model_copy(update={"key": UUID(int=4), "worst_fee": Money(amount_minor=5, currency="USD")})
    found = bill(TASK, DRILL, SagaDrilled(drill_id=DRILL, version=7, effects=(EFFECT, other)), {})
    assert found.cost == {"IDR": 60, "USD": 5}


def test_before_the_coordinator_answered_a_rehearsal_is_not_complete() -> None:
    assert bill(TASK, DRILL, None, {}).complete is False


def test_a_task_without_effects_costs_nothing() -> None:
    found = bill(TASK, DRILL, SagaDrilled(drill_id=DRILL, version=0), {})
    assert (found.complete, found.cost) == (True, {})
