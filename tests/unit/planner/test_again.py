"""A quote that fails for a reason that passes is asked for again, within the time that planning has."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.unit.planner.conftest import Desk, card, goal, intent, offer, quote_id
from tests.unit.planner.test_core import amend, proposed, told

from tuntas.contracts.connectors import QuoteReplied, QuoteRequested
from tuntas.contracts.planner import PlanAnswered
from tuntas.planner.policy import PASSING
from tuntas.testkit.history import START

END = START + timedelta(seconds=45)


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """The hotel and the bank have answered; only the flight has not."""
    desk.given(intent(goal("flight"), goal("hotel")))
    desk.quote("hotel", offer("h1"))
    desk.quote("payment", card())
    return desk


@pytest.mark.parametrize("code", sorted(PASSING))
def test_what_passes_is_asked_again_after_a_pause_under_a_new_id(waiting: Desk, code: str) -> None:
    assert waiting.quote("flight", code=code) == []
    assert waiting.timers == {"quotes": START + timedelta(seconds=1)}
    sent = waiting.fire("quotes")
    assert [m.goal.goal_id for m in sent if isinstance(m, QuoteRequested)] == ["flight"]
    assert waiting.asked["flight"].quote_id != quote_id(waiting, "flight", 1)
    assert waiting.timers == {"quotes": END}
    waiting.quote("flight", offer("f1"))
    assert waiting.chosen()["flight"] == "f1"


def test_pauses_double_and_the_last_reason_is_told_when_no_time_is_left(waiting: Desk) -> None:
    pauses = []
    while not (ended := told(waiting.quote("flight", code="unreachable"))):
        pauses.append((waiting.timers["quotes"] - waiting.now).total_seconds())
        waiting.fire("quotes")
    assert pauses == [1, 2, 4, 8, 16]
    assert ended == [(1, "unreachable", "flight")]
    assert waiting.timers == {}


def test_a_question_that_stays_open_ends_the_planning_when_its_time_is_over(waiting: Desk) -> None:
    waiting.quote("flight", code="breaker_open")
    waiting.fire("quotes")
    assert told(waiting.fire("quotes")) == [(1, "quote_timeout", "flight")]
    assert waiting.now == END


def test_a_refusal_that_stays_is_told_at_once(waiting: Desk) -> None:
    waiting.quote("flight", code="breaker_open")
    waiting.fire("quotes")
    assert told(waiting.quote("flight", code="parked")) == [(1, "parked", "flight")]


def test_an_answer_to_the_question_before_changes_nothing(waiting: Desk) -> None:
    waiting.quote("flight", code="no_answer")
    before = waiting.state
    waiting.given(QuoteReplied(quote_id=quote_id(waiting, "flight", 1), connector="travel", code="no_answer"))
    waiting.given(QuoteReplied(quote_id=quote_id(waiting, "flight", 1), connector="travel", offers=(offer("late"),)))
    assert waiting.state == before


def test_several_are_asked_again_each_at_its_own_time(desk: Desk) -> None:
    desk.given(intent(goal("flight"), goal("hotel")))
    desk.quote("flight", code="overloaded")
    desk.fire("quotes")
    desk.quote("flight", code="overloaded")
    desk.quote("hotel", code="overloaded")
    assert [m.goal.goal_id for m in desk.fire("quotes") if isinstance(m, QuoteRequested)] == ["hotel"]
    assert [m.goal.goal_id for m in desk.fire("quotes") if isinstance(m, QuoteRequested)] == ["flight"]
    for name, found in {"flight": offer("f1"), "hotel": offer("h1"), "payment": card()}.items():
        desk.quote(name, found)
    assert desk.chosen() == {"flight": "f1", "hotel": "h1", "payment": "card"}


def test_a_timer_that_fires_twice_asks_once_and_gives_nothing_up(waiting: Desk) -> None:
    waiting.quote("flight", code="rate_limited")
    waiting.fire("quotes")
    waiting.timers["quotes"] = waiting.now + timedelta(seconds=3)
    assert waiting.fire("quotes") == []
    assert waiting.timers == {"quotes": END}


def test_an_amendment_asks_again_too(desk: Desk) -> None:
    proposed(desk).given(amend("hotel"))
    assert desk.quote("hotel", code="unreachable") == []
    desk.fire("quotes")
    desk.quote("hotel", offer("h3"))
    assert (desk.plan().revision, desk.chosen()["hotel"]) == (2, "h3")


def test_who_only_asks_is_answered_after_a_while(desk: Desk) -> None:
    desk.given(intent(goal("route", "map.route")))
    assert desk.quote("route", code="unreachable") == []
    desk.fire("quotes")
    assert [type(m) for m in desk.found("route")] == [PlanAnswered]


def test_a_planning_begun_by_the_version_before_gives_up_as_that_did(waiting: Desk) -> None:
    row = waiting.rows[waiting.task_id]
    waiting.rows[waiting.task_id] = replace(row, state=waiting.state.model_copy(update={"until": None}))
    assert told(waiting.quote("flight", code="unreachable")) == [(1, "unreachable", "flight")]
