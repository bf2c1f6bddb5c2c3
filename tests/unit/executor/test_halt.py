"""A halt is a question; a settled task can be taken up again."""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.executor.conftest import FORWARD_BY, Trip, hotel, kinds, outcomes, started

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import EndResult, ExecutionCommitted, ExecutionReopen, TallyEntry
from tuntas.contracts.plan import Goal, Meeting, Window
from tuntas.contracts.planner import PlanAmend
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.trust import PlanDenied
from tuntas.testkit.history import START


def _alive(trip: Trip, *steps: str) -> tuple[TallyEntry, ...]:
    return tuple(entry for entry in trip.ended.tally if entry.step_id in steps)


def test_a_halt_before_the_irreversible_step_is_answered_with_the_tally(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold")
    assert kinds(trip.halt()) == ["execution.ended"]
    assert (trip.ended.result, trip.ended.code) == (EndResult.HALTED, "cancelled")
    assert outcomes(trip.ended) == {"hotel.hold#1": "done", "flight.hold#1": "unknown"}
    assert (trip.timers, trip.state.status) == ({}, "ended")


def test_a_halt_again_is_answered_with_the_same_tally(trip: Trip) -> None:
    trip.approve()
    trip.halt()
    first = trip.ended
    trip.done("hotel.hold")
    assert trip.halt() == [first]


def test_a_halt_for_a_task_that_never_came_leaves_a_tombstone(trip: Trip) -> None:
    assert kinds(trip.halt()) == ["execution.ended"]
    assert (trip.ended.result, trip.ended.tally) == (EndResult.HALTED, ())
    assert trip.approve() == []
    assert trip.halt() == [trip.ended]


def test_a_halt_while_the_irreversible_step_is_open_waits_and_declares_nothing(trip: Trip) -> None:
    trip.until_pivot()
    assert trip.halt() == []
    assert trip.state.status == "deciding"
    assert started(trip.fire("reply_by:flight.issue:1")) == ["flight.issue#1/2"]


def test_and_comes_too_late_if_it_succeeds(trip: Trip) -> None:
    trip.until_pivot().halt()
    sent = trip.done("flight.issue")
    assert kinds(sent) == ["execution.committed", "step.started"]
    assert trip.last(ExecutionCommitted).epoch == 1
    trip.done("pay.capture")
    assert trip.ended.result is EndResult.FINISHED


def test_and_is_granted_if_it_is_refused(trip: Trip) -> None:
    trip.until_pivot().halt()
    trip.refuse("flight.issue", "hold_expired")
    assert (trip.ended.result, trip.ended.code) == (EndResult.HALTED, "cancelled")


def test_and_is_left_to_a_person_if_it_stays_unknown(trip: Trip) -> None:
    trip.until_pivot().halt()
    for _ in range(8):
        trip.fire("reply_by:flight.issue:1")
    assert trip.ended.result is EndResult.STUCK


def test_a_halt_after_the_irreversible_step_comes_too_late(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    assert kinds(trip.halt()) == ["execution.committed"]
    assert trip.state.status == "running"


def test_a_cancel_while_money_is_taken_is_granted_if_all_of_it_can_be_undone(soft: Trip) -> None:
    soft.until_pivot().done("flight.issue")
    soft.halt()
    assert soft.ended.result is EndResult.HALTED
    assert outcomes(soft.ended)["pay.capture#1"] == "unknown"


def test_a_halt_after_time_ran_out_decides_how_the_open_step_is_read(trip: Trip) -> None:
    trip.until_pivot().fire("forward_by")
    trip.halt()
    trip.refuse("flight.issue", "expired")
    assert trip.ended.result is EndResult.HALTED


def test_a_halt_of_an_earlier_epoch_is_ignored(trip: Trip) -> None:
    trip.approve(epoch=2)
    assert trip.halt(epoch=1) == []
    assert trip.state.status == "running"


def test_a_halt_of_a_later_epoch_is_answered_in_that_epoch(trip: Trip) -> None:
    trip.finish()
    trip.halt(epoch=2)
    assert (trip.ended.epoch, trip.ended.result) == (2, EndResult.FINISHED)


def _lost_after_the_end(trip: Trip) -> None:
    trip.finish()
    steps = ("flight.hold", "flight.issue", "pay.authorize", "pay.capture", "hotel.hold")
    trip.given(ExecutionReopen(epoch=2, alive=_alive(trip, *steps), lost_legs=("hotel",), code="cancelled_by_provider"))


def test_an_effect_lost_after_the_end_is_planned_again_in_a_new_epoch(trip: Trip) -> None:
    _lost_after_the_end(trip)
    assert trip.last(PlanAmend) == PlanAmend(revision=1, epoch=2, failed_legs=("hotel",), tried=("h1",), code="cancelled_by_provider")
    trip.approve(trip.plan(hotels=(hotel("h9", 800),), revision=2), epoch=2, forward_by=FORWARD_BY + timedelta(days=1))
    assert {d.step_id for d in trip.last(AttemptRelease).declarations} == {"hotel.hold", "pay.authorize", "pay.capture"}
    assert started(trip.released()) == ["hotel.hold#2/1"]
    for step in ("hotel.hold", "pay.authorize", "hotel.confirm", "pay.capture"):
        trip.done(step)
    assert (trip.ended.result, trip.ended.epoch) == (EndResult.FINISHED, 2)
    assert outcomes(trip.ended)["hotel.confirm#1"] == "undone"
    assert outcomes(trip.ended)["hotel.confirm#2"] == "done"


def test_a_replacement_that_is_lost_too_has_its_alternatives(trip: Trip) -> None:
    _lost_after_the_end(trip)
    offers = (hotel("h9"), hotel("h10", provider="villa"))
    trip.approve(trip.plan(hotels=offers, revision=2), epoch=2, forward_by=FORWARD_BY + timedelta(days=1))
    trip.released()
    assert started(trip.refuse("hotel.hold", "sold_out")) == ["hotel.hold#3/1"]
    assert trip.attempt("hotel.hold").offer_id == "h10"


def test_a_revision_that_was_asked_for_and_denied_is_not_asked_for_again(trip: Trip) -> None:
    _lost_after_the_end(trip)
    trip.given(PlanDenied(revision=2, code="over_budget"))
    trip.given(ExecutionReopen(epoch=3, alive=_alive(trip, "flight.issue"), lost_legs=("hotel",), code="retry"))
    asked = trip.last(PlanAmend)
    assert (asked.revision, asked.base) == (2, 1)
    assert trip.approve(trip.plan(revision=2), epoch=2) == []
    assert trip.approve(trip.plan(hotels=(hotel("h9"),), revision=3), forward_by=FORWARD_BY + timedelta(days=1))


@pytest.mark.parametrize("keeps", [True, False])
def test_a_revision_never_releases_what_is_irreversible(trip: Trip, keeps: bool) -> None:
    _lost_after_the_end(trip)
    plan = trip.plan(hotels=(hotel("h9"),), revision=2)
    other = plan.legs[1].offers[0].model_copy(update={"offer_id": "f9"})
    legs = (plan.legs[0], plan.legs[1].model_copy(update={"offers": (other,)}), plan.legs[2])
    free = plan.steps[5].model_copy(update={"needs": (), "sums": ()})
    steps = plan.steps if keeps else (*plan.steps[:4], free)
    changed = plan.model_copy(update={"legs": legs, "steps": steps})
    trip.approve(changed, epoch=2, forward_by=FORWARD_BY + timedelta(days=1))
    released = {d.step_id for d in trip.last(AttemptRelease).declarations}
    assert "flight.issue" not in released
    assert not keeps or released == {"hotel.hold", "pay.authorize", "pay.capture"}


@pytest.mark.parametrize("late", ["amend", "denied"])
def test_a_lost_effect_that_cannot_be_replaced_after_the_irreversible_step_is_stuck(trip: Trip, late: str) -> None:
    _lost_after_the_end(trip)
    if late == "amend":
        trip.fire("amend")
    else:
        trip.given(PlanDenied(revision=2, code="over_budget"))
    assert (trip.ended.result, trip.ended.epoch) == (EndResult.STUCK, 2)


def test_a_halt_while_a_lost_effect_is_planned_again_comes_too_late_and_leaves_it_to_a_person(trip: Trip) -> None:
    _lost_after_the_end(trip)
    assert kinds(trip.halt(epoch=2)) == ["execution.committed", "execution.ended"]
    assert trip.ended.result is EndResult.STUCK


def test_without_anything_irreversible_it_fails_and_is_undone(soft: Trip) -> None:
    _lost_after_the_end(soft)
    soft.given(PlanDenied(revision=2, code="over_budget"))
    assert (soft.ended.result, soft.ended.code) == (EndResult.FAILED, "over_budget")


def test_an_operators_retry_attempts_anew_what_was_refused(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    trip.refuse("pay.capture", "declined")
    trip.now = FORWARD_BY + timedelta(hours=1)
    alive = tuple(e for e in trip.ended.tally if e.outcome is Outcome.DONE)
    sent = trip.given(ExecutionReopen(epoch=2, alive=alive, code="retry"))
    assert started(sent) == ["pay.capture#2/1"]
    assert trip.timers["forward_by"] == trip.now + timedelta(minutes=10)
    trip.done("pay.capture")
    assert (trip.ended.result, trip.ended.epoch) == (EndResult.FINISHED, 2)


def test_an_operators_retry_asks_about_what_is_in_doubt_with_the_same_key(trip: Trip) -> None:
    trip.until_pivot()
    for _ in range(8):
        trip.fire("reply_by:flight.issue:1")
    alive = _alive(trip, "hotel.hold", "hotel.confirm", "flight.hold", "pay.authorize")
    sent = trip.given(ExecutionReopen(epoch=2, alive=alive, code="retry"))
    assert started(sent) == ["flight.issue#1/9"]
    assert "reply_by:flight.issue:1" in trip.timers


def _lost_in_doubt(trip: Trip) -> None:
    alive = _alive(trip, "hotel.hold", "flight.hold", "pay.authorize", "flight.issue")
    trip.given(ExecutionReopen(epoch=2, alive=alive, lost_legs=("hotel",), code="cancelled_by_provider"))


def test_a_failure_while_the_irreversible_step_is_in_doubt_is_left_to_a_person(trip: Trip) -> None:
    trip.until_pivot()
    for _ in range(8):
        trip.fire("reply_by:flight.issue:1")
    _lost_in_doubt(trip)
    trip.fire("amend")
    assert trip.ended.result is EndResult.STUCK


def test_a_halt_while_a_retry_asks_about_the_irreversible_step_waits_for_it(trip: Trip) -> None:
    trip.until_pivot()
    for _ in range(8):
        trip.fire("reply_by:flight.issue:1")
    _lost_in_doubt(trip)
    trip.halt(epoch=2)
    assert trip.fire("amend") == []
    assert trip.state.status == "deciding"
    assert kinds(trip.done("flight.issue")) == ["execution.committed"]
    assert trip.state.status == "amending"
    assert "amend" in trip.timers


def test_a_retry_looks_at_holds_that_lapsed_meanwhile(soft: Trip) -> None:
    soft.approve()
    soft.held("hotel.hold", 600)
    soft.done("flight.hold")
    soft.halt()
    soft.given(ExecutionReopen(epoch=2, alive=_alive(soft, "hotel.hold", "flight.hold"), code="retry"))
    assert "clock:hotel.hold:1" in soft.timers


def test_a_tombstone_cannot_be_taken_up_again(trip: Trip) -> None:
    trip.halt()
    trip.given(ExecutionReopen(epoch=2, code="retry"))
    assert (trip.ended.result, trip.ended.epoch) == (EndResult.FAILED, 2)


def test_a_reopen_of_an_epoch_that_was_is_ignored(trip: Trip) -> None:
    trip.finish()
    assert trip.given(ExecutionReopen(epoch=1, code="retry")) == []
    assert trip.given(ExecutionReopen(epoch=2, alive=trip.ended.tally, code="retry"))[0].wire_type == "tuntas.execution.ended.v1"


def _met(trip: Trip, *hotels: Any) -> Any:
    """Return a plan whose hotel is timed by the flight."""
    goals = (
        Goal(goal_id="hotel", type="travel.hotel", parameters={}, meets=Meeting(goal="flight", at="end")),
        Goal(goal_id="flight", type="travel.flight", parameters={}),
    )
    offers: Any = {"hotels": hotels, "revision": 2} if hotels else {}
    return trip.plan(**offers, goals=goals)


WINDOW = Window(start=START + timedelta(days=1), end=START + timedelta(days=2))


def test_what_meets_a_leg_that_was_moved_is_planned_anew_and_released_for_it(trip: Trip) -> None:
    trip.until_pivot(_met(trip)).done("flight.issue", "pay.capture")
    steps = ("flight.hold", "flight.issue", "pay.authorize", "pay.capture", "hotel.hold", "hotel.confirm")
    trip.given(ExecutionReopen(epoch=2, alive=_alive(trip, *steps), windows={"flight": WINDOW}, code="moved"))
    assert trip.last(PlanAmend) == PlanAmend(revision=1, epoch=2, failed_legs=("hotel",), windows={"flight": WINDOW}, code="moved")
    trip.approve(_met(trip, hotel("h9", 800)), epoch=2, forward_by=FORWARD_BY + timedelta(days=1))
    assert {d.step_id for d in trip.last(AttemptRelease).declarations} == {"hotel.hold", "hotel.confirm", "pay.authorize", "pay.capture"}
    assert started(trip.released()) == ["hotel.hold#2/1"]


def test_a_leg_that_was_moved_and_that_nothing_meets_leaves_the_task_as_it_was(trip: Trip) -> None:
    trip.finish()
    trip.given(ExecutionReopen(epoch=2, alive=trip.ended.tally, windows={"flight": WINDOW}, code="moved"))
    assert (trip.ended.result, trip.ended.epoch) == (EndResult.FINISHED, 2)
    assert outcomes(trip.ended)["hotel.confirm#1"] == "done"
