"""The same key again, as real providers answer it."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World


async def test_the_same_key_and_body_get_the_stored_answer(travel: "World", task: str) -> None:
    offer = await travel.offer()
    first = await travel.hold(f"{task}:hold", offer, key=f"{task}-k")
    again = await travel.hold(f"{task}:hold", offer, key=f"{task}-k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(await travel.effects(task)) == 1
    assert [each["outcome"] for each in await travel.operations(task)] == ["answered", "replayed"]


async def test_the_same_key_with_another_body_is_refused(payment: "World", task: str) -> None:
    await payment.authorized(f"{task}:a", 5000, key=f"{task}-k")
    refused = await payment.authorize(f"{task}:a", 5001, key=f"{task}-k")
    assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert len(await payment.effects(task)) == 1


async def test_refusals_are_stored_as_well(payment: "World", task: str) -> None:
    await payment.fault("refuse", "payment.authorize", task, code="declined")
    answers = [await payment.authorize(f"{task}:a", key=f"{task}-k") for _ in range(2)]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(402, "declined")] * 2
    assert (await payment.authorize(f"{task}:a", key=f"{task}-k2")).status_code == 201


async def test_twenty_requests_with_one_key_at_once_act_once(travel: "World", task: str) -> None:
    offer = await travel.offer()
    answers = await asyncio.gather(*(travel.hold(f"{task}:hold", offer, key=f"{task}-k") for _ in range(20)))
    assert {each.json()["order_id"] for each in answers} == {(await travel.effects(task))[0]["object_id"]}
    assert len(await travel.effects(task)) == 1


async def test_an_airline_that_ignores_keys_makes_a_second_order(travel: "World", task: str) -> None:
    offer = await travel.offer("kite-regional", origin="CGK", destination="SRG")
    for _ in range(2):
        await travel.held(f"{task}:hold", offer, key=f"{task}-k")
    assert len(await travel.orders(f"{task}:hold")) == 2


async def test_confirm_cancel_capture_and_refund_keep_keys_as_well(payment: "World", task: str) -> None:
    authorized = await payment.authorized(f"{task}:a", 5000)
    captures = [await payment.capture(authorized, f"{task}:c", 5000, key=f"{task}-c") for _ in range(2)]
    path = f"/captures/{captures[0].json()['capture_id']}/refund"
    refunds = [await payment.post(path, {"amount_minor": 100, "reference": f"{task}:r"}, key=f"{task}-r") for _ in range(2)]
    assert captures[0].json() == captures[1].json()
    assert refunds[0].json() == refunds[1].json()
    assert [each["amount"]["amount_minor"] for each in await payment.alive(task)] == [4900]
