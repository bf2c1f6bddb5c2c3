"""One trace from the door to every undo: whoever asks what happened to a task reads it off one tree of spans."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tuntas.local.demo.stories import day, trip

if TYPE_CHECKING:
    from tests.e2e.conftest import Collector, House

CLIENT = 3
SERVICES = {"gateway", "intent", "engines", "planner", "trust", "executor", "saga", "billing", "connectors-travel", "connectors-payment"}
Spans = list[dict[str, Any]]


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def declined(house: "House", **more: Any) -> Any:
    """Ask in words for a trip whose payment is declined, and wait until it is rolled back."""
    words = f"book a flight from Jakarta to Bali on {day()} and a hotel there for two nights"
    play = await house.ask(fresh(), words, instrument="card-declined", **more)
    await play.until("compensated")
    return play


def whole(spans: Spans, root: str = "") -> bool:
    """Say whether every span's parent is there, but for the root's, and the end was told to the public."""
    known = {s["span_id"] for s in spans} | {root}
    ended = any(s["name"] == "process tuntas.saga.ended.v1" and s["service"] == "tuntas-gateway" for s in spans)
    return ended and all(s["parent"] in known for s in spans) and {s["service"] for s in spans} == {f"tuntas-{name}" for name in SERVICES}


async def exported(collector: "Collector", trace_id: str, root: str = "") -> Spans:
    """Wait until a trace is exported whole; fail with what is there."""
    deadline = asyncio.get_running_loop().time() + 20
    while not whole(spans := collector.of(trace_id), root):
        assert asyncio.get_running_loop().time() < deadline, sorted((s["service"], s["name"], s["span_id"], s["parent"]) for s in spans)
        await asyncio.sleep(0.1)  # an exporter tells nobody when it is done
    return spans


def acts(spans: Spans) -> dict[str, str]:
    """Return the provider calls that act, by span id."""
    return {s["span_id"]: s["name"] for s in spans if s["kind"] == CLIENT and s["name"].split()[0] in {"act", "undo"}}


async def test_a_task_that_was_rolled_back_is_one_whole_trace_with_every_provider_call(house: "House", collector: "Collector") -> None:
    play = await declined(house)
    operations = await house.operations(play.task)
    trace_id = (await play.receipt())["trace_id"]
    spans = await exported(collector, trace_id)

    assert [s["name"] for s in spans if not s["parent"]] == ["POST /v1/tasks"]
    assert len({s["span_id"] for s in spans}) == len(spans)
    sent = [o["traceparent"].split("-")[1:3] for o in operations]
    assert {trace for trace, _ in sent} == {trace_id}
    assert sorted(span for _, span in sent) == sorted(acts(spans))
    undone = sorted(name for name in acts(spans).values() if name.startswith("undo "))
    assert undone == ["undo flight.hold", "undo hotel.hold"]
    quoted = {s["name"] for s in spans if s["name"].startswith("quote ")}
    assert quoted == {"quote travel.flight.book", "quote travel.hotel.book", "quote pay.charge"}


async def test_every_step_and_every_undo_of_the_receipt_has_its_spans(house: "House", collector: "Collector") -> None:
    play = await declined(house)
    receipt = await play.receipt()
    spans = await exported(collector, receipt["trace_id"])
    for effect in receipt["effects"]:
        assert f"act {effect['step_id']}" in acts(spans).values()
    assert {s["attributes"]["tuntas.task_id"] for s in spans if "tuntas.task_id" in s["attributes"]} == {str(play.task)}


async def test_a_callers_own_trace_goes_on_through_the_platform(house: "House", collector: "Collector") -> None:
    trace_id, span_id = uuid4().hex, uuid4().hex[:16]
    play = await declined(house, traceparent=f"00-{trace_id}-{span_id}-01")
    assert (await play.receipt())["trace_id"] == trace_id
    spans = await exported(collector, trace_id, span_id)
    assert [s["name"] for s in spans if s["parent"] == span_id] == ["POST /v1/tasks"]


async def test_a_submission_on_the_kafka_door_begins_a_trace_of_its_own(house: "House", collector: "Collector") -> None:
    play = await house.submit(fresh(), trip(), instrument="card-declined")
    await play.until("compensated")
    spans = await exported(collector, (await play.receipt())["trace_id"])
    (root,) = [s for s in spans if not s["parent"]]
    assert (root["service"], root["name"]) == ("tuntas-gateway", "door tuntas.submission.taken.v1")


async def test_a_rolled_back_task_is_kept_whole_though_its_trace_was_not_sampled(house: "House", collector: "Collector") -> None:
    trace_id, span_id = uuid4().hex, uuid4().hex[:16]
    play = await declined(house, traceparent=f"00-{trace_id}-{span_id}-00")
    spans = await exported(collector, trace_id, span_id)
    assert len(acts(spans)) == len(await house.operations(play.task))


async def test_what_a_provider_says_of_itself_is_told_in_the_trace_of_the_task(house: "House", collector: "Collector") -> None:
    play = await house.submit(fresh(), trip(start=12), instrument="wallet")
    await play.until("completed")
    receipt = await play.receipt()
    hotel = next(e["reference"] for e in receipt["effects"] if e["action"] == "hotel.confirm")
    await play.stage.world("travel", "POST", f"/objects/{hotel}/cancel", json={"reason": "overbooked"})
    await play.until("completed", times=2)
    async with asyncio.timeout(20):
        while not (parents := _parents(collector.of(receipt["trace_id"]), "process tuntas.provider.notified.v1")) or None in parents:
            await asyncio.sleep(0.1)  # an exporter tells nobody when it is done, and a span may come before its parent
    assert parents == {"webhook travel"}


def _parents(spans: Sequence[Mapping[str, Any]], name: str) -> set[str | None]:
    """Return what the parents of the spans of a name are called; none of one that has not come yet."""
    called = {span["span_id"]: span["name"] for span in spans}
    return {called.get(span["parent"]) for span in spans if span["name"] == name}


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_with_nothing_sampled_every_process_keeps_what_was_rolled_back(apart: "House", collector: "Collector") -> None:
    fine = await apart.submit(fresh())
    await fine.until("completed")
    play = await declined(apart)
    spans = await exported(collector, (await play.receipt())["trace_id"])
    assert len(acts(spans)) == len(await apart.operations(play.task))
    assert collector.of((await fine.receipt())["trace_id"]) == []


async def test_a_completed_task_whose_trace_was_not_sampled_is_not_exported(house: "House", collector: "Collector") -> None:
    trace_id = uuid4().hex
    play = await house.ask(fresh(), f"flight from Jakarta to Bali on {day()}", traceparent=f"00-{trace_id}-{uuid4().hex[:16]}-00")
    await play.until("completed")
    later = await declined(house)
    await exported(collector, (await later.receipt())["trace_id"])
    assert collector.of(trace_id) == []
