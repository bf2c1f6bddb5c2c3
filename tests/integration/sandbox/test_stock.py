"""Seats and rooms that really run out."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, World


async def _leave(travel: "World", task: str, seats: int, route: dict[str, Any]) -> dict[str, Any]:
    offer = await travel.offer(**route)
    while offer["available"] > seats:
        passengers = min(9, offer["available"] - seats)
        await travel.held(f"{task}:fill", await travel.offer(passengers=passengers, **route))
        offer = await travel.offer(**route)
    return offer


@pytest.mark.timeout(60)
async def test_of_fifty_holds_at_once_for_the_last_three_seats_exactly_three_win(
    travel: "World", task: str, in_days: Callable[[int], str]
) -> None:
    offer = await _leave(travel, task, 3, {"date": in_days(200)})
    answers = await asyncio.gather(*(travel.hold(f"{task}:race:{n}", offer) for n in range(50)))
    assert Counter(each.status_code for each in answers) == {201: 3, 409: 47}
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"sold_out"}
    assert len(await travel.alive(f"{task}:race")) == 3
    assert offer["flight_number"] not in [each["flight_number"] for each in await travel.offers(date=in_days(200))]


async def test_a_cancelled_or_expired_hold_gives_its_seat_back(
    travel: "World", task: str, in_days: Callable[[int], str], eventually: "Eventually"
) -> None:
    route = {"date": in_days(201)}
    offer = await _leave(travel, task, 2, route)
    await travel.fault("hold_seconds", "flight.hold", f"{task}:short", seconds=0.3)
    order = await travel.held(f"{task}:long", offer)
    await travel.held(f"{task}:short", offer)
    assert (await travel.hold(f"{task}:more", offer)).status_code == 409
    await travel.post(f"/flights/orders/{order['order_id']}/cancel", {"reference": f"{task}:undo"})

    async def both_free() -> bool:
        return any(each["available"] == 2 for each in await travel.offers(**route) if each["flight_number"] == offer["flight_number"])

    await eventually(both_free)
