"""Releasing a replaced attempt while forward goes on."""

from typing import Any

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import AttemptReleased, EndResult, ExecutionCommitted
from tuntas.contracts.money import Money
from tuntas.contracts.saga import AttemptRelease, SagaOutcome


def released(task: Any, *steps: str, epoch: int = 1) -> list[Any]:
    sent: list[Any] = task.given(AttemptRelease(epoch=epoch, declarations=tuple(map(task.declaration, steps))))
    return sent


def test_a_release_undoes_these_attempts_only_and_is_answered(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    assert undos(released(task, "hotel.hold")) == [("hotel.hold", 1)]
    assert task.undone("hotel.hold") == [AttemptReleased(keys=(task.key("hotel.hold"),))]
    assert task.state.status == "open"
    assert task.topics[-1] == "tuntas.executor.replies.v1"


def test_a_release_that_is_read_before_its_declarations_brings_them_along(task: Any, undos: Any) -> None:
    assert undos(released(task, "hotel.hold")) == [("hotel.hold", 1)]
    assert task.state.status == "open"
    assert task.declared("hotel.hold") == []


def test_released_attempts_of_one_leg_are_undone_in_reverse_order(task: Any, undos: Any) -> None:
    assert undos(released(task, "hotel.hold", "hotel.confirm")) == [("hotel.confirm", 1)]
    assert undos(task.undone("hotel.confirm")) == [("hotel.hold", 1)]
    assert isinstance(task.undone("hotel.hold", nothing=True)[0], AttemptReleased)


def test_a_release_that_sticks_is_answered_as_stuck_and_rests_after_the_end(task: Any) -> None:
    task.declared("hotel.confirm", "flight.hold")
    released(task, "hotel.confirm")
    (answer,) = task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    assert answer.stuck
    task.ended(EndResult.FAILED, {"hotel.confirm": Outcome.UNKNOWN, "flight.hold": Outcome.DONE})
    task.undone("flight.hold")
    assert task.state.status == "needs_attention"


def test_a_released_attempt_is_undone_in_the_receipt_of_a_completed_task(task: Any) -> None:
    task.declared("hotel.confirm", "flight.confirm")
    released(task, "hotel.confirm")
    task.undone("hotel.confirm", fee=Money(amount_minor=3_00, currency="IDR"))
    (ended,) = task.ended(EndResult.FINISHED, {"hotel.confirm": Outcome.UNDONE, "flight.confirm": Outcome.DONE})
    assert ended.outcome is SagaOutcome.COMPLETED
    assert ended.kept == {"IDR": 253_00}


def test_a_release_of_what_is_undone_already_is_answered_at_once(task: Any) -> None:
    released(task, "hotel.hold")
    task.undone("hotel.hold")
    assert released(task, "hotel.hold") == [AttemptReleased(keys=(task.key("hotel.hold"),))]


def test_nothing_is_released_while_a_halt_is_asked_but_all_of_it_after_a_commit(task: Any, undos: Any) -> None:
    task.declared("hotel.hold", "flight.issue")
    task.cancelled()
    assert released(task, "hotel.hold") == []
    sent = task.given(ExecutionCommitted(epoch=1))
    assert undos(sent) == [("hotel.hold", 1)]


def test_a_release_under_way_is_not_repeated_while_a_halt_is_asked(task: Any, undos: Any) -> None:
    released(task, "hotel.hold")
    task.cancelled()
    assert undos(task.advance(30)) == []
    assert f"undo:{task.key('hotel.hold')}" in task.timers
    sent = task.ended(EndResult.HALTED, {"hotel.hold": Outcome.UNKNOWN})
    assert undos([*sent, *task.advance(30)])[0] == ("hotel.hold", 1)
    assert task.undone("hotel.hold")[-1].outcome is SagaOutcome.COMPENSATED


def test_a_release_after_the_end_changes_nothing(task: Any) -> None:
    task.completed_trip("hotel.hold")
    before = task.state
    assert released(task, "hotel.hold") == []
    assert task.state == before


def test_a_release_of_an_older_epoch_undoes_nothing(task: Any) -> None:
    task.declared("flight.issue")
    task.ended(EndResult.STUCK, {"flight.issue": Outcome.UNKNOWN})
    task.repaired("retry")
    assert released(task, "flight.issue", epoch=1) == []
