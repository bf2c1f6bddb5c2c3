"""Steps run forward by reversibility, each after all that it needs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.conftest import card, offer, step

from tuntas.contracts.plan import Offer, OfferStep, Phase, Step, StepKind
from tuntas.kit.errors import Rejected
from tuntas.planner.ordering import order

RANK = list(Phase)


def needs(steps: tuple[Step, ...]) -> dict[str, tuple[str, ...]]:
    return {s.step_id: s.needs for s in steps}


def above(steps: tuple[Step, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for s in steps:
        found[s.step_id] = set(s.needs).union(*(found[n] for n in s.needs))
    return found


def test_a_trip_is_held_authorized_confirmed_issued_and_captured() -> None:
    steps = order([("flight", offer("f", fee=None)), ("hotel", offer("h")), ("car", offer("c")), ("payment", card())])
    assert needs(steps) == {
        "flight.hold": (),
        "hotel.hold": (),
        "car.hold": (),
        "payment.authorize": ("flight.hold", "hotel.hold", "car.hold"),
        "hotel.confirm": ("payment.authorize",),
        "car.confirm": ("payment.authorize",),
        "flight.confirm": ("hotel.confirm", "car.confirm"),
        "payment.capture": ("flight.confirm",),
    }
    assert next(s for s in steps if s.step_id == "hotel.confirm").acts_on == "hotel.hold"


def test_without_an_irreversible_step_the_capture_waits_for_every_confirmation() -> None:
    steps = order([("flight", offer("f")), ("hotel", offer("h")), ("payment", card())])
    assert needs(steps)["payment.capture"] == ("flight.confirm", "hotel.confirm")


def test_without_payment_confirmations_wait_for_all_holds() -> None:
    steps = order([("a", offer("a")), ("b", offer("b"))])
    assert needs(steps)["a.confirm"] == ("a.hold", "b.hold")


def test_the_kind_decides_what_is_irreversible() -> None:
    odd = offer("o", steps=(step("issue", Phase.HOLD, kind=StepKind.PIVOT), step("note", Phase.PIVOT)))
    phases = {s.name: s.phase for s in order([("a", odd)])}
    assert phases == {"note": Phase.CONFIRM, "issue": Phase.PIVOT}


def test_a_step_is_never_before_the_step_it_acts_on() -> None:
    odd = offer("o", steps=(step("book", Phase.CONFIRM), step("seat", Phase.HOLD, acts_on="book")))
    assert needs(order([("a", odd)])) == {"a.book": (), "a.seat": ("a.book",)}


def test_two_irreversible_steps_are_refused() -> None:
    with pytest.raises(Rejected, match="two_pivots"):
        order([("a", offer("a", fee=None)), ("b", offer("b", fee=None))])


def test_a_step_that_may_be_refused_after_an_irreversible_one_is_refused() -> None:
    with pytest.raises(Rejected, match="failable_after_pivot"):
        order([("a", offer("a", fee=None)), ("payment", card(capture=StepKind.COMPENSATABLE))])


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    steps: list[OfferStep] = []
    for n in range(draw(st.integers(0, 4))):
        acts_on = draw(st.sampled_from([None, *(s.name for s in steps)]))
        fields: dict[str, Any] = {"kind": draw(st.sampled_from(StepKind)), "acts_on": acts_on}
        steps.append(step("abcd"[n], draw(st.sampled_from(Phase)), **fields))
    return offer("o", steps=tuple(steps))


@given(st.lists(offers(), max_size=4))
def test_any_order_is_sorted_acyclic_reduced_and_safe_around_the_irreversible_step(found: list[Offer]) -> None:
    legs = [(f"l{n}", o) for n, o in enumerate(found)]
    try:
        steps = order(legs)
    except Rejected as error:
        assert error.code in {"two_pivots", "failable_after_pivot"}  # noqa: PT017 - either a refusal or a good order
        assert any(s.kind is StepKind.PIVOT for o in found for s in o.steps)
        return
    everything = above(steps)
    assert len(everything) == len(steps) == sum(len(o.steps) for o in found)
    for s in steps:
        assert s.acts_on is None or s.acts_on in everything[s.step_id]
        for n in s.needs:
            assert not any(n in everything[other] for other in s.needs)
        lower = {o.step_id for o in steps if RANK.index(o.phase) < RANK.index(s.phase)}
        assert lower <= everything[s.step_id]
    _safe(steps, everything)


def _safe(steps: tuple[Step, ...], everything: dict[str, set[str]]) -> None:
    pivots = [s for s in steps if s.kind is StepKind.PIVOT]
    assert len(pivots) <= 1
    for pivot in pivots:
        failable = {s.step_id for s in steps if s.kind is StepKind.COMPENSATABLE}
        assert failable <= everything[pivot.step_id]
    for capture in (s for s in steps if s.phase is Phase.CAPTURE):
        assert {s.step_id for s in steps if s.phase is not Phase.CAPTURE} <= everything[capture.step_id]
