"""Whatever plan the planner makes, first or amended, trust finds its totals honest and its lines within them."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.conftest import PERSON, Desk, card, goal, intent, offer
from tests.unit.trust.conftest import mandate, sign

from tuntas.contracts.money import total, within
from tuntas.contracts.plan import Offer, Plan, Statement
from tuntas.contracts.planner import PlanAmend, PlanProposed
from tuntas.contracts.trust import PlanApproved
from tuntas.kit.persistence.database import Row
from tuntas.testkit.history import History
from tuntas.trust.core import core
from tuntas.trust.state import Wallet, blank

PLENTY = {"IDR": 10**9}
OFFERS = st.lists(st.tuples(st.integers(0, 500) | st.none(), st.integers(0, 300) | st.none()), min_size=1, max_size=4)


def made(leg: str, sketch: list[tuple[int | None, int | None]]) -> list[Offer]:
    return [offer(f"{leg}{n}", price, fee) for n, (price, fee) in enumerate(sketch)]


def approved(message: PlanProposed, desk: Desk) -> PlanApproved:
    trust = History(core(sign), "trust", "planned")
    trust.task_id = desk.task_id
    wallet = Wallet(person=PERSON, mandate=mandate(per_task=PLENTY, budget=PLENTY))
    trust.rows = {desk.task_id: Row(desk.task_id, trust.tenant, 0, blank(PERSON, wallet), frozenset())}
    (sent,) = trust.given(message)
    assert isinstance(sent, PlanApproved)
    return sent


@given(st.lists(OFFERS, min_size=1, max_size=3), OFFERS)
def test_a_plan_of_the_planner_is_approved_line_by_line(
    sketch: list[list[tuple[int | None, int | None]]], again: list[tuple[int | None, int | None]]
) -> None:
    desk = Desk("planned")
    desk.given(intent(*(goal(f"g{n}") for n in range(len(sketch)))))
    for n, offers in enumerate(sketch):
        desk.quote(f"g{n}", *made(f"g{n}", offers))
    desk.quote("payment", card())
    if desk.state.status == "proposed":
        tried = tuple(o.offer_id for o in desk.plan().leg("g0").offers)
        desk.given(PlanAmend(revision=1, epoch=1, failed_legs=("g0",), tried=tried, code="sold_out"))
        desk.quote("g0", *made("again", again))
    for message in (m for m in desk.sent if isinstance(m, PlanProposed)):
        _check(approved(message, desk))


def _check(message: PlanApproved) -> None:
    plan, statement = Plan.model_validate_json(message.plan), Statement.model_validate_json(message.approval.statement)
    assert message.fee_limit == plan.worst_undo
    lines = {line.step_id: line for line in statement.lines}
    for leg in plan.legs:
        assert all(
            name in line.payees
            for o in leg.offers
            for step, line in lines.items()
            if step.startswith(leg.leg_id)
            for name in (o.provider, o.payee)
        )
    for step in (s for s in plan.steps if s.ceiling):
        line = lines[step.step_id]
        assert line.ceiling == step.ceiling
        assert within(total([line.ceiling]), statement.ceilings)
    assert within(total(line.worst_undo for line in lines.values() if line.worst_undo), plan.worst_undo)
