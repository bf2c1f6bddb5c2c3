"""Some legs of a completed task are given up: they are undone, what they cost is given back, and the others stay."""

from typing import Any
from uuid import UUID

import pytest
from tests.unit.saga.conftest import TRIP, Task, rupiah, undos

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Outcome, StepUndo
from tuntas.contracts.executor import EndResult
from tuntas.contracts.plan import StepKind, UndoTerms
from tuntas.contracts.saga import EffectState, SagaEnded, SagaNeedsAttention, SagaOutcome, SagaReopened, SagaUndo, SagaUndoAnswered

FLIGHT: dict[str, Any] = {"fee": rupiah(30_00), "refund": rupiah(220_00)}


@pytest.fixture
def done(task: Task) -> Task:
    task.completed_trip()
    return task


def give_up(task: Task, *legs: str, **fields: Any) -> list[Message]:
    return task.given(SagaUndo(undo_id=UUID(int=1), legs=legs or ("flight",), by="ana", **fields))


def code(sent: list[Message]) -> str:
    return next(m.code for m in sent if isinstance(m, SagaUndoAnswered))


def states(ended: SagaEnded) -> dict[str, EffectState]:
    return {e.step_id: e.state for e in ended.receipt.effects}


def parts(sent: list[Message]) -> list[tuple[str, int]]:
    return [(m.step_id, m.part.amount_minor) for m in sent if isinstance(m, StepUndo) and m.part]


def given_up(task: Task) -> list[Message]:
    """Give the flight up for a fee; return what is sent once it is undone."""
    give_up(task)
    task.undone("flight.confirm", **FLIGHT)
    return task.undone("flight.hold", nothing=True)


def test_its_effects_are_undone_in_order_then_its_price_less_the_fee_is_given_back(done: Task) -> None:
    sent = give_up(done)
    assert (code(sent), undos(sent)) == ("undoing", [("flight.confirm", 1)])
    assert [m.closing for m in sent if isinstance(m, SagaReopened)] == [2]
    sent = done.undone("flight.confirm", **FLIGHT)
    assert undos(sent) == [("flight.hold", 1)]
    assert parts(done.undone("flight.hold", nothing=True)) == [("payment.capture", 220_00)]


def test_the_receipt_names_what_is_kept_and_what_it_costs(done: Task) -> None:
    given_up(done)
    (ended,) = done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00), reference="refund-1")
    assert isinstance(ended, SagaEnded)
    assert (ended.outcome, ended.closing, ended.code) == (SagaOutcome.COMPLETED, 2, "given_up")
    assert (states(ended)["hotel.confirm"], states(ended)["flight.confirm"]) == (EffectState.KEPT, EffectState.UNDONE)
    payment = next(e for e in ended.receipt.effects if e.step_id == "payment.capture")
    assert (payment.state, payment.refund, payment.reference) == (EffectState.KEPT, rupiah(220_00), "R-payment.capture")
    assert ended.kept == {"IDR": 130_00}
    assert sum(p.amount_minor for p in ended.receipt.postings) == 0


def test_the_fee_that_may_be_paid_is_the_persons_word(done: Task) -> None:
    sent = give_up(done, fee_limit={"IDR": 40_00})
    assert [m.fee_limit for m in sent if isinstance(m, StepUndo)] == [{"IDR": 40_00}]


@pytest.mark.parametrize(("said", "limit"), [(None, {"IDR": 20_00}), ({}, {})])
def test_without_a_word_the_declared_limit_holds_and_a_free_undo_may_cost_nothing(
    done: Task, said: dict[str, int] | None, limit: dict[str, int]
) -> None:
    sent = give_up(done, fee_limit=said)
    assert [m.fee_limit for m in sent if isinstance(m, StepUndo)] == [limit]


def test_a_part_of_which_the_payment_provider_keeps_something_is_not_asked_for_again(done: Task) -> None:
    given_up(done)
    (ended,) = done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(219_00))
    assert isinstance(ended, SagaEnded)


def test_giving_up_all_that_is_left_undoes_everything(done: Task) -> None:
    assert undos(give_up(done, "flight", "hotel")) == [("payment.capture", 1)]
    done.undo_all()
    ended = done.last(SagaEnded)
    assert (ended.outcome, ended.closing) == (SagaOutcome.COMPENSATED, 2)


def test_a_second_leg_given_up_later_undoes_the_rest(done: Task) -> None:
    given_up(done)
    done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))
    assert undos(give_up(done, "hotel")) == [("payment.capture", 2)]
    done.undo_all()
    ended = done.last(SagaEnded)
    assert (ended.outcome, ended.closing, ended.kept) == (SagaOutcome.COMPENSATED, 3, {"IDR": 30_00})


@pytest.mark.parametrize(
    ("legs", "fields", "expected"),
    [
        (("train",), {}, "unknown_leg"),
        (("payment",), {}, "unknown_leg"),
        (("flight",), {"expected": 1}, "moved"),
    ],
)
def test_what_can_not_be_given_up_is_refused_and_nothing_changes(
    done: Task, legs: tuple[str, ...], fields: dict[str, int], expected: str
) -> None:
    before = done.state
    sent = give_up(done, *legs, **fields)
    assert [(m.accepted, m.code) for m in sent if isinstance(m, SagaUndoAnswered)] == [(False, expected)]
    assert (len(sent), done.state) == (1, before)


def test_a_task_under_way_or_unknown_is_not_completed(task: Task) -> None:
    assert code(give_up(task)) == "not_completed"
    task.declared(*TRIP)
    assert code(give_up(task)) == "not_completed"
    task.ended(EndResult.HALTED, done=TRIP)
    assert code(give_up(task)) == "not_completed"


def test_what_is_irreversible_stays(task: Task) -> None:
    task.declared(*TRIP[:4], *TRIP[5:])
    task.declared("flight.confirm", kind=StepKind.PIVOT)
    task.ended(EndResult.FINISHED, done=TRIP)
    assert code(give_up(task)) == "irreversible"
    assert code(give_up(task, "hotel")) == "undoing"


def test_a_payment_that_can_only_be_given_back_whole_keeps_its_legs_together(task: Task) -> None:
    task.declared(*TRIP[:5])
    task.declared("payment.capture", undo=UndoTerms())
    task.ended(EndResult.FINISHED, done=TRIP)
    assert code(give_up(task)) == "no_partial_refund"
    assert code(give_up(task, "hotel", "flight")) == "undoing"


def test_a_refusal_waits_for_a_person_and_skipping_it_keeps_the_leg(done: Task) -> None:
    give_up(done)
    sent = done.undone("flight.confirm", Outcome.REFUSED, code="not_refundable")
    assert isinstance(sent[-1], StepUndo)
    sent = done.undone("flight.hold", Outcome.PENDING, code="consumed", seq=1)
    assert done.state.status == "needs_attention"
    done.repaired("skip", "flight.confirm")
    done.repaired("skip", "flight.hold")
    ended = done.last(SagaEnded)
    assert (ended.outcome, states(ended)["flight.confirm"], ended.kept) == (SagaOutcome.COMPLETED, EffectState.RESIDUE, {"IDR": 350_00})


def test_a_part_that_is_refused_can_be_asked_for_again_done_by_hand_or_let_go(new_task: Any) -> None:
    for action, facts, kept in (("retry", {}, None), ("mark_done", {"evidence": {"slip": "7"}}, 130_00), ("skip", {}, 350_00)):
        task = new_task(f"part-{action}")
        task.completed_trip()
        given_up(task)
        (rests,) = task.undone("payment.capture", Outcome.REFUSED, code="amount")
        assert isinstance(rests, SagaNeedsAttention)
        sent = task.repaired(action, "payment.capture", **facts)
        if kept is None:
            assert parts(sent) == [("payment.capture", 220_00)]
            assert undos(sent) == [("payment.capture", 2)]
        else:
            assert task.last(SagaEnded).kept == {"IDR": kept}
            assert task.state.status == "completed"


def test_a_lost_answer_is_asked_for_again_with_the_same_number(done: Task) -> None:
    given_up(done)
    sent = done.fire(f"undo:{done.key('payment.capture')}")
    assert (undos(sent), parts(sent)) == ([("payment.capture", 1)], [("payment.capture", 220_00)])


def test_an_answer_twice_gives_back_once(done: Task) -> None:
    given_up(done)
    done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))
    assert done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00), seq=2) == []
    assert done.state.effects[done.key("payment.capture")].returned == rupiah(220_00)


def test_what_is_lost_after_a_part_was_given_up_undoes_the_rest(done: Task) -> None:
    given_up(done)
    done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))
    sent = done.observed("hotel.confirm", Outcome.UNDONE, "cancelled_by_provider", refund=rupiah(100_00))
    assert undos(sent) == [("payment.capture", 2)]
    done.undo_all()
    assert (done.last(SagaEnded).outcome, done.last(SagaEnded).closing) == (SagaOutcome.COMPENSATED, 3)


def test_what_is_lost_while_a_part_is_given_back_undoes_the_rest_once_that_is_known(done: Task) -> None:
    given_up(done)
    assert undos(done.observed("hotel.confirm", Outcome.UNDONE, "cancelled_by_provider", refund=rupiah(100_00))) == []
    assert undos(done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))) == [("payment.capture", 2)]


def test_a_part_that_comes_back_as_a_whole_undoes_the_rest(done: Task) -> None:
    given_up(done)
    assert undos(done.undone("payment.capture", refund=rupiah(350_00))) == [("hotel.confirm", 1)]


def test_a_refund_of_a_part_that_fails_later_waits_for_a_person(done: Task) -> None:
    given_up(done)
    done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))
    sent = done.observed("payment.capture", Outcome.DONE, "refund_failed")
    assert [type(m) for m in sent] == [SagaReopened, SagaNeedsAttention]
    assert parts(done.repaired("retry", "payment.capture")) == [("payment.capture", 220_00)]


def test_a_moved_leg_is_not_planned_anew_after_a_part_was_given_up(done: Task) -> None:
    given_up(done)
    done.undone("payment.capture", part=rupiah(220_00), refund=rupiah(220_00))
    start = done.now
    sent = done.observed("hotel.confirm", Outcome.DONE, "moved", window={"start": start, "end": start})
    assert [type(m) for m in sent] == [SagaReopened, SagaEnded]
