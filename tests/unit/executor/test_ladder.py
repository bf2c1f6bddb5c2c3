"""The fallback ladder: rehold, substitute, amend, give up, and when replacing is out of the question."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.unit.executor.conftest import FORWARD_BY, Trip, hotel, idr, kinds, outcomes, started

from tuntas.contracts.connectors import Outcome, StepStarted
from tuntas.contracts.executor import EndResult
from tuntas.contracts.plan import Offer
from tuntas.contracts.planner import PlanAmend, PlanInfeasible
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.trust import PlanDenied
from tuntas.executor.ladder import LADDER
from tuntas.testkit.history import START


@pytest.mark.parametrize("code", ["sold_out", "coupon_gone"])
def test_what_is_gone_goes_to_the_next_offer_as_a_new_attempt(trip: Trip, code: str) -> None:
    trip.approve()
    assert started(trip.refuse("hotel.hold", code)) == ["hotel.hold#2/1"]
    said = trip.last(StepStarted)
    assert (said.declaration.provider, said.input, said.amount) == ("villa", {"room": "h2"}, idr(950))
    assert trip.state.rungs == ("substitute:hotel",)
    trip.done("hotel.hold", "flight.hold", "pay.authorize", "hotel.confirm", "flight.issue", "pay.capture")
    assert (trip.ended.result, trip.ended.titles) == (EndResult.FINISHED, ("Offer h2", "Offer f1"))
    assert outcomes(trip.ended)["hotel.hold#1"] == "refused"
    assert trip.ended.rungs == ("substitute:hotel",)


def test_a_replaced_leg_is_released_whole_and_begins_again(soft: Trip) -> None:
    soft.approve()
    soft.done("hotel.hold", "flight.hold", "pay.authorize")
    assert kinds(soft.refuse("hotel.confirm", "sold_out")) == ["attempt.release"]
    assert [d.step_id for d in soft.last(AttemptRelease).declarations] == ["hotel.hold"]
    assert started(soft.released()) == ["hotel.hold#2/1"]
    assert started(soft.done("hotel.hold")) == ["hotel.confirm#2/1"]
    assert soft.last(StepStarted).acts_on == soft.attempt("hotel.hold").key


def test_other_legs_go_on_while_one_is_released(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold")
    trip.needs_user("flight.hold", FORWARD_BY)
    trip.done("flight.hold", "pay.authorize")
    trip.refuse("hotel.confirm", "sold_out")
    assert trip.attempt("pay.authorize").done
    assert started(trip.released()) == ["hotel.hold#2/1"]


@pytest.mark.parametrize("code", ["hold_expired", "authorization_expired", "no_object"])
def test_an_expired_hold_is_taken_again_once_and_then_replaced(trip: Trip, code: str) -> None:
    trip.approve()
    assert started(trip.refuse("hotel.hold", code)) == ["hotel.hold#2/1"]
    assert trip.attempt("hotel.hold").offer_id == "h1"
    trip.refuse("hotel.hold", code)
    assert trip.attempt("hotel.hold").offer_id == "h2"
    assert trip.state.rungs == ("rehold:hotel", "substitute:hotel")


@pytest.mark.parametrize("code", sorted(code for code, rungs in LADDER.items() if not rungs))
def test_what_no_other_offer_would_change_fails_at_once(trip: Trip, code: str) -> None:
    trip.approve()
    sent = trip.refuse("hotel.hold", code)
    assert (kinds(sent), trip.ended.result, trip.ended.code) == (["execution.ended"], EndResult.FAILED, code)
    assert outcomes(trip.ended) == {"hotel.hold#1": "refused", "flight.hold#1": "unknown"}


def test_a_declined_payment_fails_with_all_that_must_be_undone(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold", "flight.hold")
    trip.refuse("pay.authorize", "declined")
    assert outcomes(trip.ended) == {"hotel.hold#1": "done", "flight.hold#1": "done", "pay.authorize#1": "refused"}
    assert [e.declaration.start for e in trip.ended.tally if e.declaration] == [1, 2, 3]
    assert trip.timers == {}


def test_a_reason_nobody_listed_is_the_offers_own(trip: Trip) -> None:
    trip.approve()
    assert started(trip.refuse("hotel.hold", "no_pets")) == ["hotel.hold#2/1"]


def _unfit(case: str) -> Sequence[Offer]:
    other = hotel("h2", 950, "villa")
    return {
        "dearer than the ceiling": (hotel("h1"), hotel("h2", 1001)),
        "of another shape": (hotel("h1"), hotel("h2", action="hotel.book")),
        "expired": (hotel("h1"), other.model_copy(update={"expires_at": START})),
    }[case]


@pytest.mark.parametrize("case", ["dearer than the ceiling", "of another shape", "expired"])
def test_an_alternative_that_does_not_fit_is_passed_over(trip: Trip, case: str) -> None:
    trip.approve(trip.plan(hotels=_unfit(case)))
    assert kinds(trip.refuse("hotel.hold", "sold_out")) == ["plan.amend"]


def test_a_provider_that_is_down_is_not_asked_for_its_other_offers(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"), hotel("h2"), hotel("h3", 950, "villa"))))
    trip.refuse("hotel.hold", "unavailable")
    assert trip.attempt("hotel.hold").offer_id == "h3"


def test_without_an_alternative_the_planner_is_asked_for_another_revision(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.refuse("hotel.hold", "sold_out")
    assert trip.last(PlanAmend) == PlanAmend(revision=1, epoch=1, failed_legs=("hotel",), tried=("h1",), code="sold_out")
    assert trip.state.status == "amending"
    assert trip.done("flight.hold") == []


def _amending(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.done("hotel.hold", "flight.hold", "pay.authorize")
    trip.refuse("hotel.confirm", "sold_out")


def test_the_next_revision_releases_what_it_replaces_and_keeps_the_rest(trip: Trip) -> None:
    _amending(trip)
    sent = trip.approve(trip.plan(hotels=(hotel("h9", 800, "villa"),), revision=2))
    assert kinds(sent) == ["attempt.release"]
    assert [d.step_id for d in trip.last(AttemptRelease).declarations] == ["hotel.hold"]
    assert started(trip.released()) == ["hotel.hold#2/1"]
    assert trip.last(StepStarted).declaration.revision == 2
    trip.done("hotel.hold", "hotel.confirm", "flight.issue", "pay.capture")
    assert (trip.ended.result, trip.ended.revision, trip.ended.rungs) == (EndResult.FINISHED, 2, ("amend:hotel",))
    assert trip.commands[-1].amount == idr(2800)


def test_what_was_asked_before_keeps_its_body_under_the_next_revision(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.refuse("hotel.hold", "sold_out")
    trip.approve(trip.plan(hotels=(hotel("h9"),), revision=2))
    trip.fire("reply_by:flight.hold:1")
    said = [c for c in trip.commands if c.declaration.step_id == "flight.hold"]
    assert said[0].declaration == said[1].declaration


def test_a_step_that_the_next_revision_drops_is_released(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.done("flight.hold")
    trip.refuse("hotel.hold", "sold_out")
    plan = trip.plan(revision=2)
    steps = tuple(s.model_copy(update={"needs": (), "sums": ()}) for s in plan.steps if s.leg_id == "pay")
    trip.approve(plan.model_copy(update={"steps": steps, "legs": plan.legs[2:]}))
    assert [d.step_id for d in trip.last(AttemptRelease).declarations] == ["flight.hold"]
    trip.done("pay.authorize", "pay.capture")
    assert trip.state.status == "running"
    trip.released()
    assert trip.ended.result is EndResult.FINISHED


@pytest.mark.parametrize("answer", [PlanDenied(revision=2, code="approval_denied"), PlanInfeasible(revision=2, code="no_offer")])
def test_without_a_next_revision_the_task_fails(trip: Trip, answer: PlanDenied | PlanInfeasible) -> None:
    _amending(trip)
    assert kinds(trip.given(answer)) == ["execution.ended"]
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, answer.code)


def test_a_word_about_another_revision_changes_nothing(trip: Trip) -> None:
    _amending(trip)
    trip.given(PlanDenied(revision=1, code="approval_denied"))
    trip.approve(trip.plan(revision=3))
    assert trip.state.status == "amending"


def test_a_next_revision_that_does_not_come_fails_the_task(trip: Trip) -> None:
    _amending(trip)
    trip.fire("amend")
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, "amend_timeout")


def test_the_time_for_going_forward_ends_while_a_revision_is_awaited(trip: Trip) -> None:
    _amending(trip)
    trip.now = FORWARD_BY - timedelta(seconds=60)
    trip.fire("forward_by")
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, "deadline")


def test_a_halt_while_a_revision_is_awaited_ends_it_and_the_late_approval_starts_nothing(trip: Trip) -> None:
    _amending(trip)
    trip.halt()
    assert trip.ended.result is EndResult.HALTED
    assert trip.approve(trip.plan(revision=2)) == []


def test_a_plan_is_amended_once(trip: Trip) -> None:
    _amending(trip)
    trip.approve(trip.plan(hotels=(hotel("h9"),), revision=2))
    trip.released()
    trip.refuse("hotel.hold", "sold_out")
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, "sold_out")


def test_a_leg_lost_while_a_revision_is_awaited_waits_for_it(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.refuse("hotel.hold", "sold_out")
    assert trip.refuse("flight.hold", "hold_expired") == []
    sent = trip.approve(trip.plan(hotels=(hotel("h9"),), revision=2))
    assert started(sent) == ["hotel.hold#2/1", "flight.hold#2/1"]


def test_a_late_success_makes_a_loss_void(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.needs_user("flight.hold", START + timedelta(seconds=10))
    trip.refuse("hotel.hold", "sold_out")
    trip.fire("reply_by:flight.hold:1")
    trip.done("flight.hold")
    trip.approve(trip.plan(hotels=(hotel("h9"),), revision=2))
    trip.done("hotel.hold", "pay.authorize", "hotel.confirm")
    assert trip.attempt("flight.hold").declaration.attempt == 1
    assert trip.attempt("flight.issue").open


def test_a_release_that_is_stuck_fails_the_task(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold", "flight.hold", "pay.authorize")
    trip.refuse("hotel.confirm", "sold_out")
    trip.released(stuck=True)
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, "release_stuck")
    assert outcomes(trip.ended)["hotel.hold#1"] == "unknown"


def test_a_step_that_must_succeed_is_attempted_anew_after_a_refusal_that_passes(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    assert trip.refuse("pay.capture", "unavailable") == []
    assert started(trip.fire("again:pay.capture")) == ["pay.capture#2/1"]
    trip.done("pay.capture")
    assert trip.ended.result is EndResult.FINISHED


def test_a_step_that_must_succeed_and_is_refused_for_good_is_stuck_after_the_irreversible_one(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    trip.refuse("pay.capture", "declined")
    assert (trip.ended.result, trip.ended.code) == (EndResult.STUCK, "declined")


def test_and_fails_when_nothing_irreversible_was_done(soft: Trip) -> None:
    soft.until_pivot().done("flight.issue")
    soft.refuse("pay.capture", "sold_out")
    assert (soft.ended.result, soft.ended.code) == (EndResult.FAILED, "sold_out")


def test_money_set_aside_that_lapsed_before_it_was_taken_is_set_aside_again(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    assert kinds(trip.refuse("pay.capture", "authorization_expired")) == ["attempt.release"]
    assert started(trip.released()) == ["pay.authorize#2/1"]
    assert started(trip.done("pay.authorize")) == ["pay.capture#2/1"]
    assert trip.last(StepStarted).acts_on == trip.attempt("pay.authorize").key


def test_a_leg_lost_while_the_irreversible_step_is_open_waits_for_its_answer(trip: Trip) -> None:
    trip.until_pivot()
    assert trip.refuse("hotel.confirm", "cancelled_by_provider") == []
    sent = trip.done("flight.issue")
    assert kinds(sent) == ["attempt.release"]
    assert [d.step_id for d in trip.last(AttemptRelease).declarations] == ["hotel.hold"]


def test_a_leg_whose_price_is_being_taken_is_not_replaced_any_more(soft: Trip) -> None:
    soft.until_pivot().done("flight.issue")
    soft.refuse("hotel.confirm", "cancelled_by_provider")
    assert (soft.ended.result, soft.ended.code) == (EndResult.FAILED, "cancelled_by_provider")


def test_an_irreversible_leg_is_never_released(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    trip.refuse("flight.hold", "cancelled_by_provider")
    assert AttemptRelease not in {type(m) for m in trip.sent}
    assert trip.ended.result is EndResult.STUCK


def test_a_refused_irreversible_step_without_an_alternative_fails_and_everything_is_undone(trip: Trip) -> None:
    trip.until_pivot()
    trip.refuse("flight.issue", "declined")
    assert trip.ended.result is EndResult.FAILED
    assert outcomes(trip.ended)["hotel.confirm#1"] == "done"


def test_an_undone_outcome_counts_as_refused(trip: Trip) -> None:
    trip.approve()
    assert started(trip.hear("hotel.hold", Outcome.UNDONE, "sold_out")) == ["hotel.hold#2/1"]
