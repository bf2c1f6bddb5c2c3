"""How long a saga takes when the platform is half busy: started evenly, at half of the most it can do."""

import asyncio
import statistics
from collections.abc import Iterator
from typing import Any

from tests.bench.__main__ import say
from tests.bench.load import PLAN, Load
from tests.bench.stage import CORE, IN_TWO, MINE, Layout, stage

MOST_IN_FLIGHT, SAGAS = 1024, 6_000
SECONDS = 20
ALL = (*CORE, *MINE)
LAYOUTS: dict[str, Layout] = {"one process": (ALL,), "two of unlike services": IN_TWO, "two replicas": (ALL,) * 2}


def run() -> Iterator[dict[str, Any]]:
    """Measure the most, then latency at half of it."""
    for name, layout in LAYOUTS.items():
        with stage(layout) as running:
            load = Load(running.backends.bootstrap, PLAN)
            asyncio.run(load.run(64, 1_000))
            most = SAGAS / asyncio.run(load.run(MOST_IN_FLIGHT, SAGAS))
            say(f"{name}: the most is {most:.0f} sagas/s; half of it for {SECONDS} s")
            asyncio.run(load.run_at(most / 2, SECONDS))
            cuts = statistics.quantiles(load.seconds, n=100)
            found = {f"p{n}_ms": round(cuts[n - 1] * 1e3, 1) for n in (50, 95, 99)}
            yield {"processes": name, "most_sagas_per_s": round(most, 1), "rate": round(most / 2, 1), **found}
