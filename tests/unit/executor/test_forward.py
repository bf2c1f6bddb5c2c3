"""An approved plan goes forward: parallel holds, declarations, amounts, clocks and the end."""

from datetime import timedelta

import pytest
from tests.unit.executor.conftest import APPROVAL, FORWARD_BY, Trip, hotel, idr, kinds, outcomes, started

from tuntas.contracts import ids
from tuntas.contracts.connectors import Outcome, StepStarted
from tuntas.contracts.executor import EndResult
from tuntas.contracts.personal import Personal
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.topics import EXECUTOR_EVENTS, connector_commands
from tuntas.executor.policy import Policy
from tuntas.testkit.history import START

TRAVELLER = Personal("sealed:v1:00000000-0000-0000-0000-000000000001:abc")


def test_independent_steps_start_together_and_the_others_when_what_they_need_is_done(trip: Trip) -> None:
    assert started(trip.approve()) == ["hotel.hold#1/1", "flight.hold#1/1"]
    assert trip.done("hotel.hold") == []
    assert started(trip.done("flight.hold")) == ["pay.authorize#1/1"]
    assert started(trip.done("pay.authorize")) == ["hotel.confirm#1/1"]
    assert started(trip.done("hotel.confirm")) == ["flight.issue#1/1"]
    assert started(trip.done("flight.issue")) == ["pay.capture#1/1"]
    assert kinds(trip.done("pay.capture")) == ["execution.ended"]


def test_a_finished_execution_tells_every_attempt_and_leaves_no_timer(trip: Trip) -> None:
    ended = trip.finish().ended
    assert (ended.result, ended.code, ended.epoch, ended.revision) == (EndResult.FINISHED, "finished", 1, 1)
    assert set(outcomes(ended).values()) == {"done"}
    assert len(ended.tally) == 6
    assert all(entry.declaration is None and entry.reference for entry in ended.tally)
    assert ended.titles == ("Offer h1", "Offer f1")
    assert (trip.timers, trip.topics[-1]) == ({}, EXECUTOR_EVENTS.name)


def test_a_declaration_says_all_that_is_needed_to_undo_the_attempt(trip: Trip) -> None:
    said = trip.until_pivot().commands[3].declaration
    assert (said.step_id, said.leg_id, said.connector, said.provider) == ("hotel.confirm", "hotel", "travel", "inn")
    assert said.key == ids.attempt_key(trip.task_id, "hotel.confirm", 1)
    assert (said.start, said.revision, said.epoch, said.forward_by) == (4, 1, 1, FORWARD_BY)
    assert (said.undo.fee, said.at_risk, said.fee_limit) == (idr(50), idr(900), {"IDR": 100})
    assert said.needs == ("hotel.hold", "pay.authorize")


def test_a_step_names_the_attempt_it_acts_on(trip: Trip) -> None:
    trip.until_pivot()
    assert trip.commands[3].acts_on == ids.attempt_key(trip.task_id, "hotel.hold", 1)


def test_only_what_obliges_or_moves_money_carries_the_approval(trip: Trip) -> None:
    trip.finish()
    carrying = {c.declaration.step_id for c in trip.commands if c.approval == APPROVAL}
    assert carrying == {"pay.authorize", "hotel.confirm", "flight.issue", "pay.capture"}


def test_travellers_go_with_every_command(trip: Trip) -> None:
    trip.approve(trip.plan(travellers=(TRAVELLER,)))
    assert [c.travellers for c in trip.commands] == [(TRAVELLER,), (TRAVELLER,)]


def test_commands_travel_on_their_connectors_topic(trip: Trip) -> None:
    trip.until_pivot()
    assert trip.topics[:3] == [connector_commands(name).name for name in ("travel", "travel", "payment")]


def test_money_is_set_aside_up_to_the_ceiling_and_taken_as_it_really_was(trip: Trip) -> None:
    trip.until_pivot()
    trip.done("flight.issue", amount=idr(1800))
    amounts = {c.declaration.step_id: c.amount for c in trip.commands}
    assert amounts["hotel.hold"] == idr(900)
    assert amounts["pay.authorize"] == idr(3000)
    assert amounts["pay.capture"] == idr(2700)


def test_more_than_the_ceiling_is_never_taken(soft: Trip) -> None:
    soft.until_pivot()
    soft.done("flight.issue", amount=idr(9000))
    assert (soft.ended.result, soft.ended.code) == (EndResult.FAILED, "amount")
    assert "pay.capture#1" not in outcomes(soft.ended)


def test_the_irreversible_step_waits_for_all_that_may_still_fail_even_if_the_plan_does_not_say_so(trip: Trip) -> None:
    plan = trip.plan()
    loose = tuple(s.model_copy(update={"needs": ()}) if s.step_id == "flight.issue" else s for s in plan.steps)
    trip.approve(plan.model_copy(update={"steps": loose}))
    trip.done("hotel.hold", "flight.hold", "pay.authorize")
    assert "flight.issue" not in {c.declaration.step_id for c in trip.commands}
    assert started(trip.done("hotel.confirm")) == ["flight.issue#1/1"]


def test_a_plan_approved_too_late_never_starts(trip: Trip) -> None:
    sent = trip.approve(start_by=START - timedelta(seconds=1))
    assert (kinds(sent), trip.ended.result, trip.ended.code, trip.ended.tally) == (
        ["execution.ended"],
        EndResult.FAILED,
        "approval_expired",
        (),
    )


def test_a_plan_other_than_the_approved_one_is_refused(trip: Trip) -> None:
    trip.approve(digest="0" * 64)
    assert (trip.refused, trip.rows) == (["digest_mismatch"], {})


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"task_id": "another"}, "foreign_plan"), ({"legs": ()}, "bad_plan")],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_the_first_effect(trip: Trip, changes: dict[str, object], code: str) -> None:
    trip.approve(trip.plan().model_copy(update=changes))
    assert (trip.refused, trip.sent) == ([code], [])


def test_what_is_not_a_plan_is_refused(trip: Trip) -> None:
    trip.approve(text="{}")
    assert trip.refused == ["bad_plan"]


def test_the_same_approval_again_changes_nothing(trip: Trip) -> None:
    trip.approve()
    assert trip.approve() == []


def test_a_hold_is_renewed_before_it_runs_out(trip: Trip) -> None:
    trip.approve()
    trip.held("hotel.hold", 60)
    trip.done("flight.hold")
    trip.needs_user("pay.authorize", START + timedelta(minutes=10))
    trip.advance(57)
    assert trip.sent[-1].wire_type != AttemptRelease.wire_type
    assert kinds(trip.advance(1)) == ["attempt.release"]
    assert trip.attempt("hotel.hold").status == "releasing"
    assert started(trip.released()) == ["hotel.hold#2/1"]
    assert trip.state.rungs == ("rehold:hotel",)


def test_a_hold_that_is_being_confirmed_is_not_renewed(trip: Trip) -> None:
    trip.approve()
    trip.held("hotel.hold", 20)
    trip.done("flight.hold", "pay.authorize")
    assert trip.fire("clock:hotel.hold:1") == []


def test_a_hold_shorter_than_the_margin_is_given_up_after_one_renewal(trip: Trip) -> None:
    trip.approve(trip.plan(hotels=(hotel("h1"),)))
    trip.held("hotel.hold", 1)
    trip.released()
    assert kinds(trip.held("hotel.hold", 1)) == ["plan.amend"]


def test_money_set_aside_must_outlive_the_margin_before_the_irreversible_step(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold", "flight.hold")
    trip.held("pay.authorize", 30)
    assert kinds(trip.fire("clock:pay.authorize:1")) == ["attempt.release"]
    assert trip.done("hotel.confirm") == []
    assert [d.step_id for d in trip.last(AttemptRelease).declarations] == ["pay.authorize"]
    assert started(trip.released()) == ["pay.authorize#2/1"]
    assert started(trip.done("pay.authorize")) == ["flight.issue#1/1"]


def test_an_irreversible_step_may_act_only_as_long_as_what_it_relies_on_is_held(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold")
    trip.held("flight.hold", 90)
    trip.held("pay.authorize", 30)
    trip.advance(10)
    trip.done("hotel.confirm")
    assert trip.attempt("flight.issue").declaration.forward_by == START + timedelta(seconds=28)
    assert trip.attempt("hotel.confirm").declaration.forward_by == FORWARD_BY


def test_without_time_the_task_fails_before_the_irreversible_step(trip: Trip) -> None:
    trip.approve()
    trip.needs_user("hotel.hold", FORWARD_BY + timedelta(hours=1))
    trip.needs_user("flight.hold", FORWARD_BY + timedelta(hours=1))
    sent = trip.advance(1800)
    assert (kinds(sent), trip.ended.result, trip.ended.code) == (["execution.ended"], EndResult.FAILED, "deadline")
    assert outcomes(trip.ended) == {"hotel.hold#1": "needs_user", "flight.hold#1": "needs_user"}
    assert all(entry.declaration for entry in trip.ended.tally)


def test_without_time_after_the_irreversible_step_a_person_decides(trip: Trip) -> None:
    trip.until_pivot().done("flight.issue")
    trip.hear("pay.capture", Outcome.NEEDS_USER)
    trip.fire("forward_by")
    assert (trip.ended.result, trip.ended.code) == (EndResult.STUCK, "deadline")


def test_without_time_an_open_irreversible_step_is_asked_about_until_it_is_known(trip: Trip) -> None:
    trip.until_pivot()
    assert trip.fire("forward_by") == []
    assert trip.state.status == "deciding"
    assert started(trip.fire("reply_by:flight.issue:1")) == ["flight.issue#1/2"]
    trip.refuse("flight.issue", "expired")
    assert (trip.ended.result, trip.ended.code) == (EndResult.FAILED, "deadline")


def test_an_irreversible_step_known_after_the_time_leaves_the_rest_to_a_person(trip: Trip) -> None:
    trip.until_pivot().fire("forward_by")
    trip.done("flight.issue")
    assert (trip.ended.result, trip.ended.code) == (EndResult.STUCK, "deadline")


def test_nothing_is_declared_after_the_end(trip: Trip) -> None:
    trip.approve()
    trip.halt()
    assert trip.done("hotel.hold", "flight.hold") == []
    assert trip.approve(trip.plan(revision=2)) == []


def test_a_reply_for_a_task_nobody_knows_leaves_no_trace(trip: Trip) -> None:
    other = Trip("another")
    other.approve()
    assert trip.hear("hotel.hold", Outcome.DONE, attempt=other.attempt("hotel.hold")) == []
    assert trip.rows == {}


def test_the_policy_decides_how_long_silence_is_borne(request: pytest.FixtureRequest) -> None:
    trip = Trip(request.node.name, Policy(first_seconds=1, cap_seconds=2))
    trip.approve()
    trip.done("flight.hold")
    sent = trip.advance(5)
    assert started(sent) == ["hotel.hold#1/2", "hotel.hold#1/3", "hotel.hold#1/4"]
    assert isinstance(sent[0], StepStarted)
