"""A world that is killed and started again has lost nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx2
import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import Eventually, Inbox, World


async def test_bookings_keys_faults_and_stock_outlive_a_kill(own_travel: "World", task: str, in_days: Callable[[int], str]) -> None:
    world = own_travel
    offer = await world.offer(date=in_days(30))
    order = await world.held(f"{task}:hold", offer, key=f"{task}-k")
    await world.fault("refuse", "flight.confirm", task, code="price_changed")
    await world.kill()
    await world.start()
    assert await world.orders(f"{task}:hold") == [order]
    assert (await world.held(f"{task}:hold", offer, key=f"{task}-k")) == order
    assert (await world.confirm(order, f"{task}:c")).json()["code"] == "price_changed"
    assert (await world.offer(date=in_days(30)))["available"] == offer["available"] - 1


async def test_a_late_act_happens_once_though_the_world_was_killed(
    own_payment: "World", task: str, inbox: "Inbox", eventually: "Eventually"
) -> None:
    world = own_payment
    await world.fault("act_late", "payment.authorize", task, seconds=0.5)
    with pytest.raises(httpx2.TransportError):
        await world.authorize(f"{task}:a", key=f"{task}-k", callback_url=inbox.url)
    await world.kill()
    await world.start()

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    await eventually(told)
    assert [each["state"] for each in await world.alive(task)] == ["authorized"]
    await world.kill()
    await world.start()
    assert len(await world.effects(task)) == 1


async def test_a_webhook_that_was_due_is_sent_after_the_restart(
    own_payment: "World", task: str, inbox: "Inbox", eventually: "Eventually"
) -> None:
    world = own_payment
    await world.fault("lose_answer", "payment.authorize", task, seconds=0.6)
    with pytest.raises(httpx2.TransportError):
        await world.authorize(f"{task}:a", callback_url=inbox.url)
    await world.kill()
    assert inbox.events == []
    await world.start()

    async def told() -> list[dict[str, Any]]:
        return inbox.events

    assert [each["status"] for each in await eventually(told)] == ["authorized"]


async def test_asked_to_stop_it_ends_cleanly(own_travel: "World") -> None:
    assert (await own_travel.get("/healthz")) == {"status": "ok", "world": "travel"}
    assert await own_travel.stop() == 0


async def test_losing_every_connection_to_the_database_is_a_503_at_most(
    own_travel: "World", sandbox_dsn: str, task: str, eventually: "Eventually"
) -> None:
    offer = await own_travel.offer()
    connection = await asyncpg.connect(sandbox_dsn)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    assert await connection.fetch(end, f"tuntas-sandbox {own_travel.schema}")
    await connection.close()

    async def served() -> bool:
        answer = await own_travel.hold(f"{task}:hold", offer, key=f"{task}-k")
        assert answer.status_code in (201, 503)
        return answer.status_code == 201

    await eventually(served)
    assert len(await own_travel.alive(task)) == 1
