"""Every row of the attempt's table: late, lost, pending, needing a person, refused, undone by the other side."""

from datetime import timedelta

from tests.unit.executor.conftest import Trip, idr, kinds, outcomes, started

from tuntas.contracts.connectors import Outcome, StepStarted
from tuntas.contracts.executor import EndResult, StepRetry
from tuntas.executor.policy import Policy
from tuntas.testkit.history import START


def test_a_lost_answer_is_asked_for_with_the_same_key_and_ever_longer_waits(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    waits = []
    for number in (2, 3, 4):
        before = trip.now
        assert started(trip.fire("reply_by:hotel.hold:1")) == [f"hotel.hold#1/{number}"]
        waits.append((trip.now - before).total_seconds())
    assert waits == [5, 10, 20]


def test_all_tries_of_an_attempt_are_equal_to_the_byte(trip: Trip) -> None:
    trip.approve()
    for _ in range(3):
        trip.fire("reply_by:hotel.hold:1")
    bodies = {c.model_copy(update={"tried": 0}).model_dump_json() for c in trip.commands if c.declaration.step_id == "hotel.hold"}
    assert len(bodies) == 1


def test_the_same_history_makes_the_same_bodies_and_ids() -> None:
    first, second = Trip("twin"), Trip("twin")
    first.finish()
    second.finish()
    assert [m.model_dump_json() for m in first.sent] == [m.model_dump_json() for m in second.sent]


def test_another_input_is_another_digest(trip: Trip) -> None:
    trip.until_pivot()
    digests = [c.declaration.body_digest for c in trip.commands]
    assert len(set(digests)) == len(digests) == 5


def test_an_answer_delivered_twice_or_older_than_the_last_changes_nothing(trip: Trip) -> None:
    trip.approve()
    trip.hear("hotel.hold", Outcome.DONE, seq=3)
    before = trip.state
    trip.hear("hotel.hold", Outcome.REFUSED, "sold_out", seq=2)
    trip.hear("hotel.hold", Outcome.REFUSED, "sold_out", seq=3)
    assert trip.state == before


def test_an_unknown_outcome_is_asked_about_again(trip: Trip) -> None:
    trip.approve()
    assert trip.hear("hotel.hold", Outcome.UNKNOWN) == []
    assert trip.attempt("hotel.hold").status == "in_doubt"
    assert started(trip.fire("reply_by:hotel.hold:1")) == ["hotel.hold#1/2"]
    trip.done("hotel.hold")
    assert trip.attempt("hotel.hold").done


def test_a_pending_attempt_is_asked_about_slowly_and_spends_no_patience(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    for _ in range(10):
        before = trip.now
        trip.hear("hotel.hold", Outcome.PENDING)
        assert len(trip.fire("reply_by:hotel.hold:1")) == 1
        assert trip.now - before == timedelta(seconds=30)
    assert trip.state.status == "running"


def test_that_an_attempt_is_still_pending_is_said_in_the_same_words_and_is_a_sign_of_life(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    trip.hear("hotel.hold", Outcome.PENDING)
    pending = trip.attempt("hotel.hold").seq
    for _ in range(10):
        assert len(trip.fire("reply_by:hotel.hold:1")) == 1
        assert trip.hear("hotel.hold", Outcome.PENDING, seq=pending) == []
    assert (trip.attempt("hotel.hold").status, trip.state.rungs) == ("pending", ())


def test_a_pending_attempt_whose_connector_says_nothing_more_is_given_up(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    trip.hear("hotel.hold", Outcome.PENDING)
    for _ in range(4):
        trip.fire("reply_by:hotel.hold:1")
    assert kinds(trip.fire("reply_by:hotel.hold:1")) == ["attempt.release"]


def test_an_attempt_pending_for_ever_is_given_up(trip: Trip) -> None:
    trip.core = Trip("x", Policy(tries_in_all=3)).core
    trip.approve(trip.plan(hotels=trip.plan().leg("hotel").offers[:1]))
    trip.done("flight.hold")
    for _ in range(3):
        trip.hear("hotel.hold", Outcome.PENDING)
        sent = trip.fire("reply_by:hotel.hold:1")
    assert kinds(sent) == ["plan.amend"]


def test_a_person_has_until_the_providers_deadline(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    trip.needs_user("hotel.hold", START + timedelta(minutes=10))
    assert trip.advance(599) == []
    assert kinds(trip.advance(1)) == ["attempt.release"]
    assert trip.attempt("hotel.hold").status == "releasing"
    assert started(trip.released()) == ["hotel.hold#2/1"]
    assert trip.last(StepStarted).declaration.provider == "villa"


def test_what_the_person_did_is_looked_at_at_once_with_the_same_key(trip: Trip) -> None:
    trip.approve()
    trip.needs_user("hotel.hold", START + timedelta(minutes=10))
    assert started(trip.given(StepRetry(step_id="hotel.hold"))) == ["hotel.hold#1/2"]
    assert trip.timers["reply_by:hotel.hold:1"] == trip.now + timedelta(seconds=5)
    trip.done("hotel.hold")
    assert trip.given(StepRetry(step_id="hotel.hold")) == []


def test_an_irreversible_step_that_a_person_left_is_asked_about(trip: Trip) -> None:
    trip.until_pivot()
    trip.needs_user("flight.issue", START + timedelta(minutes=1))
    assert started(trip.fire("reply_by:flight.issue:1")) == ["flight.issue#1/2"]


def test_silence_of_an_irreversible_step_leaves_it_to_a_person(trip: Trip) -> None:
    trip.until_pivot()
    for _ in range(8):
        sent = trip.fire("reply_by:flight.issue:1")
    assert kinds(sent) == ["execution.ended"]
    assert (trip.ended.result, trip.ended.code) == (EndResult.STUCK, "no_answer")
    assert outcomes(trip.ended)["flight.issue#1"] == "unknown"


def test_silence_of_a_step_that_must_succeed_leaves_it_to_a_person(soft: Trip) -> None:
    soft.until_pivot().done("flight.issue")
    for _ in range(20):
        soft.fire("reply_by:pay.capture:1")
    assert (soft.ended.result, soft.ended.code) == (EndResult.STUCK, "no_answer")


def test_silence_elsewhere_goes_to_another_provider_after_a_release(trip: Trip) -> None:
    trip.approve()
    trip.done("flight.hold")
    for _ in range(4):
        sent = trip.fire("reply_by:hotel.hold:1")
    assert kinds(sent) == ["attempt.release"]
    assert trip.state.rungs == ("substitute:hotel",)
    assert started(trip.released()) == ["hotel.hold#2/1"]


def test_an_answer_to_a_replaced_attempt_is_only_noted(trip: Trip) -> None:
    trip.approve()
    trip.needs_user("hotel.hold", START + timedelta(seconds=1))
    trip.fire("reply_by:hotel.hold:1")
    assert trip.done("hotel.hold") == []
    assert (trip.attempt("hotel.hold").status, trip.attempt("hotel.hold").reference) == ("releasing", "ref-hotel.hold")


def test_a_success_taken_back_by_the_other_side_goes_to_the_ladder(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold")
    assert started(trip.refuse("hotel.hold", "cancelled_by_provider")) == ["hotel.hold#2/1"]
    assert trip.attempt("hotel.hold").offer_id == "h2"
    assert trip.state.attempts[0].status == "undone"


def test_a_repeated_success_brings_what_is_known_up_to_date(trip: Trip) -> None:
    trip.approve()
    trip.done("hotel.hold")
    trip.done("hotel.hold", amount=idr(880))
    assert trip.attempt("hotel.hold").actual == idr(880)


def test_a_timer_that_outlived_its_reason_changes_nothing(trip: Trip) -> None:
    trip.approve()
    due = trip.timers["reply_by:hotel.hold:1"]
    trip.done("hotel.hold")
    trip.timers["reply_by:hotel.hold:1"] = due
    assert trip.fire("reply_by:hotel.hold:1") == []
    trip.halt()
    trip.timers["forward_by"] = trip.now
    assert trip.fire("forward_by") == []
