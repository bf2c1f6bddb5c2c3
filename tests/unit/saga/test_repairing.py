"""Operators' decisions are answered, and lose cleanly against whoever was quicker."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.contracts.connectors import Outcome, UndoQuoteRequested
from tuntas.contracts.executor import EndResult
from tuntas.contracts.saga import SagaDrill, SagaRepair, SagaRepaired
from tuntas.kit.decision import Context
from tuntas.saga.core import core
from tuntas.testkit.history import START


def resting(task: Any) -> int:
    """Let a booking be one that its provider does not take back; return the version that an operator sees."""
    task.ended(EndResult.FAILED, done=["hotel.confirm"])
    task.undone("hotel.confirm", Outcome.REFUSED, code="non_refundable")
    version: int = task.state.version
    return version


def test_a_version_rises_with_a_change_and_only_then(task: Any) -> None:
    task.declared("hotel.hold")
    first = task.state.version
    task.declared("hotel.hold")
    assert task.state.version == first == 1
    task.cancelled()
    assert task.state.version == first + 1


def test_a_repair_of_the_expected_version_is_applied_and_says_so(task: Any) -> None:
    seen, repair = resting(task), uuid4()
    task.repaired("retry", "hotel.confirm", expected=seen, repair_id=repair)
    (answer,) = task.answers
    assert (answer.applied, answer.code, answer.repair_id) == (True, "applied", repair)
    assert (answer.before, answer.after, task.state.version) == (seen, seen + 1, seen + 1)


def test_a_repair_that_meets_another_version_changes_nothing_and_says_so(task: Any) -> None:
    seen = resting(task)
    task.repaired("retry", "hotel.confirm", expected=seen)
    before = task.state
    assert task.repaired("skip", "hotel.confirm", expected=seen) == []
    assert task.state == before
    answer = task.answers[-1]
    assert (answer.applied, answer.code, answer.before, answer.after) == (False, "moved", seen + 1, seen + 1)


def test_an_automatic_retry_makes_a_repair_lose(task: Any) -> None:
    task.ended(EndResult.FAILED, done=["hotel.hold"])
    seen = task.state.version
    task.fire(f"undo:{task.key('hotel.hold')}")
    task.repaired("skip", "hotel.hold", expected=seen)
    assert [answer.code for answer in task.answers] == ["moved"]


def test_a_repair_without_an_expectation_is_decided_on_what_is_there(task: Any) -> None:
    resting(task)
    task.repaired("skip", "hotel.confirm")
    assert task.answers[-1].applied


@pytest.mark.parametrize("action", ["retry", "force"])
def test_a_repair_that_finds_nothing_to_do_says_so(task: Any, action: str) -> None:
    task.declared("hotel.hold")
    task.repaired(action)
    assert [(a.applied, a.code) for a in task.answers] == [(False, "nothing_to_do")]


def test_a_repair_of_a_task_without_a_saga_says_so_and_leaves_no_row() -> None:
    message = SagaRepair(action="retry", by="sre", reason="looked")
    decision = core().decide(None, message, Context(START, UUID(int=1), "acme", UUID(int=2)))
    (sent,) = decision.out
    assert decision.state is None
    assert isinstance(sent.message, SagaRepaired)  # type: ignore[union-attr]
    assert (sent.message.applied, sent.message.code) == (False, "no_saga")  # type: ignore[union-attr]


def test_a_drill_names_what_would_be_undone_and_changes_nothing(task: Any) -> None:
    task.declared("hotel.hold", "hotel.confirm", "flight.hold")
    before = task.state
    told, *questions = task.given(SagaDrill(drill_id=UUID(int=5)))
    assert [e.step_id for e in told.effects] == ["hotel.confirm", "flight.hold", "hotel.hold"]
    assert [e.worst_fee for e in told.effects if e.step_id == "hotel.confirm"] != [None]
    assert [(type(q), q.step_id) for q in questions] == [(UndoQuoteRequested, e.step_id) for e in told.effects]
    assert (task.state, told.version) == (before, before.version)


def test_a_drill_leaves_out_what_is_undone(task: Any) -> None:
    task.declared("hotel.hold", "flight.hold")
    task.ended(EndResult.FAILED, {"flight.hold": Outcome.REFUSED, "hotel.hold": Outcome.DONE})
    told, *_ = task.given(SagaDrill(drill_id=UUID(int=5)))
    assert [e.step_id for e in told.effects] == ["hotel.hold"]


def test_a_drill_of_a_task_without_a_saga_is_answered_and_leaves_no_row(new_task: Any) -> None:
    task = new_task("nothing")
    (told,) = task.given(SagaDrill(drill_id=UUID(int=5)))
    assert (told.version, told.effects, task.rows) == (0, (), {})
