"""Which tasks a repair is meant for, and what is at stake; the door that says so before anything leaves."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.gateway.repairing import targets, total
from tuntas.kit.operations import Facts, Stuck, StuckTask
from tuntas.testkit.history import START

KEYS = [UUID(int=n) for n in range(1, 5)]
Effect = dict[str, Any]


def effect(n: int, **facts: Any) -> Effect:
    return {"declaration": {"key": str(KEYS[n]), "step_id": f"s{n}", "provider": "bale", "start": n}} | facts


def saga(status: str, *effects: Effect, **facts: Any) -> dict[str, Any]:
    return {"status": status, "version": 7, "effects": {e["declaration"]["key"]: e for e in effects}, "at_risk": {"IDR": 60}} | facts


def stuck(doc: dict[str, Any], task: UUID | None = None) -> Stuck:
    task = task or uuid4()
    rest: dict[str, Any] = {"status": "x", "step": None, "provider": None, "code": None, "age_seconds": 1}
    line = StuckTask(task_id=task, tenant="acme", version=doc.get("version"), money_at_risk=doc.get("at_risk", {}), **rest)
    return Stuck(line, Facts(task, START, {"saga": doc}, {}))


WAITS = saga("needs_attention", effect(1, stage="waiting"), effect(2, stage="waiting", quote_id="q"), aim="compensated")
DOUBT = saga("needs_attention", effect(1, listed="done"), effect(2, listed="unknown"))


@pytest.mark.parametrize(
    ("doc", "action", "key"),
    [
        (WAITS, "retry", None),
        (WAITS, "skip", KEYS[2]),
        (WAITS, "mark_done", KEYS[2]),
        (WAITS, "accept_fee", KEYS[2]),
        (DOUBT, "retry", None),
        (DOUBT, "mark_done", KEYS[2]),
        (DOUBT, "force", None),
        (saga("halting"), "force", None),
        (saga("compensating", effect(1, stage="waiting"), aim="compensated"), "retry", None),
    ],
)
def test_a_task_is_meant_with_the_effect_that_waits_and_the_version_seen(doc: dict[str, Any], action: Any, key: UUID | None) -> None:
    (target,) = targets([stuck(doc)], action, 10)
    assert (target.key, target.expected, target.tenant) == (key, 7, "acme")


@pytest.mark.parametrize(
    ("doc", "action"),
    [
        (WAITS, "force"),
        (DOUBT, "accept_fee"),
        (saga("needs_attention", effect(1, stage="waiting"), aim="compensated"), "accept_fee"),
        (saga("open", effect(1)), "retry"),
        (saga("open", effect(1)), "skip"),
        (saga("compensating", effect(1, stage="undoing"), aim="compensated"), "retry"),
        ({}, "retry"),
        ({}, "force"),
    ],
)
def test_a_task_in_which_nothing_would_change_is_not_meant(doc: dict[str, Any], action: Any) -> None:
    assert targets([stuck(doc)], action, 10) == []


def test_no_more_tasks_are_meant_than_the_limit_and_their_money_is_added_up() -> None:
    found = targets([stuck(WAITS) for _ in range(5)], "retry", 3)
    assert (len(found), total(found)) == (3, {"IDR": 180})


async def ordered(house: Any, **body: Any) -> Any:
    wish = {"action": "retry", "reason": "the provider is back", "where": {}} | body
    return await house.call("POST", "/v1/operations/repairs", json=wish, key="operators-key")


@pytest.fixture
async def resting(house: Any) -> Any:
    """A door behind which one task rests."""
    task = await house.submitted()
    house.views.tasks[task] = {"status": "needs_attention"}
    house.views.sagas[task] = WAITS
    return house


async def test_without_more_words_an_order_only_says_what_it_would_do(resting: Any) -> None:
    answer = await ordered(resting)
    plan = answer.json()
    assert (answer.status_code, plan["count"], plan["money_at_risk"], plan["needs_approval"]) == (200, 1, {"IDR": 60}, False)
    assert (plan["tasks"][0]["expected"], plan["repair"], resting.desk.orders) == (7, None, [])


async def test_an_order_that_is_no_dry_run_is_kept_with_the_versions_seen(resting: Any) -> None:
    answer = await ordered(resting, dry_run=False, action="skip", per_second=2)
    assert (answer.status_code, answer.json()["repair"]["state"]) == (202, "running")
    order, (target,), alone = resting.desk.orders[-1]
    assert (order.action, order.per_second, target.key, target.expected, alone) == ("skip", 2, KEYS[2], 7, True)


async def test_what_is_at_risk_above_the_limit_waits_for_another_operator(resting: Any, house: Any) -> None:
    house.views.sagas = {task: WAITS | {"at_risk": {"IDR": 101}} for task in house.views.sagas}
    answer = (await ordered(resting, dry_run=False)).json()
    assert (answer["needs_approval"], answer["repair"]["state"]) == (True, "waiting")


async def test_a_currency_without_a_limit_waits_for_another_operator(resting: Any, house: Any) -> None:
    house.views.sagas = {task: WAITS | {"at_risk": {"XAU": 1}} for task in house.views.sagas}
    assert (await ordered(resting)).json()["needs_approval"] is True


@pytest.mark.parametrize(
    "body",
    [
        {"where": None},
        {"task": str(uuid4())},
        {"key": str(uuid4())},
        {"action": "mark_done"},
        {"action": "destroy"},
        {"limit": 0},
        {"per_second": 0},
        {"reason": ""},
        {"where": {"airline": "garuda"}},
        {"dryrun": True},
    ],
)
async def test_an_order_that_makes_no_sense_is_told(house: Any, body: dict[str, Any]) -> None:
    answer = await ordered(house, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_order_that_meets_no_task_is_refused_unless_it_is_a_dry_run(house: Any) -> None:
    assert (await ordered(house)).json()["count"] == 0
    answer = await ordered(house, dry_run=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_repair")


async def test_an_order_about_an_unknown_task_is_told(house: Any) -> None:
    answer = await ordered(house, where=None, task=str(uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("acme-key", 403)])
async def test_only_operators_order(house: Any, key: str | None, status: int) -> None:
    answer = await house.call("POST", "/v1/operations/repairs", json={"action": "retry", "reason": "r", "where": {}}, key=key)
    assert answer.status_code == status
