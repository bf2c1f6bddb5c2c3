"""What is counted: outcomes, fees, engines, and closings that replace one another."""

from datetime import timedelta

import pytest
from tests.unit.billing.conftest import NOVEMBER, Office, ended, told, used

from tuntas.contracts.ids import derive
from tuntas.contracts.planner import PlanAnswered

TASK = derive("a task")
CALL = derive("a call")
DECEMBER = NOVEMBER + timedelta(days=20)


def net(office: Office) -> dict[tuple[str, str], int]:
    """Return what is left of each month's and meter's facts."""
    sums: dict[tuple[str, str], int] = {}
    for _, fact, _ in office.facts.values():
        sums[fact.month, fact.meter] = sums.get((fact.month, fact.meter), 0) + fact.quantity
    return {key: quantity for key, quantity in sums.items() if quantity}


def test_a_completed_task_is_counted_with_what_it_moved_and_the_month_it_happened_in(office: Office) -> None:
    office.take([ended(TASK, moved=7_000)])
    assert net(office) == {("2026-11", "base.month"): 1, ("2026-11", "task.completed"): 1, ("2026-11", "amount.moved"): 7_000}


def test_a_compensated_task_is_free_and_its_fee_only_passes_through(office: Office) -> None:
    office.take([ended(TASK, "compensated", fee=151_000)])
    assert net(office) == {("2026-11", "base.month"): 1, ("2026-11", "task.compensated"): 1, ("2026-11", "fee.kept"): 151_000}
    assert [line.amount_minor for line in office.invoice().lines if line.meter == "task.compensated"] == [0]
    assert [e.debit for _, _, e in office.entries] == ["receivable:acme", "passthrough:fees:bale-stays"]


def test_a_task_that_only_asked_is_counted_and_free(office: Office) -> None:
    office.take([told(TASK, PlanAnswered(told=()))])
    assert ("2026-11", "task.answered") in net(office)
    assert [(line.meter, line.amount_minor) for line in office.invoice().lines][1:] == [("task.answered", 0)]


def test_a_later_closing_takes_the_earlier_one_back_in_its_own_month(office: Office) -> None:
    office.take([ended(TASK, moved=500)])
    office.take([ended(TASK, "compensated", 2, fee=40, at=DECEMBER)], DECEMBER)
    assert net(office) == {
        ("2026-11", "base.month"): 1,
        ("2026-12", "base.month"): 1,
        ("2026-12", "task.compensated"): 1,
        ("2026-12", "fee.kept"): 40,
    }
    backs = [fact for _, fact, _ in office.facts.values() if fact.supersedes]
    assert {office.facts[back.supersedes][1].meter for back in backs if back.supersedes} == {"task.completed", "amount.moved"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1, 2, 0)])
def test_closings_in_any_order_leave_the_same_facts(order: tuple[int, ...]) -> None:
    closings = [ended(TASK), ended(TASK, "compensated", 2, fee=40, at=DECEMBER), ended(TASK, "completed", 3, moved=9, at=DECEMBER)]
    orderly, other = Office(), Office()
    orderly.take(closings, DECEMBER)
    for n in order:
        other.take([closings[n]], DECEMBER)
    assert {i: f for i, (_, f, _) in orderly.facts.items()} == {i: f for i, (_, f, _) in other.facts.items()}


def test_a_closing_told_in_another_message_is_counted_once(office: Office) -> None:
    office.take([ended(TASK), ended(TASK, name="again")])
    office.take([ended(TASK, "compensated", 2)])
    office.take([ended(TASK, name="and again")])
    assert net(office) == {("2026-11", "base.month"): 1, ("2026-11", "task.compensated"): 1}


def test_an_attempt_at_an_engine_is_counted_once_under_whatever_key_it_is_told(office: Office) -> None:
    for event in (used(CALL, task=TASK), used(CALL, task=TASK, name="again"), used(CALL, name="by itself")):
        office.take([event])
    engine = {meter: quantity for (_, meter), quantity in net(office).items() if meter.startswith("engine.")}
    assert engine == {
        "engine.call": 1,
        "engine.input": 100,
        "engine.cached": 20,
        "engine.output": 30,
        "engine.charge": 1_000,
        "engine.reference": 9_000,
    }


def test_a_fallback_is_another_attempt_and_an_attempt_without_a_charge_costs_nothing(office: Office) -> None:
    office.take([used(CALL, 1, None), used(CALL, 2, 1_500)])
    costs = [(e.debit, e.credit, e.amount_micro) for _, _, e in office.entries if e.kind == "cost"]
    assert costs == [("cost:engine:luma", "payable:engine:luma", 1_500)]
    assert net(office)["2026-11", "engine.call"] == 2


@pytest.mark.parametrize("days", [2, 365 * 3, -365 * 40])
def test_a_message_from_an_implausible_time_is_set_aside(office: Office, days: int) -> None:
    office.take([ended(TASK, at=NOVEMBER + timedelta(days=days))])
    assert (office.refused, office.facts) == (["implausible_time"], {})


@pytest.mark.parametrize("most", [{"fee": 10**13 + 1}, {"moved": 10**17 + 1}, {"closing": 2**31}])
def test_a_number_that_the_books_cannot_hold_is_set_aside(office: Office, most: dict[str, int]) -> None:
    office.take([ended(TASK, "compensated", **most), used(CALL, charge=10**17 + 1)])
    assert (office.refused, office.facts) == (["out_of_bounds", "out_of_bounds"], {})


def test_another_tenants_event_is_refused(office: Office) -> None:
    office.take([ended(TASK), ended(TASK, "compensated", 2, tenant="brio"), used(CALL, task=TASK, tenant="brio")])
    assert office.refused == ["foreign_tenant", "foreign_tenant"]
    assert net(office) == {("2026-11", "base.month"): 1, ("2026-11", "task.completed"): 1}


def test_a_receipt_of_another_tenant_is_refused(office: Office) -> None:
    event = ended(TASK, tenant="brio")
    body: object = event.body
    office.take([told(TASK, body)])  # type: ignore[arg-type]
    assert office.refused == ["foreign_tenant"]


def test_the_same_fact_of_two_tenants_has_two_ids(office: Office) -> None:
    office.take([ended(TASK), ended(derive("their task"), tenant="brio")])
    assert len({fact.id for _, fact, _ in office.facts.values()}) == len(office.facts) == 4


def test_a_row_keeps_only_what_its_newest_closing_counted(office: Office) -> None:
    office.take([ended(TASK), ended(TASK, "compensated", 2, fee=40)])
    state = office.rows[TASK].state
    assert state is not None
    assert ([fact.meter for fact in state.booked], state.fresh, state.status) == (["task.compensated", "fee.kept"], (), "compensated")


def test_a_facts_id_never_changes(office: Office) -> None:
    office.take([ended(TASK)])
    ids = {fact.meter: str(fact.id) for _, fact, _ in office.facts.values()}
    assert ids == {
        "base.month": "94feb8b3-fd8f-53e7-a1ce-808b696d241a",
        "task.completed": "cdb0d132-25ed-5289-bd47-c2cd5069464d",
    }
