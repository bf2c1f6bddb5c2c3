"""Receipts: effects, double entries, what is kept."""

from typing import Any

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionEnded
from tuntas.contracts.money import Money

TRIP = ("hotel.hold", "flight.hold", "payment.authorize", "hotel.confirm", "flight.confirm", "payment.capture")


def rupiah(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def accounts(receipt: Any) -> dict[str, int]:
    """Return the balance of each account."""
    balances: dict[str, int] = {}
    for posting in receipt.postings:
        balances[posting.account] = balances.get(posting.account, 0) + posting.amount_minor
    return balances


def test_a_completed_trip_moves_money_from_the_person_to_the_merchants(task: Any) -> None:
    (ended,) = task.completed_trip()
    assert accounts(ended.receipt) == {"merchant:bale": 100_00, "merchant:kite": 250_00, "person": -350_00, "clearing": 0}
    assert [p.step_id for p in ended.receipt.postings[::2]] == ["hotel.confirm", "flight.confirm", "payment.capture"]


def test_a_rollback_with_a_fee_leaves_only_the_fee(task: Any) -> None:
    task.declared(*TRIP)
    task.ended(EndResult.HALTED, done=TRIP)
    task.undone("payment.capture", fee=rupiah(2_00), refund=rupiah(348_00))
    task.undone("flight.confirm")
    task.undone("hotel.confirm", fee=rupiah(10_00))
    task.undo_all(nothing=True)
    ended = task.sent[-1]
    balances = accounts(ended.receipt)
    assert balances == {
        "person": -2_00,
        "merchant:bale": 0,
        "merchant:kite": 0,
        "fees:lontar": 2_00,
        "fees:bale": 10_00,
        "clearing": -10_00,
    }
    assert ended.kept == {"IDR": 12_00}


def test_what_was_not_refunded_is_a_fee_though_nobody_called_it_one(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    (ended,) = task.undone("hotel.confirm", refund=rupiah(70_00))
    assert ended.kept == {"IDR": 30_00}


def test_what_was_refunded_for_the_purchase_is_no_fee_of_its_hold(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.hold", "hotel.confirm"])
    task.undone("hotel.confirm", fee=rupiah(10_00), refund=rupiah(90_00))
    task.observed("hotel.hold", Outcome.UNDONE, "cancelled", refund=rupiah(90_00))
    assert task.sent[-1].kept == {"IDR": 10_00}


def test_what_is_kept_is_posted_at_the_price_that_its_undo_told(task: Any) -> None:
    task.ended(EndResult.FAILED, {"hotel.confirm": Outcome.UNKNOWN})
    task.undone("hotel.confirm", Outcome.REFUSED, code="not_refundable", amount=rupiah(95_00))
    (ended,) = task.repaired("skip", "hotel.confirm")
    assert ended.kept == {"IDR": 95_00}


def test_a_capture_that_could_not_be_refunded_is_kept_from_the_person(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["payment.capture"])
    task.undone("payment.capture", Outcome.REFUSED, code="refund_refused")
    (ended,) = task.repaired("skip", "payment.capture")
    assert ended.kept == {"IDR": 350_00}


def test_actual_amounts_are_posted_not_planned_ones(task: Any) -> None:
    task.declared("hotel.confirm")
    entry = task.entries({"hotel.confirm": Outcome.DONE})[0].model_copy(update={"amount": rupiah(95_00)})
    (ended,) = task.given(ExecutionEnded(revision=1, epoch=1, result=EndResult.FINISHED, code="finished", tally=(entry,)))
    assert ended.kept == {"IDR": 95_00}


def test_currencies_are_never_netted(task: Any) -> None:
    task.declared("hotel.confirm")
    task.declared("flight.confirm", at_risk=Money(amount_minor=40_00, currency="SGD"))
    (ended,) = task.ended(EndResult.FINISHED, done=["hotel.confirm", "flight.confirm"])
    assert ended.kept == {"IDR": 100_00, "SGD": 40_00}


def test_money_at_risk_follows_what_stands_or_may_stand(task: Any) -> None:
    task.declared("hotel.confirm", "flight.confirm")
    assert task.state.at_risk == {"IDR": 350_00}
    task.ended(EndResult.FAILED, done=["hotel.confirm", "flight.confirm"])
    task.undone("hotel.confirm")
    assert task.state.at_risk == {"IDR": 250_00}
    since = task.state.since
    task.now = task.now.replace(minute=5)
    task.undone("flight.confirm", Outcome.PENDING)
    assert (task.state.waiting_for, task.state.since) == ("undo:flight.confirm", since)
    task.undone("flight.confirm", seq=2)
    assert task.state.at_risk == {}
