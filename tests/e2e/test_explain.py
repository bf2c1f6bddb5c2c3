"""Why isn't it moving? The answer names the cause, and a command that is printed does what it says, exactly as printed."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tuntas.local.demo.stories import trip

if TYPE_CHECKING:
    from tests.e2e.conftest import House

ENDS = ("completed", "compensated", "rejected")
REFUNDABLE = trip(refundable=True)


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


def commands(explained: Any, word: str) -> list[str]:
    """Return the commands that were printed and have this word."""
    return [a["command"] for a in explained["safe_actions"] if word in a["command"].split()]


async def run(house: "House", explained: Any, word: str) -> None:
    command, *_ = commands(explained, word)
    done = await house.run(command)
    assert done.returncode == 0, done.stderr


async def test_a_provider_that_is_down_is_named_and_a_cancel_undoes_what_is_held(house: "House") -> None:
    name = fresh()
    await house.play(name).fault("flight.confirm", "down", times=0)
    play = await house.submit(name, REFUNDABLE)
    found = await house.explained(play, lambda e: e.get("step") == "flight.confirm" and bool(e.get("money_at_risk")))
    assert (found["status"], found["waiting_for"], found["not_running"]) == ("running", "reply:flight.confirm", [])
    assert found["provider"] is not None
    assert found["money_at_risk"]["IDR"] > 0
    assert found["next_timer_at"] is not None
    await run(house, found, "cancel")  # while it is down: once it is back the task may be through before
    await play.forgive()
    await play.until("compensated")


async def test_a_world_that_is_gone_is_waited_for_and_the_task_ends_when_it_is_back(house: "House") -> None:
    name = fresh()
    await house.play(name).fault("flight.confirm", "down", times=0)
    play = await house.submit(name, REFUNDABLE)
    await house.explained(play, lambda e: e.get("step") == "flight.confirm")
    await asyncio.to_thread(house.platform.worlds["payment"].stop)
    try:
        await play.forgive()
        found = await house.explained(play, lambda e: e.get("waiting_for", "").startswith("again:payment."))
        assert (found["provider"], found["not_running"]) == ("lontar-pay", [])
    finally:
        await asyncio.to_thread(house.platform.start_world, "payment")
    await run(house, found, "cancel")
    await play.until("compensated")


async def test_a_missing_approval_is_named_and_the_command_gives_it(house: "House") -> None:
    await house.mandate("tight", {"IDR": 1})
    play = await house.submit(fresh(), person="tight")
    found = await house.explained(play, lambda e: e.get("waiting_for") == "approval")
    assert (found["status"], found["code"]) == ("approval_needed", "over_limit")
    assert found == await house.explained(play, bool, db=True)
    await run(house, found, "approve")
    await play.until("completed")


async def test_an_approval_can_be_refused_with_the_other_command(house: "House") -> None:
    await house.mandate("tight", {"IDR": 1})
    play = await house.submit(fresh(), person="tight")
    found = await house.explained(play, lambda e: e.get("waiting_for") == "approval")
    await run(house, found, "--no")
    assert (await play.until("rejected"))["code"] == "approval_denied"


async def test_a_question_is_named_with_the_command_that_answers_it(house: "House") -> None:
    play = await house.ask(fresh(), "mau tiket pesawat ke Bali 24 Desember")
    found = await house.explained(play, lambda e: e.get("waiting_for") == "answer")
    (command,) = commands(found, "answer")
    done = await house.run(command.replace("YOUR ANSWER", "dari Jakarta"))
    assert done.returncode == 0, done.stderr
    await play.until("completed")


async def test_an_undo_that_is_refused_rests_with_an_operator_and_retry_ends_it(house: "House") -> None:
    name = fresh()
    await house.play(name).fault("hotel.cancel", "refuse", code="supplier_error", times=0)
    play = await house.submit(name, REFUNDABLE, instrument="card-declined")
    found = await house.explained(play, lambda e: e.get("waiting_for") == "operator")
    assert (found["status"], found["step"]) == ("needs_attention", "hotel.hold")
    assert found["code"]
    stuck = await house.run("tuntas tasks --stuck --json")
    assert str(play.task) in stuck.stdout
    await play.forgive()
    await run(house, found, "retry")
    await play.until("compensated")


async def test_an_undo_that_is_refused_can_be_left_as_residue(house: "House") -> None:
    name = fresh()
    await house.play(name).fault("hotel.cancel", "refuse", code="supplier_error", times=0)
    play = await house.submit(name, REFUNDABLE, instrument="card-declined")
    found = await house.explained(play, lambda e: e.get("waiting_for") == "operator")
    await run(house, found, "skip")
    await play.until("compensated")
    receipt = await play.receipt()
    assert "residue" in {e["state"] for e in receipt["effects"] if e["step_id"] == "hotel.hold"}


async def test_a_task_that_ended_waits_for_nothing(house: "House") -> None:
    play = await house.submit(fresh())
    await play.until("completed")
    found = await house.explained(play, lambda e: e.get("status") == "completed")
    assert (found["waiting_for"], found["safe_actions"]) == ("nothing", [])


async def test_an_unknown_task_is_said_to_be_unknown(house: "House") -> None:
    found = await house.command("explain", str(uuid4()))
    assert (found["status"], found["waiting_for"]) == ("unknown", "nothing")


@asynccontextmanager
async def without(house: "House", service: str) -> AsyncIterator[None]:
    """Stop a service; whatever happens, it runs again at the end."""
    await asyncio.to_thread(house.platform.services[service].stop)
    try:
        yield
    finally:
        if not house.platform.services[service].running():
            await asyncio.to_thread(house.platform.start_service, service)
        await asyncio.to_thread(house.platform.await_ready, service)


def start(house: "House", service: str, command: str) -> None:
    """Run the command that starts a service, as printed, in the environment of the services."""
    program, *words = shlex.split(command)
    processes = house.platform.backends.processes
    house.platform.services[service] = processes.start(service, [house.bin / program, *words], env=house.environment())


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("service", ["intent", "planner", "trust", "executor", "connectors-travel", "saga"])
async def test_a_service_that_does_not_run_is_named_and_the_command_starts_it(apart: "House", service: str) -> None:
    async with without(apart, service):
        play = await apart.submit(fresh())
        found = await apart.explained(play, lambda e: service in e.get("not_running", []))
        assert found["not_running"] == [service]
        (command,) = commands(found, "serve")
        assert command == f"tuntas-{service} serve"
        start(apart, service, command)
        await play.until("completed")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_gateway_that_does_not_run_is_named_from_the_database(apart: "House") -> None:
    name = fresh()
    await apart.play(name).fault("payment.capture", "slow", seconds=3)
    play = await apart.submit(name)
    await play.until("progressed", step="payment.authorize", state="done")
    async with without(apart, "gateway"):
        found = await apart.explained(play, lambda e: "gateway" in e.get("not_running", []), db=True)
        assert found["waiting_for"] == "announcement"
        start(apart, "gateway", commands(found, "serve")[0])
        await play.until("completed")
