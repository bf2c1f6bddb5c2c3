"""The other side acts: before the end, while going back, and after an outcome was said."""

from datetime import timedelta
from typing import Any

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionCommitted, ExecutionEnded, ExecutionReopen
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Window
from tuntas.contracts.saga import AttemptRelease, SagaEnded, SagaNeedsAttention, SagaOutcome, SagaReopened
from tuntas.saga.policy import Policy
from tuntas.testkit.history import START

DONE, GONE, REFUSED = Outcome.DONE, Outcome.UNDONE, Outcome.REFUSED
BOTH = ("hotel.confirm", "flight.confirm")
LOST = "cancelled_by_provider"


def compensated(task: Any) -> Any:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm")
    return task


def test_a_success_after_the_undo_reopens_and_is_undone_with_the_next_number(task: Any, undos: Any) -> None:
    compensated(task)
    reopened, undo = task.observed("hotel.confirm", DONE, "success_after_undo")
    assert reopened == SagaReopened(code="success_after_undo", closing=2)
    assert undos([undo]) == [("hotel.confirm", 2)]
    (ended,) = task.undone("hotel.confirm", number=2, seq=2)
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPENSATED, 2, {})


def test_an_observation_overtakes_the_answer_to_the_undo_it_follows(task: Any, undos: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    assert undos(task.observed("hotel.confirm", DONE, "success_after_undo")) == [("hotel.confirm", 2)]
    assert task.undone("hotel.confirm", number=1) == []
    assert task.undone("hotel.confirm", number=2, seq=2)[-1].closing == 1


def test_a_repeated_or_older_observation_changes_nothing(task: Any) -> None:
    compensated(task)
    task.observed("hotel.confirm", DONE, "success_after_undo", seq=5)
    assert task.observed("hotel.confirm", DONE, "success_after_undo", seq=5) == []
    assert task.observed("hotel.confirm", GONE, LOST, seq=4) == []


def test_what_the_other_side_cancels_during_a_rollback_counts_as_undone(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    (ended,) = task.observed("hotel.confirm", GONE, LOST)
    assert ended.outcome is SagaOutcome.COMPENSATED
    assert not task.timers
    assert task.undone("hotel.confirm", seq=1, nothing=True) == []


def test_a_fee_that_is_told_after_the_outcome_corrects_the_books(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.observed("hotel.confirm", GONE, LOST)
    reopened, ended = task.undone("hotel.confirm", fee=Money(amount_minor=7_00, currency="IDR"))
    assert (reopened.closing, ended.closing, ended.kept) == (2, 2, {"IDR": 7_00})


def test_an_effect_lost_after_completion_is_replaced_in_a_new_epoch(task: Any) -> None:
    task.completed_trip(*BOTH)
    reopened, ask = task.observed("hotel.confirm", GONE, LOST)
    assert isinstance(reopened, SagaReopened)
    assert isinstance(ask, ExecutionReopen)
    assert (ask.epoch, ask.lost_legs, [e.step_id for e in ask.alive], ask.code) == (2, ("hotel",), ["flight.confirm"], LOST)
    assert (task.state.status, task.state.waiting_for) == ("reopened", "replan")
    task.declared("hotel.confirm", attempt=2, epoch=2)
    second = task.entries({"hotel.confirm": GONE, "flight.confirm": DONE}, declarations=False)
    third = second[0].model_copy(update={"attempt": 2, "key": task.key("hotel.confirm", 2), "outcome": DONE})
    (ended,) = task.given(_finished((*second, third)))
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPLETED, 2, {"IDR": 350_00})


def _finished(tally: Any, epoch: int = 2) -> Any:
    return ExecutionEnded(revision=2, epoch=epoch, result=EndResult.FINISHED, code="finished", tally=tally)


def test_an_effect_that_cannot_be_replaced_takes_the_rest_back(task: Any, undos: Any) -> None:
    task.completed_trip(*BOTH)
    task.observed("hotel.confirm", GONE, LOST)
    sent = task.ended(EndResult.FAILED, {"hotel.confirm": GONE, "flight.confirm": DONE}, epoch=2, code="no_offer")
    assert undos(sent) == [("flight.confirm", 1)]
    (ended,) = task.undone("flight.confirm")
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPENSATED, 2, {})


def test_a_rollback_after_a_reopening_may_pass_a_pivot(task: Any, undos: Any) -> None:
    task.completed_trip("hotel.confirm", "flight.issue")
    task.observed("hotel.confirm", GONE, LOST)
    sent = task.ended(EndResult.FAILED, {"hotel.confirm": GONE, "flight.issue": DONE}, epoch=2)
    assert undos(sent) == [("flight.issue", 1)]


def test_without_replanning_the_rest_is_undone_at_once(new_task: Any, undos: Any) -> None:
    task = new_task("no replanning", Policy(replan_lost=False))
    task.completed_trip(*BOTH)
    _, undo = task.observed("hotel.confirm", GONE, LOST)
    assert undos([undo]) == [("flight.confirm", 1)]
    assert task.undone("flight.confirm")[-1].outcome is SagaOutcome.COMPENSATED


def test_past_the_reopen_window_it_rests_and_a_late_end_is_still_judged(task: Any) -> None:
    task.completed_trip(*BOTH)
    task.observed("hotel.confirm", GONE, LOST)
    task.advance(3600)
    assert task.last(SagaNeedsAttention).code == "reopen_expired"
    assert task.state.status == "needs_attention"
    task.ended(EndResult.FAILED, {"hotel.confirm": GONE, "flight.confirm": DONE}, epoch=2)
    assert task.state.status == "compensating"


def test_retry_past_the_reopen_window_asks_the_same_epoch_again(task: Any) -> None:
    task.completed_trip(*BOTH)
    task.observed("hotel.confirm", GONE, LOST)
    task.advance(3600)
    (ask,) = task.repaired("retry")
    assert (ask.epoch, ask.lost_legs) == (2, ("hotel",))
    assert "reopen" in task.timers


def test_a_cancel_while_reopened_asks_the_new_epoch_and_rolls_back(task: Any, undos: Any) -> None:
    task.completed_trip(*BOTH)
    task.observed("hotel.confirm", GONE, LOST)
    (halt,) = task.cancelled()
    assert halt.epoch == 2
    sent = task.ended(EndResult.HALTED, {"hotel.confirm": GONE, "flight.confirm": DONE}, epoch=2)
    assert undos(sent) == [("flight.confirm", 1)]


def test_an_entry_observed_lost_before_a_finished_end_is_replaced_without_a_closing(task: Any) -> None:
    task.declared(*BOTH)
    assert task.observed("hotel.confirm", GONE, LOST) == []
    (ask,) = task.ended(EndResult.FINISHED, done=BOTH)
    assert isinstance(ask, ExecutionReopen)
    assert (task.state.status, task.state.closing) == ("reopened", 0)


def test_an_entry_that_the_executor_knows_to_be_lost_is_no_reason_to_reopen(task: Any) -> None:
    task.declared(*BOTH)
    task.observed("hotel.confirm", GONE, LOST)
    (ended,) = task.ended(EndResult.FINISHED, {"hotel.confirm": GONE, "flight.confirm": DONE})
    assert ended.outcome is SagaOutcome.COMPLETED


def test_a_refused_attempt_that_succeeds_after_all_is_undone_although_the_task_completed(task: Any, undos: Any) -> None:
    task.declared(*BOTH)
    task.ended(EndResult.FINISHED, {"hotel.confirm": REFUSED, "flight.confirm": DONE})
    _, undo = task.observed("hotel.confirm", DONE, "success_after_undo")
    assert undos([undo]) == [("hotel.confirm", 1)]
    (ended,) = task.undone("hotel.confirm")
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPLETED, 2)


def test_a_success_seen_before_a_tally_that_says_refused_is_undone(task: Any, undos: Any) -> None:
    task.declared(*BOTH)
    task.observed("hotel.confirm", DONE, "success_after_undo")
    sent = task.ended(EndResult.FINISHED, {"hotel.confirm": REFUSED, "flight.confirm": DONE})
    assert undos(sent) == [("hotel.confirm", 1)]


def test_an_effect_that_comes_back_before_anybody_knew_is_simply_there(task: Any) -> None:
    task.declared(*BOTH)
    task.observed("hotel.confirm", GONE, LOST, seq=5)
    task.observed("hotel.confirm", DONE, "success_after_undo", seq=6)
    assert task.ended(EndResult.FINISHED, done=BOTH)[-1].outcome is SagaOutcome.COMPLETED


def test_an_observation_that_overtakes_its_declaration_is_kept_for_it(task: Any) -> None:
    task.observed("hotel.confirm", GONE, LOST)
    assert "backstop" in task.timers
    task.advance(300)
    assert task.state.status == "open"
    task.declared("hotel.confirm")
    (ended,) = task.ended(EndResult.FAILED, {"hotel.confirm": DONE})
    assert ended.receipt.effects[0].note == LOST


def test_a_refund_that_fails_later_reopens_and_rests(task: Any, undos: Any) -> None:
    compensated(task)
    reopened, rests = task.observed("hotel.confirm", GONE, "refund_failed")
    assert isinstance(reopened, SagaReopened)
    assert (rests.code, rests.receipt.closing) == ("refund_failed", 2)
    assert undos(task.repaired("retry")) == [("hotel.confirm", 2)]
    assert task.undone("hotel.confirm", number=2, seq=2)[-1].closing == 2


def test_residue_that_the_other_side_takes_back_is_residue_no_more(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", REFUSED, code="non_refundable")
    task.repaired("skip", "hotel.confirm")
    task.observed("hotel.confirm", GONE, LOST)
    ended = task.last(SagaEnded)
    assert (ended.closing, ended.kept, ended.receipt.residue) == (2, {}, ())


def test_a_success_after_a_release_is_undone_while_forward_goes_on(task: Any, undos: Any) -> None:
    task.given(AttemptRelease(epoch=1, declarations=(task.declaration("hotel.hold"),)))
    task.undone("hotel.hold")
    assert undos(task.observed("hotel.hold", DONE, "success_after_undo")) == [("hotel.hold", 2)]
    assert task.state.status == "open"


def test_an_effect_that_comes_back_after_the_rollback_passed_it_by_is_undone(task: Any, undos: Any) -> None:
    task.declared(*BOTH)
    task.observed("hotel.confirm", GONE, LOST, seq=5)
    task.ended(EndResult.FAILED, done=BOTH)
    task.undone("flight.confirm")
    assert undos(task.observed("hotel.confirm", DONE, "success_after_undo", seq=6)) == [("hotel.confirm", 1)]
    assert task.undone("hotel.confirm")[-1].closing == 2


def test_of_two_observations_that_overtake_the_declaration_the_newer_one_counts(task: Any) -> None:
    task.observed("hotel.confirm", GONE, LOST, seq=6)
    task.observed("hotel.confirm", DONE, "success_after_undo", seq=5)
    task.declared("hotel.confirm")
    assert task.state.effects[task.key("hotel.confirm")].stage == "undone"


def test_a_commit_while_reopened_leads_back_to_the_replanning(task: Any) -> None:
    task.completed_trip("hotel.confirm", "flight.issue")
    task.observed("hotel.confirm", GONE, LOST)
    task.cancelled()
    assert task.given(ExecutionCommitted(epoch=1)) == []
    assert task.state.status == "halting"
    (answer,) = task.given(ExecutionCommitted(epoch=2))
    assert answer.code == "too_late"
    assert task.state.status == "reopened"
    assert "reopen" in task.timers


def test_a_loss_before_the_first_closing_may_end_in_a_rollback_past_a_pivot(task: Any, undos: Any) -> None:
    task.declared("hotel.confirm", "flight.issue")
    task.observed("hotel.confirm", GONE, LOST)
    task.ended(EndResult.FINISHED, done=["hotel.confirm", "flight.issue"])
    sent = task.ended(EndResult.FAILED, {"hotel.confirm": GONE, "flight.issue": DONE}, epoch=2)
    assert undos(sent) == [("flight.issue", 1)]


WINDOW = Window(start=START + timedelta(days=1), end=START + timedelta(days=2))


def test_a_settled_leg_that_is_moved_is_taken_up_again_with_all_that_stands(task: Any) -> None:
    task.completed_trip()
    reopened, asked = task.observed("flight.confirm", DONE, "moved", window=WINDOW)
    assert reopened == SagaReopened(code="moved", closing=2)
    assert (asked.epoch, asked.windows, asked.lost_legs) == (2, {"flight": WINDOW}, ())
    assert {entry.step_id for entry in asked.alive} == {e.declaration.step_id for e in task.state.effects.values()}
    (ended,) = task.ended(EndResult.FINISHED, done=[e.step_id for e in asked.alive], epoch=2)
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPLETED, 2)


def test_what_is_moved_before_the_end_is_taken_up_when_forward_is_over(task: Any) -> None:
    task.declared(*BOTH)
    assert task.observed("flight.confirm", DONE, "moved", window=WINDOW) == []
    sent = task.ended(EndResult.FINISHED, done=BOTH)
    assert [m.windows for m in sent if isinstance(m, ExecutionReopen)] == [{"flight": WINDOW}]
    assert not any(isinstance(m, SagaEnded) for m in sent)


def test_what_was_undone_is_moved_in_vain(task: Any) -> None:
    compensated(task)
    task.observed("hotel.confirm", DONE, "moved", window=WINDOW)
    assert task.state.moved == {}
