"""Goals that only ask, and goals that meet others: what is asked when, and what time and way they are given."""

from datetime import timedelta
from typing import Any

from tests.unit.planner.conftest import FOUND, PERSON, Desk, Directory, card, goal, intent, offer

from tuntas.contracts.connectors import QuoteRequested
from tuntas.contracts.plan import Goal, Meeting, Offer, Place, Window
from tuntas.contracts.planner import PlanAmend, PlanAnswered, PlanInfeasible, PlanProposed, Told
from tuntas.testkit.history import START

CGK = Place(name="Soekarno-Hatta", lat=-6.126, lon=106.656, tz="Asia/Jakarta")
DPS = Place(name="Ngurah Rai", lat=-8.748, lon=115.167, tz="Asia/Makassar")
LEAVES = START + timedelta(days=3)


def flying(offer_id: str, price: int, *, late: int = 0) -> Offer:
    start = LEAVES + timedelta(minutes=late)
    window = Window(start=start, end=start + timedelta(hours=2), lead_minutes=90, tail_minutes=30, origin=CGK, destination=DPS)
    return offer(offer_id, price, window=window)


def ride(at: str = "start", **parameters: Any) -> Goal:
    asked = goal("ride", **parameters)
    return asked.model_copy(update={"meets": Meeting.model_validate({"goal": "flight", "at": at})})


def flown(desk: Desk, *goals: Goal) -> Desk:
    desk.given(intent(goal("flight"), *goals))
    desk.quote("payment", card())
    desk.quote("flight", flying("f1", 2000), flying("f2", 2100, late=5), flying("f3", 2200, late=240))
    return desk


def test_who_only_asks_is_told_and_nothing_is_planned(desk: Desk) -> None:
    desk.given(intent(goal("route", "map.route")))
    assert set(desk.asked) == {"route"}
    assert desk.asked["route"].person == PERSON
    sent = desk.found("route", 600)
    assert sent == [PlanAnswered(told=(Told(goal_id="route", type="map.route", found=FOUND),))]
    assert (desk.timers, desk.state.status) == ({}, "answered")


def test_what_is_asked_beside_something_to_do_is_told_with_the_plan(desk: Desk) -> None:
    desk.given(intent(goal("route", "map.route"), goal("flight")))
    desk.found("route")
    desk.quote("payment", card())
    desk.quote("flight", offer("f1"))
    assert desk.last(PlanProposed).told == (Told(goal_id="route", type="map.route", found=FOUND),)
    assert [leg.leg_id for leg in desk.plan().legs] == ["flight", "payment"]


def test_a_question_nobody_can_answer_is_named(desk: Desk) -> None:
    desk.given(intent(goal("place", "map.place"), goal("flight")))
    desk.quote("place", code="unknown_place")
    assert (desk.last(PlanInfeasible).code, desk.last(PlanInfeasible).wishes) == ("unknown_place", ("place",))


def test_a_ride_to_the_airport_is_asked_for_once_the_flight_and_the_way_are_known(desk: Desk) -> None:
    flown(desk, ride(origin="Kemang"))
    assert "ride" not in desk.asked
    assert desk.asked["way1"].goal.parameters == {"origin": "Kemang", "destination": {"lat": CGK.lat, "lon": CGK.lon}}
    desk.found("way1", 3000)
    timing = desk.asked["ride"].timing
    assert timing is not None
    assert (timing.place, timing.arrive_by, timing.leave_from) == (CGK, LEAVES - timedelta(minutes=90), None)
    assert timing.travel_seconds == 3000
    desk.quote("ride", offer("r1", 150))
    assert desk.chosen() == {"flight": "f1", "ride": "r1", "payment": "card"}
    assert any("50 min by map" in reason for reason in desk.plan().reasons)


def test_a_ride_from_the_airport_waits_until_one_is_out_of_it(desk: Desk) -> None:
    flown(desk, ride("end", destination="Ubud"))
    assert desk.asked["way1"].goal.parameters == {"origin": {"lat": DPS.lat, "lon": DPS.lon}, "destination": "Ubud"}
    desk.found("way1", 3000)
    timing = desk.asked["ride"].timing
    assert timing is not None
    assert (timing.place, timing.leave_from) == (DPS, LEAVES + timedelta(hours=2, minutes=30))


def test_what_stands_in_for_a_flight_that_is_met_leaves_at_about_the_same_time(desk: Desk) -> None:
    flown(desk, ride(origin="Kemang"))
    desk.found("way1", 3000)
    desk.quote("ride", offer("r1", 150))
    assert [o.offer_id for o in desk.plan().leg("flight").offers] == ["f1", "f2"]


def test_a_way_that_no_map_knows_is_left_to_the_driver(desk: Desk) -> None:
    flown(desk, ride(origin="Kemang"))
    desk.quote("way1", code="unknown_place")
    timing = desk.asked["ride"].timing
    assert timing is not None
    assert timing.travel_seconds is None


def test_without_a_router_or_the_other_end_of_the_way_nobody_is_asked_for_it() -> None:
    for desk, wish in ((Desk("no router", Directory(router=False)), ride(origin="Kemang")), (Desk("no end"), ride())):
        flown(desk, wish)
        assert "way1" not in desk.asked
        assert desk.asked["ride"].timing is not None


def test_what_meets_nothing_or_only_a_question_is_a_conflict(desk: Desk) -> None:
    for number, others in enumerate(((), (goal("flight", "map.route"),))):
        table = Desk(f"conflict {number}")
        table.given(intent(*others, ride()))
        assert (table.last(PlanInfeasible).code, table.last(PlanInfeasible).wishes) == ("conflicting_goals", ("ride",))
    desk.given(intent(goal("flight"), ride(), goal("late").model_copy(update={"meets": Meeting(goal="ride", at="end")})))
    assert desk.last(PlanInfeasible).wishes == ("late",)


def amended(desk: Desk, *legs: str, **fields: Any) -> list[Any]:
    return desk.given(PlanAmend.model_validate({"revision": 1, "epoch": 2, "failed_legs": legs, "code": "moved", **fields}))


def test_when_the_flight_is_moved_the_ride_is_asked_for_at_the_new_time(desk: Desk) -> None:
    flown(desk, ride(origin="Kemang"))
    desk.found("way1", 3000)
    desk.quote("ride", offer("r1", 150))
    moved = flying("f1", 2000, late=180).window
    sent = amended(desk, "ride", windows={"flight": moved})
    assert [m.goal.goal_id for m in sent if isinstance(m, QuoteRequested)] == ["way1"]
    desk.found("way1", 2400)
    timing = desk.asked["ride"].timing
    assert timing is not None
    assert timing.arrive_by == LEAVES + timedelta(minutes=90)
    desk.quote("ride", offer("r2", 150))
    assert desk.chosen() == {"flight": "f1", "ride": "r2", "payment": "card"}
    assert desk.plan().leg("flight").offers[0].window == flying("f1", 2000).window


def test_when_the_flight_is_replaced_so_is_the_ride_that_met_it(desk: Desk) -> None:
    flown(desk, ride(origin="Kemang"))
    desk.found("way1", 3000)
    desk.quote("ride", offer("r1", 150))
    amended(desk, "flight", tried=["f1"], code="sold_out")
    desk.quote("flight", flying("f3", 2200, late=240))
    desk.found("way1", 3000)
    timing = desk.asked["ride"].timing
    assert timing is not None
    assert timing.arrive_by == LEAVES + timedelta(minutes=150)
    desk.quote("ride", offer("r3", 150))
    assert desk.chosen() == {"flight": "f3", "ride": "r3", "payment": "card"}
