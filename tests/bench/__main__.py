"""`make bench`: two workloads at several loads, the hand-written limit beside them in the same run; one JSON line each."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from tests.bench.gauge import Gauge
from tests.bench.intents import INTENT, consent, tenants
from tests.bench.load import PLAN, Load, Workload
from tests.bench.stage import CONNECTORS, CORE, IN_TWO, MINE, Layout, Stage, stage

LIMIT = Path(__file__).with_name("limit") / "limit.py"
SAGAS = {1: 100, 64: 2_000, 256: 4_000, 1024: 8_000}
WARM_UP = 500
FRONT = ("gateway", "intent", "planner", "trust")
RUNS: tuple[tuple[Workload, Layout, tuple[int, ...]], ...] = (
    (PLAN, ((*CORE, *MINE),), (1, 64, 256)),
    (PLAN, IN_TWO, (1024,)),
    (INTENT, ((*FRONT, *CORE, *MINE),), (1, 64, 256)),
    (INTENT, (FRONT, (*CORE, *MINE)), (1024,)),
)
"""What is run: a workload, which services share a process, and how many sagas are in flight."""

BUSY = 1024
Line = dict[str, Any]


def say(words: str) -> None:
    """Tell the progress, on standard error."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


async def measure(running: Stage, load: Load, in_flight: int, sagas: int = 0) -> Line:
    """Run one load, of so many sagas if it is said, and return what it took."""
    con = await asyncpg.connect(running.dsn)
    consumer = AIOKafkaConsumer(bootstrap_servers=running.backends.bootstrap)
    await consumer.start()
    try:
        gauge = Gauge(con, consumer, [child.pid for child in running.children], CONNECTORS)
        before, total = await gauge.cost(), sagas or SAGAS[in_flight]
        seconds = await load.run(in_flight, total)
        await asyncio.sleep(1.2)  # the server tells its statistics once a second
        cost = (await gauge.cost()).since(before)
        return {
            "workload": load.workload.name,
            "in_flight": in_flight,
            "sagas_per_s": round(total / seconds, 1),
            "p50_ms": round(statistics.median(load.seconds) * 1e3, 1),
            "p99_ms": round(statistics.quantiles(load.seconds, n=100)[98] * 1e3, 1),
            "cpu_s_per_1000": round(cost.cpu_seconds / total * 1e3, 2),
            "pg_commits_per_saga": round(cost.commits / total, 2),
            "messages_per_saga": round(cost.records / total, 2),
            "peak_rss_mb": round(gauge.peak_rss_mb()),
            "stray_effects": await gauge.stray(),
        }
    finally:
        await consumer.stop()
        await con.close()


def limit(running: Stage, in_flight: int) -> float:
    """Run the hand-written pipeline on the same servers; return its sagas a second."""
    options = {"--kafka": running.backends.bootstrap, "--pg": running.dsn, "--n": SAGAS[in_flight], "--inflight": in_flight}
    layout = "two" if in_flight >= BUSY else "one"
    fixed = {"--layout": layout, "--safe": "rows", "--commit": "lazy"}
    command = [sys.executable, str(LIMIT), *(str(part) for pair in (options | fixed).items() for part in pair)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return float(json.loads(done.stdout)["sagas_per_s"])


def main() -> None:
    """Measure each load of both workloads; the limit once at each load, for both."""
    limits: dict[int, float] = {}
    for workload, layout, levels in RUNS:
        with stage(layout, tenants()) as running:
            load = Load(running.backends.bootstrap, workload)
            asyncio.run(consent(running.backends.bootstrap))
            asyncio.run(load.run(64, WARM_UP))
            for in_flight in levels:
                say(f"{workload.name}, {in_flight} in flight, {SAGAS[in_flight]} sagas")
                line = asyncio.run(measure(running, load, in_flight))
                if in_flight not in limits:
                    say(f"the limit, {in_flight} in flight")
                    limits[in_flight] = limit(running, in_flight)
                most = limits[in_flight]
                print(json.dumps(line | {"limit_sagas_per_s": most, "share_of_limit": round(line["sagas_per_s"] / most, 2)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
