"""A provider in another language, made known by its manifest alone: its task completes, and is rolled back."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import pytest
from tests.e2e.conftest import flight, intent

from tuntas.contracts.ids import attempt_key

if TYPE_CHECKING:
    from tests.e2e.conftest import House

WASH = {"goal_id": "wash", "type": "home.laundry", "parameters": {"kilos": 4, "address": "Jalan Kemang 1, Jakarta"}}
ADDRESS = "Kemang 1"


@pytest.fixture
async def order(house: "House", laundry: str) -> Any:
    """Ask the laundry what became of a task's order; a person whose mandate allows it."""
    if not laundry:
        pytest.skip("there is no Node.js here to run the laundry with")
    await house.mandate("dewi", {"IDR": 10**12}, goal_types=["home.*", "travel.*"])
    async with httpx2.AsyncClient(base_url=laundry) as client:

        async def found(task: Any) -> Any:
            key = attempt_key(task, "wash.book", 1)
            return (await client.get(f"/orders/{task}:{key}")).json()

        yield found


def washing(*others: Any) -> bytes:
    return intent([WASH, *others], person="dewi")


async def test_its_task_completes_with_its_own_number_on_the_receipt(house: "House", order: Any) -> None:
    play = await house.knock(f"e2e-{uuid4().hex[:12]}", washing())
    assert (await play.until("completed"))["kept"] == {"IDR": 4800000}
    found = await order(play.task)
    receipt = await house.command("receipt", str(play.task))
    (booked,) = [e for e in receipt["effects"] if e["step_id"] == "wash.book"]
    assert (booked["provider"], booked["state"], booked["reference"]) == ("white-shirt", "kept", found["reference"])
    assert found["outcome"] == "done"


async def test_it_is_rolled_back_for_its_fee_when_another_step_fails(house: "House", order: Any) -> None:
    name = f"e2e-{uuid4().hex[:12]}"
    task = house.stage.identity(name, words=False)
    await house.stage.fault("payment", "payment.capture", "refuse", task=task, code="declined", times=99)
    play = await house.knock(name, washing(*flight()))
    ended = await play.until("compensated", "completed", "needs_attention")
    assert (ended["type"], (await order(task))["outcome"]) == ("compensated", "undone")


async def test_what_it_refuses_is_the_tasks_reason_and_names_the_wish(house: "House", order: Any) -> None:
    wish = WASH | {"parameters": {"kilos": 40, "address": "Jalan Kemang 1"}}
    play = await house.knock(f"e2e-{uuid4().hex[:12]}", intent([wish], person="dewi"))
    rejected = await play.until("rejected")
    assert (rejected["code"], rejected["wishes"]) == ("sold_out", ["wash"])
    del order


async def test_the_address_is_nowhere_in_the_open(house: "House", order: Any) -> None:
    play = await house.knock(f"e2e-{uuid4().hex[:12]}", washing())
    await play.until("completed")
    for schema, table in (("gateway", "tasks"), ("intent", "conversations"), ("planner", "plans"), ("connectors_laundry", "effects")):
        rows = await house.fetch(f"select doc::text as doc from {schema}.{table} where task_id = $1", play.task)
        assert rows, table
        assert not any(ADDRESS in row["doc"] for row in rows), table
    del order
