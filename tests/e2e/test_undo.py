"""A person gives up a part of what was done: quoted first, then undone, and the rest stays, over the whole platform."""

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tuntas.local.demo.stories import trip

if TYPE_CHECKING:
    from tests.e2e.conftest import House


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def said(house: "House", command: str) -> Any:
    done = await house.run(f"{command} --json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def states(receipt: Any) -> dict[str, str]:
    return {effect["step_id"]: effect["state"] for effect in receipt["effects"]}


async def test_the_flight_is_given_up_at_the_price_that_was_quoted_and_the_hotel_stays(house: "House") -> None:
    play = await house.submit(fresh(), trip(refundable=True))
    await play.until("completed")
    before = await play.receipt()
    (quoted,) = await said(house, f"tuntas undo {play.task} flight")
    assert {effect["step_id"] for effect in quoted["effects"]} == {"flight.hold", "flight.confirm"}
    assert play.told.names.count("completed") == 1
    await said(house, f"tuntas undo {play.task} flight --apply")
    ended = await play.until("completed", times=2)
    receipt = await play.receipt()
    assert (ended["closing"], receipt["code"]) == (2, "given_up")
    assert (states(receipt)["flight.confirm"], states(receipt)["hotel.confirm"], states(receipt)["payment.capture"]) == (
        "undone",
        "kept",
        "kept",
    )
    prices = {effect["step_id"]: effect["amount"]["amount_minor"] for effect in before["effects"]}
    (currency,) = before["kept"]
    fee = quoted["cost"].get(currency, 0)
    assert receipt["kept"] == {currency: prices["hotel.confirm"] + fee}
    back = next(effect["refund"] for effect in receipt["effects"] if effect["step_id"] == "payment.capture")
    assert back["amount_minor"] == prices["flight.confirm"] - fee
    asked = [o["operation"] for o in await house.operations(play.task)]
    assert not [operation for operation in asked if operation in {"hotel.cancel", "payment.void"}]


async def test_the_rest_can_be_given_up_later_and_all_comes_back(house: "House") -> None:
    play = await house.submit(fresh(), trip(refundable=True, start=3))
    await play.until("completed")
    await said(house, f"tuntas undo {play.task} hotel --apply")
    await play.until("completed", times=2)
    await said(house, f"tuntas undo {play.task} flight --apply")
    await play.until("compensated")
    assert set(states(await play.receipt()).values()) <= {"undone", "nothing"}


async def test_what_is_not_part_of_the_task_is_refused_and_nothing_changes(house: "House") -> None:
    play = await house.submit(fresh(), trip(refundable=True, start=5))
    await play.until("completed")
    await house.stage.call("POST", f"/v1/tasks/{play.task}/undo", json={"goals": ["train"]})
    refused = await play.until("undo_refused")
    assert refused["code"] == "unknown_leg"
    assert "reopened" not in play.told.names


async def test_what_is_under_way_can_not_be_given_up_in_part(house: "House") -> None:
    name = fresh()
    await house.play(name).fault("flight.confirm", "down", times=0)
    play = await house.submit(name, trip(refundable=True, start=7))
    await play.until("progressed")
    done = await house.run(f"tuntas undo {play.task} flight --apply")
    assert (done.returncode, "not_completed" in done.stderr) == (1, True)
    await play.forgive()
    await play.until("completed")
