"""`make bench PROFILE=256`: where the services spend processor time on workload (a), by the part of a message's way."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.bench.load import PLAN, Load
from tests.bench.sampler import EVERY_SECONDS, FILE
from tests.bench.stage import CORE, MINE, Stage, stage

SAGAS = 4_000


def _profiled(running: Stage, in_flight: int, file: Path) -> tuple[dict[str, list[Any]], float]:
    """Run a load, and return what the services' process counted meanwhile, and how many sagas ended a second."""
    load, (child,) = Load(running.backends.bootstrap, PLAN), running.children
    asyncio.run(load.run(in_flight, 500))
    os.kill(child.pid, signal.SIGUSR1)
    seconds = asyncio.run(load.run(in_flight, SAGAS))
    os.kill(child.pid, signal.SIGUSR2)
    child.wait_until(file.exists, 10)
    return json.loads(file.read_text()), SAGAS / seconds


def main() -> None:
    """Print milliseconds of processor time a saga, by part, then by place."""
    in_flight, file = int(sys.argv[1]), Path(".tuntas/bench-profile.json").absolute()
    file.unlink(missing_ok=True)
    os.environ[FILE] = str(file)
    with stage(((*CORE, *MINE),)) as running:
        found, rate = _profiled(running, in_flight, file)
    lines = [f"{SAGAS} sagas, {in_flight} in flight, one process, sampled: {rate:.0f}/s"]
    for kind, counted in found.items():
        lines += ["", f"| {kind[:-1]} | ms a saga |", "| --- | --- |"]
        lines += [f"| {name} | {count * EVERY_SECONDS / SAGAS * 1e3:.3f} |" for name, count in counted]
    print("\n".join(lines))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
