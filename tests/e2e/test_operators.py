"""What operators do, over the whole platform: repair by query, rehearse undoing, pause and resume, and an audit log that holds."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tuntas.local.demo.stories import trip

if TYPE_CHECKING:
    from tests.e2e.conftest import House

    from tuntas.local.demo.stage import Play

REFUNDABLE = trip(refundable=True)
UNDONE = (".cancel", ".void", ".refund", ".release")


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def resting(house: "House") -> "Play":
    """Let a task rest because its hotel refuses to take back the room."""
    name = fresh()
    await house.play(name).fault("hotel.cancel", "refuse", code="supplier_error", times=0)
    play = await house.submit(name, REFUNDABLE, instrument="card-declined")
    await house.explained(play, lambda e: e.get("waiting_for") == "operator")
    return play


async def said(house: "House", command: str) -> Any:
    done = await house.run(f"{command} --json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def answered(house: "House", repair: str, tasks: set[str]) -> Any:
    """Look at a repair until these tasks' answers are there."""
    async with asyncio.timeout(20):
        while True:
            found = await said(house, f"tuntas repairs {repair}")
            if not [t for t in found["tasks"] if t["task_id"] in tasks and t["applied"] is None]:
                return found


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_tasks_that_rest_for_one_reason_are_repaired_by_query_after_a_dry_run(house: "House") -> None:
    plays = [await resting(house) for _ in range(2)]
    where = "tuntas repair retry --where step=hotel.hold,code=supplier_error --reason 'the hotel is back'"
    plan = await said(house, where)
    ours = {str(play.task) for play in plays}
    assert ours <= {task["task_id"] for task in plan["tasks"]}
    assert (plan["repair"], plan["money_at_risk"]["IDR"] > 0) == (None, True)
    assert all("compensated" not in play.told.names for play in plays)
    for play in plays:
        await play.forgive()
    ordered = await said(house, f"{where} --apply --rate 20")
    for play in plays:
        await play.until("compensated")
    found = await answered(house, ordered["repair"]["id"], ours)
    assert {task["code"] for task in found["tasks"] if task["task_id"] in ours} == {"applied"}


@pytest.mark.slow
async def test_a_repair_of_another_version_is_said_to_have_lost_and_changes_nothing(house: "House") -> None:
    play = await resting(house)
    done = await house.run(f"tuntas repair {play.task} skip --key {uuid4()} --expected 1 --reason 'too late'")
    assert (done.returncode, done.stderr.split(":")[0]) == (1, "moved")
    found = await house.explained(play, lambda e: e.get("repaired") is not None)
    assert (found["repaired"]["applied"], found["repaired"]["code"], found["status"]) == (False, "moved", "needs_attention")


async def test_a_drill_tells_what_undoing_costs_and_undoes_nothing(house: "House") -> None:
    play = await house.submit(fresh(), REFUNDABLE)
    await play.until("completed")
    before = await house.explained(play, bool)
    found = await said(house, f"tuntas drill {play.task}")
    assert found["complete"]
    quoted = {e["step_id"]: e for e in found["effects"] if e["source"] == "provider"}
    assert {"hotel.confirm", "flight.confirm", "payment.capture"} & quoted.keys()
    assert all(e["fee"] or e["refund"] for e in quoted.values())
    asked = [o["operation"] for o in await house.operations(play.task)]
    assert any("quote" in operation for operation in asked)
    assert not [operation for operation in asked if operation.endswith(UNDONE)]
    after = await house.explained(play, bool)
    assert (after["version"], after["status"]) == (before["version"], "completed")


async def test_what_operators_did_is_in_a_log_that_holds(house: "House") -> None:
    scope = f"nobody-{uuid4().hex[:6]}"
    for verb in ("pause", "resume"):
        assert (await said(house, f"tuntas {verb} {scope} --reason rehearsed"))["status"] == "taken"
    done = await house.run("tuntas audit --json --last 200")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["action"] for e in entries if e["subject"] == scope] == ["switch.parked", "switch.resumed"]
    verdict = await said(house, "tuntas audit --verify")
    assert (verdict["ok"], verdict["entries"] >= len(entries)) == (True, True)


async def test_a_pause_is_seen_by_every_connector_within_seconds_and_a_task_says_that_it_waits(house: "House") -> None:
    name = fresh()
    play = house.play(name)
    await house.submit(name, trip(start=44, refundable=True)[:1], instrument="card-3ds")
    await play.until("progressed", step="payment.authorize", state="needs_user")
    (airline,) = {o["provider"] for o in await house.operations(play.task) if o["operation"].startswith("flight")}
    began = time.monotonic()
    await said(house, f"tuntas pause {airline} --reason 'acts wrongly'")
    try:
        await play.cancel()
        found = await house.explained(play, lambda e: e.get("code") == "parked")
        assert (found["step"], found["provider"]) == ("flight.hold", airline)
        assert time.monotonic() - began < 15
    finally:
        await said(house, f"tuntas resume {airline} --reason 'well again'")
    await play.until("compensated")


async def test_a_dead_letter_is_redriven_by_condition_and_the_log_says_so(house: "House") -> None:
    key, source = uuid4(), f"redriven-{uuid4().hex[:8]}"
    headers = {"ce_type": b"tuntas.wish.granted.v1", "ce_specversion": b"1.0", "ce_source": source.encode(), "ce_tenant": source.encode()}
    await house.produce("tuntas.trust.commands.v1", b"{}", headers, str(key).encode())
    where = f"--where service=trust,tenant={source} --json"
    async with asyncio.timeout(30):
        while not (listed := (await house.run(f"tuntas dead-letters {where}")).stdout.splitlines()):
            await asyncio.sleep(0.2)  # the log tells nobody that it grew
    (letter,) = map(json.loads, listed)
    assert letter["redriven"] is False
    done = await house.run(f"tuntas dead-letters {where} --redrive --reason {source} --rate 50")
    assert [json.loads(line)["redriven"] for line in done.stdout.splitlines()] == [True], done.stderr
    log = [json.loads(line) for line in (await house.run("tuntas audit --json --last 50")).stdout.splitlines()]
    (entry,) = [e for e in log if e["reason"] == source]
    assert entry["action"] == "letters.redriven"
    assert entry["details"]["letters"] == ["/".join(letter[name] for name in ("topic", "partition", "offset"))]
