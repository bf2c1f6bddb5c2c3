"""More replicas on the same machine gain, or lose nothing; partitions that move under load lose nothing either."""

import asyncio
import statistics
import threading
from collections.abc import Iterator
from typing import Any

import asyncpg
from tests.bench.__main__ import measure, say
from tests.bench.gauge import STRAY
from tests.bench.load import PLAN, Load
from tests.bench.stage import CORE, MINE, Stage, stage

ALL = (*CORE, *MINE)
LEVELS = {256: 3_000, 1024: 6_000}
MOVED_IN_FLIGHT, MOVED = 256, 6_000
BEFORE, BETWEEN = 4.0, 8.0
"""Seconds: when the third replica joins, and how long after that the first one leaves."""


def run() -> Iterator[dict[str, Any]]:
    """Measure one, two and three replicas of each service, each in a process with the others; then move partitions."""
    for count in (1, 2, 3):
        with stage((ALL,) * count) as running:
            load = Load(running.backends.bootstrap, PLAN)
            asyncio.run(load.run(64, 1_000))
            for in_flight, sagas in LEVELS.items():
                say(f"{count} replicas, {in_flight} in flight")
                yield {"replicas": count} | asyncio.run(measure(running, load, in_flight, sagas))
    yield _moved()


def _moved() -> dict[str, Any]:
    with stage((ALL,) * 2) as running:
        load = Load(running.backends.bootstrap, PLAN)
        asyncio.run(load.run(64, 1_000))
        moving = threading.Thread(target=_move, args=(running,))
        moving.start()
        seconds = asyncio.run(load.run(MOVED_IN_FLIGHT, MOVED))
        moving.join()
        cuts = statistics.quantiles(load.seconds, n=100)
        return {
            "replicas": "two, then three, then two",
            "in_flight": MOVED_IN_FLIGHT,
            "sagas_per_s": round(MOVED / seconds, 1),
            "ended": len(load.seconds),
            "of": MOVED,
            **{f"p{n}_ms": round(cuts[n - 1] * 1e3, 1) for n in (50, 99)},
            "stray_effects": asyncio.run(_stray(running)),
        }


async def _stray(running: Stage) -> int:
    con = await asyncpg.connect(running.dsn)
    try:
        found: int = await con.fetchval(STRAY)
        return found
    finally:
        await con.close()


def _move(running: Stage) -> None:
    pause = threading.Event()
    pause.wait(BEFORE)
    say("a third replica joins")
    running.start_one(2, ALL)
    pause.wait(BETWEEN)
    say("the first replica leaves")
    running.children[0].stop(30)
