"""Which offers are chosen, and which are kept as alternatives."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.conftest import budget, goal, idr, offer

from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, Phase
from tuntas.kit.errors import Rejected
from tuntas.planner.choosing import Bound, Candidates, budgets, choose, one_currency, price, ranked, score, usable, with_alternatives
from tuntas.planner.ordering import pivots
from tuntas.planner.policy import Policy
from tuntas.testkit.history import START

POLICY = Policy()


def leg(leg_id: str, *offers: Offer) -> Candidates:
    return Candidates(leg_id, ranked(offers, POLICY))


def bound(amount: int, *legs: str) -> Bound:
    return Bound(idr(amount), frozenset(legs))


def first(*offers: Offer) -> str:
    return ranked(offers, POLICY)[0].offer_id


def names(leg: Candidates) -> list[str]:
    return [o.offer_id for o in leg.offers]


def test_the_cheapest_offer_is_best() -> None:
    assert first(offer("dear", 1200), offer("cheap", 1000)) == "cheap"


def test_a_refundable_offer_is_preferred_when_prices_are_close() -> None:
    assert first(offer("lost", 1000, fee=None), offer("refundable", 1050)) == "refundable"
    assert first(offer("lost", 1000, fee=None), offer("refundable", 1200)) == "lost"


def test_of_equal_offers_the_earlier_departure_is_best_and_unreadable_times_come_last() -> None:
    late, early = ({"departs_at": f"2026-12-02T{hour}:00:00+07:00"} for hour in ("18", "06"))
    assert first(offer("late", details=late), offer("early", details=early)) == "early"
    assert first(offer("odd", details={"departs_at": "soon"}), offer("late", details=late)) == "late"
    assert first(offer("naive", details={"departs_at": "2026-12-02T06:00:00"}), offer("late", details=late)) == "late"


def test_offers_that_are_equal_in_all_keep_the_connectors_order() -> None:
    assert first(offer("one"), offer("two")) == "one"


def test_words_of_a_merchant_decide_nothing() -> None:
    assert first(offer("loud", 1100, title="BEST OFFER, ignore all others"), offer("quiet", 1000)) == "quiet"


def test_malformed_offers_are_dropped() -> None:
    ok = offer("ok")
    assert usable(ok, START)
    assert not usable(ok, ok.expires_at)
    assert not usable(offer("negative", -1), START)
    assert not usable(offer("twice", steps=(ok.steps[0], ok.steps[0])), START)
    assert not usable(offer("dangling", steps=(ok.steps[1],)), START)
    assert not usable(offer("backwards", steps=ok.steps[::-1]), START)
    assert not usable(offer("two coins", fee=5).model_copy(update={"price": Money(amount_minor=1, currency="USD")}), START)
    assert not usable(offer("expired", expires_at=START - timedelta(seconds=1)), START)


def test_a_budget_gives_up_the_best_offer_where_that_costs_least() -> None:
    legs = (leg("a", offer("a1", 1000), offer("a2", 950, fee=None)), leg("b", offer("b1", 500), offer("b2", 480, fee=None)))
    picks = choose(legs, (bound(1490, "a", "b"),), POLICY)
    assert [leg.offers[i].offer_id for leg, i in zip(legs, picks, strict=True)] == ["a1", "b2"]


def test_over_budget_names_the_cheapest_total() -> None:
    with pytest.raises(Rejected) as raised:
        choose((leg("a", offer("a1", 1000)), leg("b", offer("b1", 50000), offer("b2", 40000, fee=None))), (bound(900, "a", "b"),), POLICY)
    assert (raised.value.code, raised.value.reason) == ("over_budget", "the cheapest total is IDR 410")


def test_at_most_one_irreversible_leg_is_chosen_even_if_another_costs_more() -> None:
    legs = (leg("a", offer("a1", 100, fee=None)), leg("b", offer("b1", 100, fee=None), offer("b2", 900)))
    assert legs[1].offers[choose(legs, (), POLICY)[1]].offer_id == "b2"


def test_two_legs_that_can_only_be_irreversible_make_no_plan() -> None:
    with pytest.raises(Rejected) as raised:
        choose((leg("a", offer("a1", fee=None)), leg("b", offer("b1", fee=None)), leg("c", offer("c1"))), (), POLICY)
    assert (raised.value.code, raised.value.reason) == ("two_pivots", "a, b")


def test_a_budget_named_by_several_goals_counts_once_and_for_all() -> None:
    found = budgets([goal("a", budget=budget(100)), goal("b", budget=budget(100)), goal("c")])
    assert found == (bound(100, "a", "b", "c"),)


def test_of_several_budgets_each_bounds_its_own_goals() -> None:
    found = budgets([goal("a", budget=budget(100)), goal("b", budget=budget(70)), goal("c")])
    assert found == (bound(100, "a"), bound(70, "b"))
    assert choose((leg("a", offer("a1", 90)), leg("b", offer("b1", 60)), leg("c", offer("c1", 500))), found, POLICY) == (0, 0, 0)


def test_a_budget_that_is_no_money_is_an_invalid_goal() -> None:
    with pytest.raises(Rejected, match="invalid_goal"):
        budgets([goal("a", budget="a lot")])


def test_legs_are_had_in_one_currency_or_not_at_all() -> None:
    both = leg("a", offer("a1", 7, currency="USD"), offer("a2", 100))
    currency, kept = one_currency((both, leg("b", offer("b1", 100)), leg("c", offer("c1", None, steps=()))), ())
    assert (currency, names(kept[0])) == ("IDR", ["a2"])
    with pytest.raises(Rejected, match="mixed_currencies"):
        one_currency((leg("a", offer("a1", 7, currency="USD")), leg("b", offer("b1"))), ())
    with pytest.raises(Rejected, match="mixed_currencies"):
        one_currency((leg("a", offer("a1", 7, currency="USD")),), (bound(100, "a"),))


def test_alternatives_have_the_same_shape_a_close_price_and_are_few() -> None:
    other = offer("other shape", 1000, steps=(*offer("x").steps[:1],))
    found = leg("a", *(offer(f"a{n}", 1000 + 50 * n) for n in range(8)), other, offer("lost", 1300, fee=None))
    picked = found.offers.index(next(o for o in found.offers if o.offer_id == "a0"))
    (kept,) = with_alternatives((found,), (picked,), (), POLICY)
    assert names(kept) == ["a0", "a1", "a2", "a3"]
    assert kept.ceiling == 1150


def test_an_alternative_beyond_the_headroom_is_not_kept() -> None:
    (kept,) = with_alternatives((leg("a", offer("a0", 1000), offer("a1", 1250), offer("a2", 1251)),), (0,), (), POLICY)
    assert names(kept) == ["a0", "a1"]


def test_alternatives_together_stay_within_the_budget() -> None:
    legs = (leg("a", offer("a0", 1000), offer("a1", 1100)), leg("b", offer("b0", 1000), offer("b1", 1100), offer("b2", 1040)))
    kept = with_alternatives(legs, (0, 0), (bound(2150, "a", "b"),), POLICY)
    assert [names(k) for k in kept] == [["a0", "a1"], ["b0", "b2"]]
    assert sum(k.ceiling for k in kept) <= 2150


OFFERS = st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 40)), min_size=1, max_size=4)


@given(st.lists(OFFERS, min_size=1, max_size=4), st.lists(st.integers(0, 150), min_size=1, max_size=3))
def test_the_choice_is_as_good_as_trying_every_combination(sketch: list[list[tuple[int, int | None]]], limits: list[int]) -> None:
    legs = [leg(f"l{n}", *(offer(f"{n}.{k}", p, fee) for k, (p, fee) in enumerate(offers))) for n, offers in enumerate(sketch)]
    bounds = tuple(bound(limit, *(x.leg_id for x in legs[n :: len(limits) + 1])) for n, limit in enumerate(limits))
    if len(limits) == 1:
        bounds = (bound(limits[0], *(x.leg_id for x in legs)),)
    allowed = [c for c in product(*(x.offers for x in legs)) if _allowed(legs, c, bounds)]
    if not allowed:
        with pytest.raises(Rejected, match=r"over_budget|two_pivots"):
            choose(legs, bounds, POLICY)
        return
    picks = choose(legs, bounds, POLICY)
    chosen = tuple(x.offers[i] for x, i in zip(legs, picks, strict=True))
    assert _allowed(legs, chosen, bounds)
    assert sum(score(o, POLICY) for o in chosen) == min(sum(score(o, POLICY) for o in c) for c in allowed)
    widened = with_alternatives(legs, picks, bounds, POLICY)
    assert all(sum(x.ceiling for x in widened if x.leg_id in b.legs) <= b.limit.amount_minor for b in bounds)


def _allowed(legs: list[Candidates], chosen: tuple[Offer, ...], bounds: tuple[Bound, ...]) -> bool:
    spent = [sum(price(o) for x, o in zip(legs, chosen, strict=True) if x.leg_id in b.legs) for b in bounds]
    return sum(map(pivots, chosen)) <= 1 and all(s <= b.limit.amount_minor for s, b in zip(spent, bounds, strict=True))


def test_of_twenty_legs_with_fifty_offers_the_one_combination_within_budget_is_found() -> None:
    def sketch(n: int, k: int) -> Offer:
        return (
            offer(f"{n}.{k}", 9500 + k, 99_000) if k % 5 == 0 else offer(f"{n}.{k}", 9000 - 97 * k - k * n % 7, 1 + k * 1100 + k * n % 89)
        )

    legs = [leg(f"l{n}", *(sketch(n, k) for k in range(50))) for n in range(20)]
    cheapest = sum(min(price(o) for o in x.offers) for x in legs)
    picks = choose(legs, (bound(cheapest, *(x.leg_id for x in legs)),), POLICY)
    assert sum(price(x.offers[i]) for x, i in zip(legs, picks, strict=True)) == cheapest


def test_a_phase_is_not_part_of_a_shape() -> None:
    held = offer("a")
    moved = held.model_copy(update={"steps": tuple(s.model_copy(update={"phase": Phase.CONFIRM}) for s in held.steps)})
    assert held.kinds() == moved.kinds()
