"""Cancel, halt, backstop: a halt is a question, and rollback begins with its answer."""

from typing import Any

import pytest

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionCommitted, ExecutionHalt
from tuntas.contracts.saga import CancelAnswered, SagaEnded, SagaNeedsAttention, SagaOutcome

DONE, UNKNOWN = Outcome.DONE, Outcome.UNKNOWN
PIVOT = ("hotel.confirm", "flight.issue")


def test_a_cancel_asks_the_executor_and_undoes_nothing_before_its_answer(task: Any, undos: Any) -> None:
    task.declared("hotel.hold")
    (halt,) = task.cancelled()
    assert halt == ExecutionHalt(epoch=1)
    assert (task.state.status, task.state.waiting_for) == ("halting", "halt")
    task.advance(60)
    assert undos(task.sent) == []
    assert sum(isinstance(m, ExecutionHalt) for m in task.sent) == 7


def test_the_answer_to_a_halt_begins_the_rollback_and_accepts_the_cancel(task: Any, undos: Any) -> None:
    task.declared("hotel.hold")
    task.cancelled()
    answer, undo = task.ended(EndResult.HALTED, done=["hotel.hold"], code="cancelled")
    assert (answer.accepted, undos([undo])) == (True, [("hotel.hold", 1)])
    assert "halt" not in task.timers
    assert task.undone("hotel.hold")[-1].outcome is SagaOutcome.COMPENSATED


def test_a_cancel_of_an_unknown_task_is_asked_about_and_ends_compensated(task: Any) -> None:
    assert task.cancelled() == [ExecutionHalt(epoch=1)]
    answer, ended = task.ended(EndResult.HALTED, code="cancelled")
    assert isinstance(answer, CancelAnswered)
    assert answer.accepted
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPENSATED, 1)


def test_a_cancel_recorded_before_a_finished_end_rolls_back_if_no_pivot_is_done(task: Any) -> None:
    task.declared("hotel.hold")
    task.cancelled()
    task.ended(EndResult.FINISHED, done=["hotel.hold"])
    assert task.last(CancelAnswered).accepted
    assert task.undone("hotel.hold")[-1].outcome is SagaOutcome.COMPENSATED


def test_a_cancel_recorded_before_a_finished_end_is_too_late_if_a_pivot_is_done(task: Any) -> None:
    task.declared(*PIVOT)
    task.cancelled()
    answer, ended = task.ended(EndResult.FINISHED, done=PIVOT)
    assert (answer.accepted, answer.code) == (False, "too_late")
    assert answer.undo_price == {"IDR": 260_00}
    assert ended.outcome is SagaOutcome.COMPLETED


def test_committed_sends_the_saga_back_to_open_with_the_price_of_undoing(task: Any) -> None:
    task.declared(*PIVOT)
    task.cancelled()
    (answer,) = task.given(ExecutionCommitted(epoch=1))
    assert (answer.accepted, answer.code, answer.undo_price) == (False, "too_late", {"IDR": 260_00})
    assert task.state.status == "open"
    assert "backstop" in task.timers
    assert task.ended(EndResult.FINISHED, done=PIVOT)[-1].outcome is SagaOutcome.COMPLETED


@pytest.mark.parametrize("epoch", [0, 1])
def test_committed_without_a_question_is_ignored(task: Any, epoch: int) -> None:
    task.declared("flight.issue")
    assert task.given(ExecutionCommitted(epoch=epoch)) == []
    assert task.state.status == "open"


def test_a_stuck_answer_rests_and_keeps_the_cancel_until_the_pivot_is_known(task: Any) -> None:
    task.declared(*PIVOT)
    task.cancelled()
    sent = task.ended(EndResult.STUCK, {"hotel.confirm": DONE, "flight.issue": UNKNOWN})
    assert not any(isinstance(m, CancelAnswered) for m in sent)
    task.repaired("retry")
    sent = task.ended(EndResult.FINISHED, done=PIVOT, epoch=2)
    assert task.last(CancelAnswered).code == "too_late"
    assert task.last(SagaEnded).outcome is SagaOutcome.COMPLETED


def test_a_cancel_while_stuck_past_the_pivot_is_too_late(task: Any) -> None:
    task.declared(*PIVOT)
    task.ended(EndResult.STUCK, done=PIVOT)
    (answer,) = task.cancelled()
    assert (answer.accepted, answer.code) == (False, "too_late")


def test_a_cancel_of_a_completed_task_is_too_late(task: Any) -> None:
    task.completed_trip("hotel.hold", "hotel.confirm")
    (answer,) = task.cancelled()
    assert (answer.accepted, answer.code, answer.undo_price) == (False, "too_late", {"IDR": 10_00})


def test_a_cancel_of_a_compensated_task_is_answered_as_such(task: Any) -> None:
    task.ended(EndResult.FAILED)
    (answer,) = task.cancelled()
    assert (answer.accepted, answer.code) == (False, "already_compensated")


def test_a_cancel_during_a_rollback_is_accepted(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.hold"])
    (answer,) = task.cancelled()
    assert answer.accepted


def test_the_price_of_undoing_is_all_of_it_once_the_terms_have_run_out(task: Any, new_task: Any) -> None:
    terms = {"fee": {"amount_minor": 1_00, "currency": "IDR"}, "until": "2026-12-01T09:00:01Z"}
    task.declared("hotel.confirm", undo=terms)
    task.ended(EndResult.FINISHED, done=["hotel.confirm"])
    assert task.cancelled()[0].undo_price == {"IDR": 1_00}
    task.advance(5)
    assert task.cancelled()[0].undo_price == {"IDR": 100_00}


def test_the_backstop_asks_when_forward_should_be_over_and_a_finished_answer_completes(task: Any) -> None:
    task.declared("hotel.hold")
    assert task.advance(635) == [ExecutionHalt(epoch=1)]
    (ended,) = task.ended(EndResult.FINISHED, done=["hotel.hold"])
    assert ended.outcome is SagaOutcome.COMPLETED


def test_the_backstop_follows_a_later_forward_by(task: Any) -> None:
    task.declared("hotel.hold")
    task.declared("flight.hold", forward_by="2026-12-01T10:00:00Z")
    assert task.advance(1200) == []


def test_force_undoes_what_is_known_when_the_executor_never_answers(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    task.cancelled()
    sent = task.repaired("force")
    assert undos(sent) == [("flight.hold", 1), ("hotel.hold", 1)]
    assert task.last(CancelAnswered).accepted
    assert undos(task.declared("payment.authorize")) == [("payment.authorize", 1)]
    task.undo_all()
    ended = task.last(SagaEnded)
    assert (ended.outcome, ended.code) == (SagaOutcome.COMPENSATED, "forced")


def test_an_operator_may_force_a_rollback_past_a_pivot(task: Any, undos: Any) -> None:
    task.declared(*PIVOT)
    task.ended(EndResult.STUCK, done=PIVOT)
    assert set(undos(task.repaired("force"))) == {("hotel.confirm", 1), ("flight.issue", 1)}
    task.undone("flight.issue", Outcome.REFUSED, code="non_refundable")
    task.undone("hotel.confirm")
    assert task.last(SagaNeedsAttention).code == "non_refundable"


def test_a_pivot_that_is_proved_undone_lets_the_rest_go_back(task: Any, undos: Any) -> None:
    task.declared(*PIVOT)
    task.ended(EndResult.STUCK, {"hotel.confirm": DONE, "flight.issue": UNKNOWN})
    assert undos(task.repaired("mark_done", "flight.issue", evidence={"airline": "no ticket"})) == [("hotel.confirm", 1)]
    assert task.undone("hotel.confirm")[-1].outcome is SagaOutcome.COMPENSATED


def test_another_tenant_cannot_cancel(task: Any) -> None:
    task.declared("hotel.hold")
    before = task.state
    task.tenant, owner = "other", task.tenant
    assert task.cancelled() == []
    task.tenant = owner
    assert (task.refused, task.state) == (["foreign_tenant"], before)


def test_a_second_cancel_does_not_ask_twice_and_gets_one_answer(task: Any) -> None:
    task.declared("hotel.hold")
    task.cancelled()
    assert task.cancelled() == []
    sent = task.ended(EndResult.HALTED, done=["hotel.hold"])
    assert sum(isinstance(m, CancelAnswered) for m in sent) == 1


def test_a_halt_names_the_epoch_of_what_is_declared(task: Any) -> None:
    task.declared("hotel.hold", epoch=3)
    assert task.cancelled() == [ExecutionHalt(epoch=3)]


def test_a_stuck_answer_past_the_pivot_is_too_late_for_the_cancel(task: Any) -> None:
    task.declared(*PIVOT)
    task.cancelled()
    task.ended(EndResult.STUCK, done=PIVOT)
    assert task.last(CancelAnswered).code == "too_late"


def test_a_cancel_while_declarations_are_missing_decides_what_follows_them(task: Any, undos: Any) -> None:
    task.ended(EndResult.FINISHED, done=["hotel.hold"])
    assert task.cancelled() == []
    answer, undo = task.declared("hotel.hold")
    assert (answer.accepted, undos([undo])) == (True, [("hotel.hold", 1)])


def test_force_needs_no_declaration_that_is_missing_and_undoes_it_when_it_comes(task: Any, undos: Any) -> None:
    task.cancelled()
    task.ended(EndResult.FINISHED, done=["hotel.hold"])
    assert task.state.status == "halting"
    task.repaired("force")
    assert task.state.status == "compensated"
    assert undos(task.declared("hotel.hold")) == [("hotel.hold", 1)]


def test_a_tally_after_force_changes_nothing_and_declarations_still_do(task: Any, undos: Any) -> None:
    task.declared("hotel.hold")
    task.cancelled()
    task.repaired("force")
    before = task.state
    assert task.ended(EndResult.HALTED, done=["hotel.hold", "flight.hold"]) == []
    assert task.state == before
    assert undos(task.declared("flight.hold")) == [("flight.hold", 1)]


@pytest.mark.parametrize("purpose", ["backstop", "halt", "reopen", "undo:hotel.hold"])
def test_a_timer_that_fires_after_its_state_was_left_changes_nothing(task: Any, purpose: str) -> None:
    task.completed_trip("hotel.hold")
    before = task.state
    task.timers[purpose.replace("hotel.hold", str(task.key("hotel.hold")))] = task.now
    assert task.advance(0) == []
    assert task.state == before
