"""What an outside auditor can rely on."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_effects_say_what_is_held_by_reference_and_amount(travel: "World", task: str) -> None:
    order = await travel.held(f"{task}:hold")
    await travel.confirm(order, f"{task}:confirm")
    (effect,) = await travel.effects(task)
    assert effect.pop("updated_at")
    assert effect == {
        "provider": "nusantara-air",
        "kind": "flight",
        "object_id": order["order_id"],
        "parent_id": None,
        "reference": f"{task}:hold",
        "confirm_reference": f"{task}:confirm",
        "undo_reference": None,
        "state": "ticketed",
        "alive": True,
        "amount": order["price"],
    }


async def test_captures_are_shown_net_of_refunds_beside_their_spent_authorization(payment: "World", task: str) -> None:
    captured = (await payment.capture(await payment.authorized(f"{task}:a"), f"{task}:c", 4000)).json()
    await payment.post(f"/captures/{captured['capture_id']}/refund", {"amount_minor": 1500, "reference": f"{task}:r"})
    shown = [(each["kind"], each["state"], each["alive"], each["amount"]["amount_minor"]) for each in await payment.effects(task)]
    assert shown == [("authorization", "captured", False, 5000), ("capture", "captured", True, 2500)]


@pytest.mark.parametrize("kind", ["flight", "hotel"])
async def test_a_planted_booking_is_an_effect_nobody_asked_for(travel: "World", task: str, kind: str) -> None:
    planted = await travel.post("/effects/plant", {"kind": kind, "reference": f"{task}:planted", "amount_minor": 7, "currency": "IDR"})
    assert planted.status_code == 201
    assert await travel.alive(task) == [planted.json()]
    assert await travel.operations(task) == []


@pytest.mark.parametrize("kind", ["authorization", "capture"])
async def test_planted_money_keeps_the_books_balanced(payment: "World", task: str, kind: str) -> None:
    planted = await payment.post("/effects/plant", {"kind": kind, "reference": f"{task}:planted", "amount_minor": 7, "currency": "IDR"})
    truth = await payment.get("/effects", reference_prefix=task)
    assert truth["effects"] == [planted.json()]
    assert sum(each["amount_minor"] for each in truth["postings"]) == 0


async def test_a_world_plants_only_its_own_kinds(travel: "World") -> None:
    assert (await travel.post("/effects/plant", {"kind": "capture"})).status_code == 422


async def test_every_request_is_logged_with_its_trace_key_and_outcome(travel: "World", task: str) -> None:
    offer = await travel.offer()
    body = {"offer_id": offer["offer_id"], "passengers": [{"name": "Sari"}], "reference": f"{task}:hold"}
    order = (await travel.post("/flights/orders", body, key=f"{task}-k", traceparent=TRACE)).json()
    await travel.orders(f"{task}:hold")
    await travel.get(f"/flights/orders/{order['order_id']}")
    await travel.post("/flights/orders", {**body, "passengers": [{"name": "A"}, {"name": "B"}]}, traceparent=TRACE)
    log = await travel.operations(task)
    assert [(each["operation"], each["status"], each["code"]) for each in log] == [
        ("flight.hold", 201, None),
        ("flight.query", 200, None),
        ("flight.query", 200, None),
        ("flight.hold", 422, "wrong_passengers"),
    ]
    assert (log[0]["traceparent"], log[0]["idempotency_key"], log[0]["object_id"]) == (TRACE, f"{task}-k", order["order_id"])
    assert log[0]["provider"] == "nusantara-air"
    only = await travel.get("/operations", reference_prefix=task, operation="flight.hold")
    assert len(only["operations"]) == 2
