"""The kill switch: while a provider is parked nothing leaves to it, others do its work, undos wait; when it is let go all goes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tuntas.local.demo.stories import trip

if TYPE_CHECKING:
    from tests.e2e.conftest import House

    from tuntas.local.demo.stage import Play

CONNECTORS = ("connectors-travel", "connectors-payment")
Park = Callable[[str], AbstractAsyncContextManager[None]]


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


def goals(start: int) -> list[dict[str, Any]]:
    """Return a journey on days of its own."""
    return trip(start=start, refundable=True)


async def switched(house: "House", scope: str, *, parked: bool) -> None:
    """Set a switch as an operator does, and wait until every connector has seen it."""
    body = {"scope": scope, "parked": parked, "reason": "acts wrongly"}
    answer = await house.http.post("/v1/switches", json=body, headers=house.operator)
    assert answer.status_code == 202, answer.text
    wanted = {f'tuntas_parked{{scope="{scope}",service="{name}"}} {float(parked)}' for name in CONNECTORS}
    async with asyncio.timeout(20):
        while not wanted <= set((await house.http.get(metrics(house))).text.splitlines()):
            await asyncio.sleep(0.05)  # a replica tells nobody but who asks


def metrics(house: "House") -> str:
    return f"http://127.0.0.1:{house.platform.addresses.ports['all']}/metrics"


@pytest.fixture
def park(house: "House") -> Park:
    """Park a scope for the length of a block."""

    @asynccontextmanager
    async def parked(scope: str) -> AsyncIterator[None]:
        await switched(house, scope, parked=True)
        try:
            yield
        finally:
            await switched(house, scope, parked=False)

    return parked


async def parties(house: "House", play: "Play", operation: str) -> set[str]:
    """Return the providers that had requests of this kind for a task."""
    return {o["provider"] for o in await house.operations(play.task) if o["operation"].startswith(operation)}


async def booked(house: "House", start: int) -> "Play":
    play = await house.submit(fresh(), goals(start)[:1])
    await play.until("completed")
    return play


@pytest.mark.parametrize("scope", ["{}", "travel/{}"])
async def test_while_a_provider_is_parked_trips_go_by_another_and_then_by_it_again(house: "House", park: Park, scope: str) -> None:
    start = 20 + len(scope)
    (usual,) = await parties(house, await booked(house, start), "flight")
    async with park(scope.format(usual)):
        others = await parties(house, await booked(house, start), "flight")
    assert others
    assert usual not in others
    assert await parties(house, await booked(house, start), "flight") == {usual}


async def test_without_another_provider_a_trip_is_refused_before_anything_is_held(house: "House", park: Park) -> None:
    async with park("bale-stays"):
        play = await house.submit(fresh(), goals(30))
        assert (await play.until("rejected"))["code"] == "parked"
        assert await house.operations(play.task) == []


async def test_an_undo_waits_while_its_provider_is_parked_and_spends_no_retries(house: "House", park: Park) -> None:
    play = house.play(name := fresh())
    await play.fault("payment.authorize", "slow", seconds=3)
    await house.submit(name, goals(31))
    await play.until("progressed", step="hotel.hold", state="done")
    await play.until("progressed", step="flight.hold", state="done")
    (airline,) = await parties(house, play, "flight")

    async with park(airline):
        before = await house.operations(play.task)
        await play.cancel()
        await eventually(lambda: _repeated_for_nothing(house, play))
        assert await parties(house, play, "hotel.cancel") == {"bale-stays"}  # what is not parked is undone meanwhile
        after = await house.operations(play.task)
        assert [o for o in after if o["provider"] == airline] == [o for o in before if o["provider"] == airline]
        assert "compensated" not in play.told.names

    await play.until("compensated")
    cancelled = [o for o in await house.operations(play.task) if o["operation"] == "flight.cancel"]
    assert [(o["provider"], o["outcome"]) for o in cancelled] == [(airline, "answered")]


async def _repeated_for_nothing(house: "House", play: "Play") -> bool:
    """Say whether the coordinator has asked twice for the undo of a parked hold, and counts that as once."""
    ours = await effect(house, "connectors_travel.effects", play, lambda e: e["step_id"])
    theirs = await effect(house, "saga.sagas", play, lambda e: e["declaration"]["step_id"])
    if ours is None or theirs is None:
        return False
    return bool(ours["calls"] > 4 and ours["undo"]["code"] == "parked" and (theirs["code"], theirs["sends"]) == ("parked", 1))


async def effect(house: "House", table: str, play: "Play", step: Callable[[Any], str]) -> Any:
    """Return what a service knows of the flight's hold; none before it knows of the task."""
    rows = await house.fetch(f"select doc from {table} where task_id = $1", play.task)
    if not rows:
        return None
    ((doc,),) = rows
    (found,) = [e for e in json.loads(doc)["effects"].values() if step(e) == "flight.hold"]
    return {"calls": 0, "code": None, "sends": 0} | found | {"undo": {"code": None} | (found.get("undo") or {})}


async def eventually(question: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so; a row tells nobody that it changed."""
    async with asyncio.timeout(40):
        while not await question():
            await asyncio.sleep(0.1)
