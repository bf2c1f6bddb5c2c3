"""What is told about money: the real price of what the other side took back, and no fee that nobody charged."""

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.kit.connector.provider import ActionAnswer
from tuntas.testkit.conformance.bench import FEE, PRICE, Bench

CHEAPER = Money(amount_minor=PRICE.amount_minor * 9 // 10, currency=PRICE.currency)


def _taken_back(bench: Bench, price: Money) -> None:
    """Let the provider cancel the purchase and say that all of its price is refunded."""
    answer = ActionAnswer(outcome=Outcome.UNDONE, code="cancelled_by_provider", amount=price, refund=price)
    bench.webhook("hold")
    bench.history.answer(bench.call, answer.model_dump(mode="json", exclude_defaults=True) | {"found": True})


def test_what_the_other_side_took_back_is_observed_at_its_real_price(bench: Bench) -> None:
    bench.done("hold")
    bench.start("buy")
    bench.answer("lost")
    _taken_back(bench, CHEAPER)
    assert (bench.observed("buy")[-1].amount, bench.observed("buy")[-1].refund) == (CHEAPER, CHEAPER)


def test_an_undo_answers_with_the_real_price_of_what_it_undid(bench: Bench) -> None:
    bench.done("hold", "buy")
    bench.undo("buy", limit=FEE)
    bench.settle()
    assert bench.undone("buy")[-1].amount == PRICE


def test_what_the_other_side_took_back_whole_while_a_fee_was_asked_about_cost_nothing(bench: Bench) -> None:
    bench.model.fee_minor = FEE
    bench.done("hold", "buy")
    bench.undo("buy")
    bench.settle(10)
    assert bench.undo_outcome("buy") is Outcome.NEEDS_USER
    _taken_back(bench, PRICE)
    fee = bench.undone("buy")[-1].fee
    assert bench.undo_outcome("buy") is Outcome.UNDONE
    assert fee is None or not fee.amount_minor


def test_a_hold_whose_purchase_waits_for_a_person_is_looked_at_only_now_and_then(bench: Bench) -> None:
    bench.model.fee_minor = FEE
    bench.done("hold", "buy")
    bench.undo("buy")
    bench.undo("hold")
    bench.settle(60)
    begun = bench.history.rows[bench.history.task_id].version
    bench.settle(3600)
    assert bench.history.rows[bench.history.task_id].version - begun <= 60
