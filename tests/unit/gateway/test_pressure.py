"""New tasks are refused early and evenly while the platform is late; what was accepted is not."""

import asyncio
import random
from typing import Any

import pytest

from tuntas.gateway.pressure import EARLY_SECONDS, LATE_SECONDS, LONGEST_SECONDS, MOST_OPEN, Overloaded, Pressure


def pressure(delay: float) -> Pressure:
    return Pressure(None, random.Random(7), delay)


@pytest.mark.parametrize(("delay", "least", "most"), [(0, 0, 0), (EARLY_SECONDS, 0, 0), (5, 430, 570), (LATE_SECONDS, 1000, 1000)])
def test_the_later_the_platform_is_the_more_new_tasks_are_refused(delay: float, least: int, most: int) -> None:
    late = pressure(delay)
    assert least <= sum(late.refuses() for _ in range(1000)) <= most


@pytest.mark.parametrize(("delay", "seconds"), [(LATE_SECONDS, 8), (8.2, 9), (3600, LONGEST_SECONDS)])
def test_a_refusal_says_when_to_come_again(delay: float, seconds: int) -> None:
    with pytest.raises(Overloaded) as refused, pressure(delay).taking():
        pass
    assert refused.value.retry_after == seconds


def test_so_many_are_looked_after_at_once_and_each_that_is_done_makes_room() -> None:
    quiet = pressure(0)
    quiet.open = MOST_OPEN - 1
    with quiet.taking(), pytest.raises(Overloaded) as refused, quiet.taking():
        pass
    assert refused.value.retry_after == 1
    with quiet.taking():
        assert quiet.open == MOST_OPEN


def test_one_that_fails_makes_room_too() -> None:
    quiet = pressure(0)
    with pytest.raises(ValueError, match="broken"), quiet.taking():
        raise ValueError("broken")
    assert quiet.open == 0


async def test_the_delay_is_what_the_signs_of_life_say(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        async def fetchval(self, query: str, without: list[str]) -> float:
            assert "ops.heartbeats" in query
            assert "engines" in without
            return 3.5

    async def nothing(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", nothing)
    looking = Pressure(Pool())
    await looking.step()
    assert looking.delay == 3.5


async def test_a_new_task_is_refused_and_a_repeat_of_one_that_was_taken_is_answered(house: Any) -> None:
    assert (await house.submit()).status_code == 202
    house.pressure.delay = LATE_SECONDS
    assert (await house.submit()).status_code == 202
    refused = await house.submit(idempotency="another")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "8")
    assert len(house.sent) == 1
    house.pressure.delay = 0.0
    assert (await house.submit(idempotency="another")).status_code == 202
    assert house.pressure.open == 0
