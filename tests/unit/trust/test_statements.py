"""What is signed, and which plans are not worth a question."""

from typing import Any

import pytest
from tests.unit.trust.conftest import LATER, idr, trip

from tuntas.contracts.ids import derive
from tuntas.contracts.plan import Line, Plan, Step, StepKind, UndoTerms
from tuntas.trust.statements import honest, statement

TASK = derive("test", "statements")


def lines(plan: Plan) -> dict[str, Line]:
    return {line.step_id: line for line in statement(plan, "0" * 64, "acme", LATER, LATER).lines}


def with_leg(plan: Plan, **changes: Any) -> Plan:
    """Return the plan with its hotel's confirmation changed in every offer."""
    hotel, payment = plan.legs
    offers = [o.model_copy(update={"steps": (o.steps[0], o.steps[1].model_copy(update=changes))}) for o in hotel.offers]
    return plan.model_copy(update={"legs": (hotel.model_copy(update={"offers": tuple(offers)}), payment)})


def with_step(plan: Plan, step_id: str, **changes: Any) -> Plan:
    steps: list[Step] = [s.model_copy(update=changes) if s.step_id == step_id else s for s in plan.steps]
    return plan.model_copy(update={"steps": tuple(steps)})


def test_steps_that_oblige_or_move_money_have_a_line_and_a_free_hold_has_none() -> None:
    assert list(lines(trip(TASK))) == ["payment.authorize", "hotel.confirm", "payment.capture"]


def test_a_line_binds_providers_and_payees_of_every_offer_the_ceiling_and_the_terms() -> None:
    assert lines(trip(TASK, ceiling=1000, fee=70))["hotel.confirm"] == Line(
        step_id="hotel.confirm",
        payees=("inn", "Inn Ltd", "lodge"),
        ceiling=idr(1000),
        instruments=("wallet",),
        worst_undo=idr(70),
    )


def test_a_free_obligation_has_a_line_of_nothing() -> None:
    ceiling = lines(with_step(trip(TASK), "hotel.confirm", ceiling=None))["hotel.confirm"].ceiling
    assert (ceiling.amount_minor, ceiling.currency) == (0, "XXX")


def test_an_irreversible_line_without_terms_may_lose_all() -> None:
    lost = with_leg(trip(TASK), kind=StepKind.PIVOT, undo=UndoTerms())
    assert lines(lost)["hotel.confirm"].worst_undo == idr(1000)


def test_a_plan_as_the_planner_makes_it_is_honest() -> None:
    assert honest(trip(TASK))


@pytest.mark.parametrize(
    "plan",
    [
        trip(TASK, ceilings={"IDR": 999}),
        trip(TASK, ceilings={"USD": 1000}),
        trip(TASK, worst_undo={"IDR": 99}),
        trip(TASK, worst_undo={}),
        with_step(trip(TASK), "payment.authorize", ceiling=idr(1001)),
        with_step(trip(TASK), "hotel.confirm", ceiling=idr(999)),
        with_step(trip(TASK), "hotel.confirm", ceiling=None),
        with_step(trip(TASK), "hotel.confirm", name="other"),
        with_step(trip(TASK), "hotel.confirm", leg_id="other"),
        with_leg(trip(TASK), kind=StepKind.PIVOT, undo=UndoTerms()),
    ],
)
def test_a_plan_whose_lines_exceed_what_it_says_is_not_honest(plan: Plan) -> None:
    assert not honest(plan)
