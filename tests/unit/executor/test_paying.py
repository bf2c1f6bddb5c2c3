"""Money and the next revision of a plan: what was set aside or taken fits it, or is given back first."""

from typing import Any

from tuntas.contracts.connectors import StepStarted
from tuntas.contracts.money import Money
from tuntas.contracts.saga import AttemptRelease


def idr(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def _revised(soft: Any, ceiling: int) -> list[Any]:
    """Approve a second revision whose payment may come to this much."""
    first = soft.plan()
    offers = first.legs[0].offers[:1]
    soft.approve(soft.plan(hotels=offers))
    soft.done("hotel.hold", "flight.hold", "pay.authorize")
    soft.refuse("hotel.confirm", "sold_out")
    plan = soft.plan(hotels=(offers[0].model_copy(update={"offer_id": "h9"}),), revision=2)
    steps = tuple(s.model_copy(update={"ceiling": idr(ceiling)}) if s.leg_id == "pay" else s for s in plan.steps)
    sent: list[Any] = soft.approve(plan.model_copy(update={"steps": steps, "ceilings": {"IDR": ceiling}}))
    return sent


def test_an_authorization_that_is_too_small_for_the_next_revision_is_renewed(soft: Any) -> None:
    _revised(soft, 4000)
    assert {d.step_id for d in soft.last(AttemptRelease).declarations} == {"hotel.hold", "pay.authorize"}
    soft.released()
    soft.done("hotel.hold")
    assert (soft.last(StepStarted).declaration.step_id, soft.last(StepStarted).amount) == ("pay.authorize", idr(4000))


def test_an_authorization_that_is_large_enough_stays(soft: Any) -> None:
    _revised(soft, 3000)
    assert [d.step_id for d in soft.last(AttemptRelease).declarations] == ["hotel.hold"]


def test_a_person_has_time_to_approve_the_next_revision(soft: Any) -> None:
    soft.approve(soft.plan(hotels=soft.plan().legs[0].offers[:1]))
    soft.refuse("hotel.hold", "sold_out")
    assert (soft.timers["amend"] - soft.now).total_seconds() > 600
