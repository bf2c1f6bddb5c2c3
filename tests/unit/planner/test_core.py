"""The planner's conversation: quotes are asked, answered, late, missing; a plan is proposed, amended."""

from datetime import timedelta

import pytest
from tests.unit.planner.conftest import PERSON, TRAVELLER, Desk, Directory, budget, card, goal, idr, intent, offer, quote_id

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import QuoteReplied, QuoteRequested
from tuntas.contracts.ids import digest
from tuntas.contracts.plan import Phase, Plan, StepKind
from tuntas.contracts.planner import PlanAmend, PlanInfeasible, PlanProposed
from tuntas.testkit.history import START


def told(sent: list[Message]) -> list[tuple[int, str, str]]:
    return [(m.revision, m.code, m.reason) for m in sent if isinstance(m, PlanInfeasible)]


def proposed(desk: Desk) -> Desk:
    desk.given(intent(goal("flight"), goal("hotel")))
    desk.quote("flight", offer("f1", 2000), offer("f2", 2200))
    desk.quote("hotel", offer("h1", 900), offer("h2", 1000))
    desk.quote("payment", card())
    return desk


def amend(*legs: str, **fields: object) -> PlanAmend:
    return PlanAmend.model_validate({"revision": 1, "epoch": 1, "failed_legs": legs, "code": "sold_out", **fields})


def test_every_goal_and_its_payment_are_quoted_by_the_connector_that_serves_them(desk: Desk) -> None:
    sent = desk.given(intent(goal("flight"), goal("hotel")))
    assert [m.goal.goal_id for m in sent if isinstance(m, QuoteRequested)] == ["flight", "hotel", "payment"]
    assert desk.topics == ["tuntas.travel.commands.v1", "tuntas.travel.commands.v1", "tuntas.payment.commands.v1"]
    assert desk.timers == {"quotes": START + timedelta(seconds=45)}


def test_a_quote_has_a_derived_id_and_the_bank_hears_nothing_of_travellers(desk: Desk) -> None:
    desk.given(intent(goal("flight", to="DPS")))
    assert desk.asked["flight"].quote_id == quote_id(desk, "flight", 1)
    assert desk.asked["flight"].travellers == (TRAVELLER,)
    assert desk.asked["payment"].travellers == ()
    assert desk.asked["payment"].goal.parameters == {"instrument": "wallet"}


def test_what_costs_nothing_needs_no_payment(desk: Desk) -> None:
    desk.given(intent(goal("route", "maps.route")))
    assert set(desk.asked) == {"route"}
    desk.quote("route", offer("r", None, steps=()))
    assert (desk.plan().steps, desk.plan().ceilings, desk.plan().worst_undo) == ((), {}, {})


def test_a_charged_goal_that_turns_out_free_is_planned_without_payment(desk: Desk) -> None:
    desk.given(intent(goal("tour")))
    desk.quote("tour", offer("t", None))
    desk.quote("payment", card())
    assert [step.step_id for step in desk.plan().steps] == ["tour.hold", "tour.confirm"]


def test_a_plan_is_proposed_when_the_last_quote_is_answered(desk: Desk) -> None:
    desk.given(intent(goal("flight"), goal("hotel")))
    assert desk.quote("hotel", offer("h1", 900)) == []
    assert desk.quote("payment", card()) == []
    sent = desk.quote("flight", offer("f1", 2000))
    assert [type(m) for m in sent] == [PlanProposed]
    assert (desk.timers, desk.state.status) == ({}, "proposed")


def test_the_proposal_says_what_the_plan_says(desk: Desk) -> None:
    proposed(desk)
    message, plan = desk.last(PlanProposed), desk.plan()
    assert message.digest == digest(message.plan)
    assert message.titles == ("Offer f1", "Offer h1")
    assert (message.person, plan.person, plan.travellers) == (PERSON, str(PERSON), (TRAVELLER,))
    assert [g.goal_id for g in plan.goals] == ["flight", "hotel"]
    assert (plan.task_id, plan.revision, plan.instrument) == (str(desk.task_id), 1, "wallet")
    assert message.ceilings == plan.ceilings == {"IDR": 3200}


def test_the_proposal_says_why_an_offer_was_chosen_and_how_each_alternative_differs(desk: Desk) -> None:
    proposed(desk)
    assert desk.last(PlanProposed).reasons == desk.plan().reasons
    assert desk.plan().reasons[:2] == ("flight: cheapest of 2 offers", "flight: else inn, IDR 2 more, undoing is free")


def test_ceilings_leave_room_for_the_alternatives_and_the_capture_sums_what_obliges(desk: Desk) -> None:
    plan = proposed(desk).plan()
    assert plan.step("flight.hold").ceiling is None
    assert plan.step("flight.confirm").ceiling == idr(2200)
    assert plan.step("hotel.confirm").ceiling == idr(1000)
    assert plan.step("payment.authorize").ceiling == plan.step("payment.capture").ceiling == idr(3200)
    assert plan.step("payment.capture").sums == ("flight.confirm", "hotel.confirm")
    assert plan.step("payment.authorize").sums == ()


def test_the_worst_undo_is_the_fee_of_the_dearest_offer_that_may_be_used(desk: Desk) -> None:
    desk.given(intent(goal("flight"), goal("hotel")))
    desk.quote("flight", offer("f1", 2000, fee=None))
    desk.quote("hotel", offer("h1", 900, fee=90), offer("h2", 910, fee=120))
    desk.quote("payment", card())
    assert desk.plan().worst_undo == {"IDR": 2120}


@pytest.mark.parametrize(("code", "expected"), [("no_connection", "no_connection"), (None, "no_offer")])
def test_a_goal_without_offers_ends_the_planning_at_once(desk: Desk, code: str | None, expected: str) -> None:
    desk.given(intent(goal("flight"), goal("hotel")))
    assert told(desk.quote("hotel", code=code)) == [(1, expected, "hotel")]
    assert desk.quote("flight", offer("f1")) == []
    assert (desk.timers, desk.state.status) == ({}, "infeasible")


def test_nobody_who_takes_the_money_is_no_payment(desk: Desk) -> None:
    bankless = Desk("bankless", Directory(bank=False))
    assert told(bankless.given(intent(goal("flight")))) == [(1, "no_payment", "")]
    desk.given(intent(goal("flight")))
    assert told(desk.quote("payment", code="instrument_unknown")) == [(1, "no_payment", "instrument_unknown")]


def test_a_goal_nobody_serves_is_said_to_be_unknown(desk: Desk) -> None:
    assert told(desk.given(intent(goal("flight"), goal("dog", "pets.walk")))) == [(1, "unknown_goal_type", "pets.walk")]


@pytest.mark.parametrize("names", [("a", "a"), ("payment",)])
def test_goals_that_can_not_be_told_apart_conflict(desk: Desk, names: tuple[str, ...]) -> None:
    assert told(desk.given(intent(*(goal(n, "travel.x") for n in names))))[0][1] == "conflicting_goals"


def test_a_quote_that_is_not_answered_in_time_ends_the_planning(desk: Desk) -> None:
    desk.given(intent(goal("flight"), goal("hotel")))
    desk.quote("hotel", offer("h1"))
    assert told(desk.fire("quotes")) == [(1, "quote_timeout", "flight, payment")]
    assert desk.quote("flight", offer("f1")) == []


def test_an_answer_twice_from_a_stranger_or_to_nothing_changes_nothing(desk: Desk) -> None:
    desk.given(intent(goal("flight")))
    desk.quote("flight", offer("f1"))
    before = desk.state
    desk.quote("flight", offer("f9", 1))
    desk.quote("payment", card("forged"), connector="travel")
    desk.given(QuoteReplied(quote_id=quote_id(desk, "flight", 7), connector="travel", offers=(offer("f9", 1),)))
    assert desk.state == before


def test_an_answer_for_an_unknown_task_leaves_no_row(desk: Desk) -> None:
    desk.given(QuoteReplied(quote_id=quote_id(desk, "flight", 1), connector="travel"))
    assert desk.rows == {}


def test_an_intent_twice_is_planned_once(desk: Desk) -> None:
    desk.given(intent(goal("flight")))
    assert desk.given(intent(goal("hotel"))) == []
    assert set(desk.asked) == {"flight", "payment"}


def test_an_offer_about_to_expire_is_no_offer(desk: Desk) -> None:
    desk.given(intent(goal("flight")))
    desk.quote("flight", offer("f1", expires_at=START + timedelta(seconds=30)))
    assert told(desk.quote("payment", card())) == [(1, "no_offer", "flight")]


def test_a_failable_capture_after_an_irreversible_step_is_refused(desk: Desk) -> None:
    desk.given(intent(goal("flight")))
    desk.quote("flight", offer("f1", fee=None))
    assert told(desk.quote("payment", card(capture=StepKind.COMPENSATABLE))) == [(1, "failable_after_pivot", "payment.capture")]


def test_an_amendment_quotes_the_failed_legs_only_and_keeps_the_others(desk: Desk) -> None:
    before = proposed(desk).plan()
    sent = desk.given(amend("hotel", tried=("h1", "h2")))
    assert [(m.goal.goal_id, m.quote_id) for m in sent if isinstance(m, QuoteRequested)] == [("hotel", quote_id(desk, "hotel", 2))]
    desk.quote("hotel", offer("h3", 950))
    assert (desk.plan().revision, desk.last(PlanProposed).revision) == (2, 2)
    assert desk.chosen() == {"flight": "f1", "hotel": "h3", "payment": "card"}
    assert desk.plan().leg("flight") == before.leg("flight")
    assert desk.timers == {}


def test_what_was_tried_is_not_proposed_again_under_a_new_id(desk: Desk) -> None:
    proposed(desk).given(amend("hotel", tried=("h1",)))
    desk.quote("hotel", offer("h1", 100), offer("new", 900, title="Offer h1"), offer("h3", 1200))
    assert desk.chosen()["hotel"] == "h3"


def test_an_amended_leg_may_have_another_shape(desk: Desk) -> None:
    proposed(desk).given(amend("hotel"))
    desk.quote("hotel", offer("h3", 950, fee=None))
    assert desk.plan().step("hotel.confirm").phase is Phase.PIVOT


def test_an_amended_total_never_falls_below_what_may_be_authorized(desk: Desk) -> None:
    proposed(desk).given(amend("hotel", tried=("h1", "h2")))
    desk.quote("hotel", offer("h3", 100))
    assert desk.plan().step("payment.authorize").ceiling == idr(3200)
    assert desk.plan().ceilings == {"IDR": 3200}


def test_an_amendment_stays_within_the_budget_of_the_whole_trip(desk: Desk) -> None:
    desk.given(intent(goal("flight", budget=budget(3000)), goal("hotel")))
    desk.quote("flight", offer("f1", 2000))
    desk.quote("hotel", offer("h1", 900))
    desk.quote("payment", card())
    desk.given(amend("hotel", tried=("h1",)))
    assert told(desk.quote("hotel", offer("h3", 1100))) == [(2, "over_budget", "the cheapest total is IDR 31")]


def test_an_amendment_without_an_answer_is_infeasible_and_may_be_asked_for_by_a_later_epoch(desk: Desk) -> None:
    proposed(desk).given(amend("hotel"))
    assert told(desk.fire("quotes")) == [(2, "quote_timeout", "hotel")]
    desk.given(amend("hotel", revision=2, epoch=2))
    desk.quote("hotel", offer("h3"))
    assert desk.plan().revision == 3


def test_an_amendment_twice_is_quoted_once(desk: Desk) -> None:
    proposed(desk).given(amend("hotel"))
    assert desk.given(amend("hotel")) == []


def test_a_denied_revision_is_not_the_base_of_the_next(desk: Desk) -> None:
    proposed(desk).given(amend("hotel", tried=("h1", "h2")))
    desk.quote("hotel", offer("h3"))
    desk.given(amend("flight", revision=2, base=1, epoch=2))
    desk.quote("flight", offer("f3"))
    assert desk.plan().revision == 3
    assert desk.chosen()["hotel"] == "h1"


def test_what_is_free_in_the_plan_and_charged_in_the_next_has_nobody_to_pay_it(desk: Desk) -> None:
    desk.given(intent(goal("tour")))
    desk.quote("tour", offer("t", None))
    desk.quote("payment", card())
    desk.given(amend("tour"))
    assert told(desk.quote("tour", offer("t2", 10))) == [(2, "no_payment", "")]


@pytest.mark.parametrize("legs", [(), ("boat",), ("hotel", "boat")])
def test_an_amendment_of_a_leg_that_is_not_in_the_plan_is_infeasible(desk: Desk, legs: tuple[str, ...]) -> None:
    assert told(proposed(desk).given(amend(*legs))) == [(2, "unknown_leg", ", ".join(legs))]


def test_an_amendment_of_a_plan_nobody_knows_is_answered(desk: Desk) -> None:
    assert told(desk.given(amend("hotel"))) == [(2, "unknown_plan", "")]


def test_the_payment_leg_can_be_amended(desk: Desk) -> None:
    proposed(desk).given(amend("payment", tried=("card",)))
    assert desk.asked["payment"].quote_id == quote_id(desk, "payment", 2)
    desk.quote("payment", card("other", StepKind.COMPENSATABLE).model_copy(update={"title": "Other"}))
    assert desk.chosen()["payment"] == "other"


def test_the_same_quotes_in_any_order_make_the_same_bytes() -> None:
    texts = set()
    for turn in range(3):
        desk = Desk("order of quotes")
        desk.given(intent(goal("flight"), goal("hotel")))
        answers = [("flight", offer("f1", 2000)), ("hotel", offer("h1", 900)), ("payment", card())]
        for goal_id, found in (*answers[turn:], *answers[:turn]):
            desk.quote(goal_id, found)
        texts.add(desk.last(PlanProposed).plan)
    assert len(texts) == 1


def test_a_state_survives_being_stored(desk: Desk) -> None:
    proposed(desk).given(amend("hotel"))
    stored = desk.state.model_dump_json()
    assert type(desk.state).model_validate_json(stored) == desk.state


def test_a_proposed_plan_survives_being_sent(desk: Desk) -> None:
    plan = proposed(desk).plan()
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
