"""Forward is over: the tally decides, in any order of arrival."""

from typing import Any

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionEnded, ExecutionReopen
from tuntas.contracts.saga import SagaEnded, SagaNeedsAttention, SagaOutcome, SagaReopened

TRIP = ("hotel.hold", "flight.hold", "payment.authorize", "hotel.confirm", "flight.confirm", "payment.capture")
DONE, REFUSED, UNKNOWN, PENDING, GONE = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.PENDING, Outcome.UNDONE


def test_a_declaration_opens_the_saga_with_a_backstop_behind_it(task: Any) -> None:
    task.declared("hotel.hold")
    assert task.state.status == "open"
    assert task.timers["backstop"] == task.state.forward_by.replace(second=30)
    assert task.state.waiting_for == "execution"
    assert task.state.at_risk == {"IDR": 100_00}


def test_a_finished_execution_is_completed_with_what_merchants_keep(task: Any) -> None:
    sent = task.completed_trip()
    (ended,) = sent
    assert isinstance(ended, SagaEnded)
    assert (ended.outcome, ended.closing, ended.kept, ended.titles) == (SagaOutcome.COMPLETED, 1, {"IDR": 350_00}, ("Trip",))
    assert not task.timers
    assert task.state.at_risk == {}


def test_refused_and_undone_attempts_do_not_stand_in_the_way_of_completion(task: Any) -> None:
    task.declared("hotel.hold", "flight.hold", "flight.confirm")
    (ended,) = task.ended(EndResult.FINISHED, {"hotel.hold": DONE, "flight.hold": REFUSED, "flight.confirm": GONE})
    assert ended.outcome is SagaOutcome.COMPLETED
    assert [e.state.value for e in ended.receipt.effects] == ["kept", "nothing", "undone"]


def test_finished_with_an_attempt_in_doubt_is_never_completed(task: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    (rests,) = task.ended(EndResult.FINISHED, {"hotel.hold": DONE, "flight.hold": UNKNOWN})
    assert isinstance(rests, SagaNeedsAttention)
    assert rests.code == "in_doubt"


def test_a_doubt_that_an_operator_proves_undone_completes_the_task(task: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    task.ended(EndResult.FINISHED, {"hotel.hold": DONE, "flight.hold": UNKNOWN})
    (ended,) = task.repaired("mark_done", "flight.hold", evidence={"mail": "no such booking"})
    assert ended.outcome is SagaOutcome.COMPLETED


def test_a_failed_end_without_effects_is_compensated_at_once(task: Any) -> None:
    (ended,) = task.ended(EndResult.FAILED, code="approval_expired")
    assert (ended.outcome, ended.code, ended.kept) == (SagaOutcome.COMPENSATED, "approval_expired", {})


def test_done_pending_and_unknown_are_undone_but_not_what_was_refused_or_undone_before(task: Any, undos: Any) -> None:
    steps = {"hotel.hold": DONE, "flight.hold": REFUSED, "payment.authorize": PENDING, "hotel.confirm": UNKNOWN, "flight.confirm": GONE}
    task.declared(*steps)
    task.ended(EndResult.FAILED, steps, code="sold_out")
    task.undo_all()
    assert undos(task.sent) == [("hotel.confirm", 1), ("payment.authorize", 1), ("hotel.hold", 1)]
    assert task.last(SagaEnded).outcome is SagaOutcome.COMPENSATED
    assert task.last(SagaEnded).code == "sold_out"


def test_an_end_that_is_read_before_the_declarations_brings_them_along(task: Any, undos: Any) -> None:
    sent = task.ended(EndResult.FAILED, done=["hotel.hold"])
    assert undos(sent) == [("hotel.hold", 1)]
    assert task.declared("hotel.hold") == []
    assert task.undo_all()[-1].outcome is SagaOutcome.COMPENSATED


def test_a_finished_end_that_is_read_before_the_declarations_waits_for_them(task: Any) -> None:
    assert task.ended(EndResult.FINISHED, done=["hotel.hold", "flight.hold"]) == []
    assert task.declared("flight.hold") == []
    assert task.state.waiting_for == "declarations"
    assert task.timers
    (ended,) = task.declared("hotel.hold")
    assert ended.outcome is SagaOutcome.COMPLETED


def test_declarations_that_never_come_are_shown_and_still_accepted_later(task: Any) -> None:
    task.ended(EndResult.FINISHED, done=["hotel.hold"])
    task.advance(3600)
    assert task.state.status == "needs_attention"
    assert task.last(SagaNeedsAttention).code == "declaration_missing"
    (ended,) = task.declared("hotel.hold")
    assert ended.outcome is SagaOutcome.COMPLETED


def test_a_second_delivery_of_anything_changes_nothing(task: Any) -> None:
    task.completed_trip()
    before = task.state
    assert task.given(ExecutionEnded(revision=1, epoch=1, result=EndResult.FINISHED, code="finished"), repeat=True) == []
    assert task.ended(EndResult.FINISHED, done=TRIP) == []
    assert task.declared(*TRIP) == []
    assert task.state == before


def test_a_declaration_that_no_tally_lists_is_undone_and_the_outcome_said_again(task: Any, undos: Any) -> None:
    task.completed_trip("hotel.hold")
    reopened, undo = task.declared("flight.hold")
    assert isinstance(reopened, SagaReopened)
    assert (reopened.closing, undos([undo])) == (2, [("flight.hold", 1)])
    (ended,) = task.undone("flight.hold")
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPLETED, 2)
    assert [e.note for e in ended.receipt.effects] == ["", "not_in_tally"]


def test_a_late_declaration_after_a_rollback_is_undone_in_a_closing_of_its_own(task: Any) -> None:
    task.ended(EndResult.HALTED, code="cancelled")
    task.declared("hotel.hold")
    (ended,) = task.undone("hotel.hold", nothing=True)
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPENSATED, 2, {})


def test_an_unlisted_declaration_read_before_a_finished_end_is_undone_first(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    sent = task.ended(EndResult.FINISHED, done=["hotel.hold"])
    assert undos(sent) == [("flight.hold", 1)]
    (ended,) = task.undone("flight.hold", nothing=True)
    assert ended.outcome is SagaOutcome.COMPLETED


def test_stuck_rests_undoes_nothing_and_is_told_once(task: Any, undos: Any) -> None:
    task.declared("hotel.confirm", "flight.issue")
    (rests,) = task.ended(EndResult.STUCK, {"hotel.confirm": DONE, "flight.issue": UNKNOWN}, code="no_answer")
    assert isinstance(rests, SagaNeedsAttention)
    assert (rests.code, rests.actions) == ("no_answer", ("retry", "skip", "mark_done", "force"))
    assert rests.receipt.provisional
    assert task.ended(EndResult.STUCK, {"hotel.confirm": DONE, "flight.issue": UNKNOWN}) == []
    task.advance(86_400)
    assert undos(task.sent) == []


def test_a_failed_end_with_a_pivot_in_doubt_is_read_as_stuck(task: Any, undos: Any) -> None:
    task.declared("hotel.confirm", "flight.issue")
    sent = task.ended(EndResult.FAILED, {"hotel.confirm": DONE, "flight.issue": UNKNOWN})
    assert task.state.status == "needs_attention"
    assert undos(sent) == []


def test_retry_after_stuck_reopens_the_execution_with_what_is_alive(task: Any) -> None:
    task.declared("hotel.confirm", "flight.issue", "flight.hold")
    task.ended(EndResult.STUCK, {"hotel.confirm": DONE, "flight.issue": UNKNOWN, "flight.hold": REFUSED})
    (reopen,) = task.repaired("retry")
    assert isinstance(reopen, ExecutionReopen)
    assert (reopen.epoch, [(e.step_id, e.outcome) for e in reopen.alive]) == (2, [("hotel.confirm", DONE), ("flight.issue", UNKNOWN)])
    (ended,) = task.ended(EndResult.FINISHED, {"hotel.confirm": DONE, "flight.issue": DONE, "flight.hold": REFUSED}, epoch=2)
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPLETED, 1)


def test_an_end_of_an_older_epoch_is_ignored(task: Any) -> None:
    task.declared("flight.issue")
    task.ended(EndResult.STUCK, {"flight.issue": UNKNOWN})
    task.repaired("retry")
    assert task.ended(EndResult.FAILED, {"flight.issue": REFUSED}, epoch=1) == []
    assert task.state.status == "reopened"
