"""The operators' door: why a task does not move, and which are stuck."""

from typing import Any
from uuid import UUID, uuid4

import pytest

EXPLAIN, STUCK = f"/v1/operations/explain/{UUID(int=1)}", "/v1/operations/stuck"


async def asked(house: Any, path: str, **options: Any) -> Any:
    return await house.call("GET", path, **{"key": "operators-key", **options})


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_an_operator_is_told_why_a_task_does_not_move(house: Any) -> None:
    task = uuid4()
    house.views.tasks[task] = {"status": "accepted"}
    found = (await asked(house, f"/v1/operations/explain/{task}")).json()
    assert (found["status"], found["waiting_for"], found["not_running"]) == ("accepted", "intent", [])
    assert found["safe_actions"][0]["command"] == f"tuntas cancel {task}"


async def test_a_task_that_nobody_knows_is_said_to_be_unknown(house: Any) -> None:
    answer = await asked(house, EXPLAIN)
    assert (answer.status_code, answer.json()["status"]) == (200, "unknown")


async def test_stuck_tasks_are_listed_by_their_conditions(house: Any) -> None:
    first, second = uuid4(), uuid4()
    house.views.tasks = {first: {"status": "accepted"}, second: {"status": "question", "question": {"question": "Where?"}}}
    for query, expected in {
        "": {first, second},
        "?code=answer": {second},
        "?older-than=4.5": {first, second},
        "?older-than=6": set(),
        "?code=answer&older-than=1": {second},
        "?provider=garuda": set(),
        "?step=flight.hold": set(),
    }.items():
        found = (await asked(house, STUCK + query)).json()["tasks"]
        assert {line["task_id"] for line in found} == {str(task) for task in expected}, query


@pytest.mark.parametrize(
    "query",
    [
        "older-than=soon",
        "older-than=-1",
        "older-than=nan",
        "older-than=inf",
        "older-than=",
        "older_than=5",
        "airline=garuda",
        f"code={'x' * 201}",
    ],
)
async def test_a_condition_that_is_unknown_or_makes_no_sense_is_told(house: Any, query: str) -> None:
    assert problem(await asked(house, f"{STUCK}?{query}")) == (422, "invalid_request")


@pytest.mark.parametrize("path", [EXPLAIN, STUCK])
async def test_only_operators_are_answered(house: Any, path: str) -> None:
    assert problem(await asked(house, path, key=None)) == (401, "unauthenticated")
    assert problem(await asked(house, path, key="acme-key")) == (403, "forbidden")


async def test_what_is_no_task_id_is_told(house: Any) -> None:
    assert problem(await asked(house, "/v1/operations/explain/x")) == (422, "invalid_request")


@pytest.mark.parametrize("path", [EXPLAIN, STUCK])
async def test_views_that_are_away_are_told_as_such(house: Any, path: str) -> None:
    house.views.broken = True
    answer = await asked(house, path)
    assert problem(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
