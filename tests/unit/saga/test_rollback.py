"""The way back: order, retries, fees, and what waits for a person."""

from datetime import timedelta
from typing import Any

import pytest

from tuntas.contracts.connectors import Outcome, StepUndo
from tuntas.contracts.executor import EndResult
from tuntas.contracts.money import Money
from tuntas.contracts.saga import SagaEnded, SagaNeedsAttention, SagaOutcome
from tuntas.saga.policy import Policy

TRIP = ("hotel.hold", "flight.hold", "payment.authorize", "hotel.confirm", "flight.confirm", "payment.capture")


def rupiah(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def codes(task: Any) -> list[str]:
    return [answer.code for answer in task.answers if not answer.applied]


@pytest.fixture
def failed(task: Any) -> Any:
    """A trip whose capture was refused: five effects stand."""
    task.declared(*TRIP)
    task.ended(EndResult.FAILED, {"payment.capture": Outcome.REFUSED}, done=TRIP[:5], code="declined")
    return task


def test_an_effect_is_undone_after_all_that_needs_it_and_branches_run_in_parallel(failed: Any, undos: Any) -> None:
    assert undos(failed.sent) == [("flight.confirm", 1), ("hotel.confirm", 1)]
    assert failed.undone("flight.confirm") == []
    assert undos(failed.undone("hotel.confirm")) == [("payment.authorize", 1)]
    assert undos(failed.undone("payment.authorize")) == [("flight.hold", 1), ("hotel.hold", 1)]
    failed.undone("hotel.hold", nothing=True)
    (ended,) = failed.undone("flight.hold", nothing=True)
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPENSATED, 1, {})


def test_an_undo_goes_to_its_connector_with_the_fee_limit_of_the_approval(failed: Any) -> None:
    undo = failed.last(StepUndo)
    assert undo.fee_limit == {"IDR": 20_00}
    assert failed.topics[-1] == "tuntas.travel.commands.v1"
    assert failed.state.waiting_for == "undo:flight.confirm"


def test_what_is_needed_through_a_step_that_left_nothing_still_waits_its_turn(task: Any, undos: Any) -> None:
    task.declared(*TRIP)
    outcomes = {"payment.authorize": Outcome.REFUSED, "payment.capture": Outcome.REFUSED, "flight.confirm": Outcome.REFUSED}
    sent = task.ended(EndResult.FAILED, outcomes, done=["hotel.hold", "flight.hold", "hotel.confirm"])
    assert undos(sent) == [("hotel.confirm", 1)]


def test_an_unanswered_undo_is_repeated_with_the_same_number_and_growing_pauses(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.hold"])
    timer = f"undo:{task.key('hotel.hold')}"
    pauses = []
    for _ in range(8):
        pauses.append(task.timers[timer] - task.now)
        assert undos(task.fire(timer)) == [("hotel.hold", 1)]
    assert pauses == [timedelta(seconds=s) for s in (5, 10, 20, 40, 80, 160, 300, 300)]


def test_a_spent_budget_lets_the_effect_wait_and_the_others_go_on(failed: Any, undos: Any) -> None:
    failed.undone("flight.confirm", Outcome.REFUSED, code="non_refundable")
    assert failed.state.status == "compensating"
    failed.undone("hotel.confirm")
    failed.undone("payment.authorize")
    failed.undone("flight.hold", nothing=True)
    assert not any(isinstance(m, SagaNeedsAttention) for m in failed.sent)
    failed.advance(12 * 300)
    assert failed.state.status == "needs_attention"
    rests = failed.last(SagaNeedsAttention)
    assert {e.step_id for e in rests.receipt.effects if e.state == "in_doubt"} == {"flight.confirm", "hotel.hold"}
    assert undos(failed.sent).count(("hotel.hold", 1)) == Policy().undo_sends


def test_retry_renews_the_budget_and_repeats_the_number_that_has_no_answer(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.hold"])
    task.advance(12 * 300)
    assert undos(task.repaired("retry")) == [("hotel.hold", 1)]
    assert task.state.status == "compensating"
    task.advance(12 * 300)
    assert sum(isinstance(m, SagaNeedsAttention) for m in task.sent) == 2


def test_retry_after_a_refusal_takes_the_next_number(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    assert undos(task.repaired("retry", "hotel.confirm")) == [("hotel.confirm", 2)]
    assert task.undone("hotel.confirm", Outcome.UNDONE, number=1, seq=9) == []
    assert task.undone("hotel.confirm", number=2, seq=2)[-1].outcome is SagaOutcome.COMPENSATED


def test_a_fee_above_the_limit_waits_and_an_accepted_fee_is_sent_with_its_quote(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    (rests,) = task.undone("hotel.confirm", Outcome.NEEDS_USER, code="fee_above_limit", fee=rupiah(60_00), quote_id="q1")
    assert (rests.code, rests.actions) == ("fee_above_limit", ("retry", "skip", "mark_done", "accept_fee"))
    assert rests.receipt.effects[0].fee == rupiah(60_00)
    (undo,) = task.repaired("accept_fee", "hotel.confirm")
    assert (undo.number, undo.accepted_quote) == (1, "q1")
    (ended,) = task.undone("hotel.confirm", seq=2, fee=rupiah(60_00), refund=rupiah(40_00))
    assert ended.kept == {"IDR": 60_00}


def test_skip_keeps_the_effect_as_residue_with_its_reason(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    (ended,) = task.repaired("skip", "hotel.confirm")
    assert (ended.outcome, ended.kept) == (SagaOutcome.COMPENSATED, {"IDR": 100_00})
    assert ended.receipt.residue == ("hotel.confirm R-hotel.confirm",)
    assert ended.receipt.effects[0].note == "skip by sre: asked the hotel"


def test_mark_done_needs_evidence(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    assert task.repaired("mark_done", "hotel.confirm") == []
    assert codes(task) == ["evidence_required"]
    (ended,) = task.repaired("mark_done", "hotel.confirm", evidence={"letter": "cancelled"})
    assert ended.receipt.effects[0].state == "undone"


@pytest.mark.parametrize("action", ["skip", "mark_done", "accept_fee"])
def test_a_decision_about_one_effect_names_it(task: Any, action: str) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.repaired(action, evidence={"a": 1})
    task.repaired(action, "nowhere.hold", evidence={"a": 1})
    assert codes(task) == ["key_required", "unknown_key"]


def test_a_fee_that_nobody_quoted_cannot_be_accepted(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    task.repaired("accept_fee", "hotel.confirm")
    assert codes(task) == ["no_quote"]


@pytest.mark.parametrize("action", ["retry", "force"])
def test_a_repair_of_what_does_not_rest_changes_nothing(task: Any, action: str) -> None:
    task.declared("hotel.hold")
    before = task.state
    assert task.repaired(action) == []
    assert task.state == before


def test_an_older_answer_after_a_newer_one_is_ignored(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.PENDING, seq=4)
    assert task.undone("hotel.confirm", Outcome.NEEDS_USER, seq=3, code="fee_above_limit") == []
    assert task.state.status == "compensating"


def test_even_a_circle_of_needs_is_undone(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", needs=("flight.hold",))
    task.declared("flight.hold", needs=("hotel.hold",))
    tally = {"hotel.hold": Outcome.DONE, "flight.hold": Outcome.DONE}
    assert undos(task.ended(EndResult.FAILED, tally)) == [("flight.hold", 1)]
    assert undos(task.undone("flight.hold")) == [("hotel.hold", 1)]


def test_retry_of_one_effect_leaves_the_others_waiting(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm", "flight.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED)
    task.undone("flight.confirm", Outcome.REFUSED)
    assert undos(task.repaired("retry", "hotel.confirm")) == [("hotel.confirm", 2)]
    assert task.state.effects[task.key("flight.confirm")].stage == "waiting"


def test_force_adds_nothing_to_a_rollback_that_rests(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED)
    before = task.state
    assert task.repaired("force") == []
    assert task.state == before


def test_an_undo_that_comes_through_while_the_effect_waits_settles_it(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.advance(12 * 300)
    assert task.state.status == "needs_attention"
    assert task.undone("hotel.confirm", seq=2)[-1].outcome is SagaOutcome.COMPENSATED


def test_a_pending_undo_is_asked_for_until_it_is_done(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.PENDING)
    assert undos(task.advance(5)) == [("hotel.confirm", 1)]


def test_a_parked_provider_spends_no_budget(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    for seq in range(1, 40):
        task.fire(f"undo:{task.key('hotel.confirm')}")
        task.undone("hotel.confirm", Outcome.PENDING, seq=seq, code="parked")
    assert task.state.status == "compensating"


def test_a_hold_whose_booking_waits_for_a_person_waits_with_it(task: Any) -> None:
    task.declared("hotel.hold", "hotel.confirm")
    task.ended(EndResult.FAILED, done=["hotel.hold", "hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    task.undone("hotel.hold", Outcome.PENDING, code="consumed")
    assert task.state.status == "needs_attention"
    task.repaired("retry", "hotel.confirm")
    task.undone("hotel.confirm", number=2, seq=2)
    (ended,) = task.undone("hotel.hold", seq=2, nothing=True)
    assert [e.state.value for e in ended.receipt.effects] == ["nothing", "undone"]


def test_a_hold_whose_booking_was_undone_after_all_waits_for_no_person(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "hotel.confirm")
    task.ended(EndResult.FAILED, done=["hotel.hold", "hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    task.undone("hotel.hold", Outcome.PENDING, code="consumed")
    task.repaired("retry", "hotel.confirm")
    assert not task.undone("hotel.confirm", number=2, seq=2)
    assert task.state.status == "compensating"
    assert undos(task.advance(5)) == [("hotel.hold", 1)], "nobody answers by itself: it is asked for again"
    (ended,) = task.undone("hotel.hold", seq=2, nothing=True)
    assert ended.outcome is SagaOutcome.COMPENSATED


def test_a_hold_whose_booking_is_kept_waits_for_the_same_decision(task: Any) -> None:
    task.declared("hotel.hold", "hotel.confirm")
    task.ended(EndResult.FAILED, done=["hotel.hold", "hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    task.repaired("skip", "hotel.confirm")
    (rests,) = task.undone("hotel.hold", Outcome.PENDING, code="consumed")
    assert rests.code == "consumed"
    assert task.repaired("skip", "hotel.hold")[-1].kept == {"IDR": 100_00}


def test_an_expired_hold_counts_as_undone_and_costs_nothing(failed: Any) -> None:
    failed.undo_all(nothing=True)
    ended = failed.last(SagaEnded)
    assert ended.receipt.postings == ()
    assert {e.state.value for e in ended.receipt.effects} == {"nothing"}


def test_an_undo_answered_after_the_operator_kept_the_effect_corrects_the_outcome(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.NEEDS_USER, code="fee_above_limit")
    task.repaired("skip", "hotel.confirm")
    reopened, ended = task.undone("hotel.confirm", seq=3, fee=rupiah(5_00))
    assert (reopened.closing, ended.closing, ended.kept, ended.receipt.residue) == (2, 2, {"IDR": 5_00}, ())


def test_answers_about_unknown_tasks_and_keys_leave_nothing(task: Any, new_task: Any) -> None:
    task.undone("hotel.hold")
    assert task.rows == {}
    task.declared("hotel.hold")
    assert task.undone("flight.hold") == []


def test_a_read_is_not_undone_and_is_no_effect(task: Any) -> None:
    task.declared("route.look", "flight.confirm")
    undos = [m for m in task.ended(EndResult.FAILED, done=("route.look", "flight.confirm")) if isinstance(m, StepUndo)]
    assert [undo.step_id for undo in undos] == ["flight.confirm"]
    ended = [m for m in task.undone("flight.confirm") if isinstance(m, SagaEnded)]
    assert [effect.step_id for effect in ended[0].receipt.effects] == ["flight.confirm"]


def test_an_answer_to_an_undo_that_waits_for_its_turn_changes_nothing(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "payment.authorize")
    task.ended(EndResult.FAILED, done=["hotel.hold", "payment.authorize"])
    assert task.undone("hotel.hold", Outcome.REFUSED) == []
    assert undos(task.undone("payment.authorize")) == [("hotel.hold", 1)]
