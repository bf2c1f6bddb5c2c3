"""One trace from the door to every undo: whoever asks what happened to a task reads it off one tree of spans."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tuntas.local.demo.stories import day

if TYPE_CHECKING:
    from e2e.conftest import Collector, House

SERVER, CLIENT, CONSUMER = 2, 3, 5
UNDONE = {"hotel.hold", "flight.hold"}


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def declined(house: "House", **more: Any) -> Any:
    """Ask in words for a trip whose payment is declined; return it rolled back, with its receipt."""
    words = f"book a flight from Jakarta to Bali on {day()} and a hotel there for two nights"
    play = await house.ask(fresh(), words, instrument="card-declined", **more)
    await play.until("compensated")
    return play


async def spans_of(collector: "Collector", trace_id: str, calls: int) -> list[dict[str, Any]]:
    """Wait until the whole trace is exported: every provider call, and the end."""
    async with asyncio.timeout(20):
        while True:
            found = collector.of(trace_id)
            ended = {"process tuntas.saga.ended.v1"} <= {s["name"] for s in found if s["service"] == "tuntas-gateway"}
            if ended and len(provider_calls(found)) >= calls:
                return found
            await asyncio.sleep(0.1)  # the exporter tells nobody when it is done


def provider_calls(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [s for s in spans if s["kind"] == CLIENT]


async def test_a_task_that_was_rolled_back_is_one_whole_trace_with_every_provider_call(house: "House", collector: "Collector") -> None:
    play = await declined(house)
    operations = await house.operations(play.task)
    (trace_id,) = {o["traceparent"].split("-")[1] for o in operations}
    spans = await spans_of(collector, trace_id, 1)
    print(trace_id, (await play.receipt())["trace_id"])
    for s in spans: print(s["service"], s["kind"], s["name"], s["span_id"], s["parent"], s["attributes"])
    for o in operations: print(o["operation"], o["provider"], o["reference"], o["traceparent"])
    assert 0
