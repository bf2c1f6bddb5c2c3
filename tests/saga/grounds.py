"""`python -m tests.saga.grounds`: the same histories in memory and on a real PostgreSQL and Kafka; what is left must be equal."""

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, TextIO

from tuntas.contracts.topics import all_topics
from tuntas.kit.persistence.database import Row
from tuntas.local.stack import Backends
from tuntas.testkit.actors import Cast
from tuntas.testkit.cast import CONNECTORS, SERVICES, cast
from tuntas.testkit.cluster import Cluster
from tuntas.testkit.grounded import Ground, Grounded
from tuntas.testkit.log import Violation
from tuntas.testkit.simulate import Found, invariant, positive
from tuntas.testkit.simulator import Simulation
from tuntas.testkit.wires import Broker


@contextmanager
def grounded(dsn: str, bootstrap: str, job: int) -> Iterator[None]:
    """Make two running servers the ground of histories; each job has topics and a database of its own."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics that were just made have no leader for a moment
    broker = Broker(bootstrap, f"simulated{job}.", sorted(topic.name for topic in all_topics(CONNECTORS)))
    broker.start()
    Grounded.ground = Ground(dsn, broker, SERVICES)
    Grounded.ground.prepare()
    try:
        yield
    finally:
        Grounded.ground.close()
        broker.stop()


def compared(dsn: str, bootstrap: str, first: int, histories: int, job: int = 0) -> tuple[int, Found | None]:
    """Play histories on both grounds; return how many were played, and the first that broke an invariant or left something else."""
    with grounded(dsn, bootstrap, job):
        made = cast()
        for seed in range(first, first + histories):
            if found := _differs(made, seed):
                return seed - first + 1, found
    return histories, None


def side_by_side(dsn: str, bootstrap: str, first: int, histories: int, jobs: int) -> tuple[int, Found | None]:
    """Play histories in several processes, for they wait for servers most of the time; return the same."""
    cuts = [first + histories * job // jobs for job in range(jobs + 1)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(compared, dsn, bootstrap, at, to - at, job) for job, (at, to) in enumerate(pairwise(cuts))]
        ended = [part.result() for part in parts]
    return sum(played for played, _ in ended), next((found for _, found in ended if found), None)


def _differs(made: Cast, seed: int) -> Found | None:
    imagined = Simulation(made, seed, Cluster).run()
    real = Simulation(made, seed, Grounded)
    try:
        real.run()
    except Violation as found:
        return Found(seed, invariant(found), str(found))
    expected, left = _left(imagined), _left(real)
    if left == expected:
        return None
    told = [f"{name}: {mine} in memory, {real_} on servers" for name, mine, real_ in _unlike(expected, left)]
    return Found(seed, "other end", "\n".join(told))


def _unlike(expected: dict[str, Any], left: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs: where, and what it is on each ground."""
    for name, mine in expected.items():
        if isinstance(mine, dict):
            other = left.get(name) or {}
            yield from ((f"{name} {key}", *pair) for key, *pair in _unlike(mine, other))
            yield from ((f"{name} {key}", None, value) for key, value in other.items() if key not in mine)
        elif left.get(name) != mine:
            yield name, mine, left.get(name)


def _left(simulation: Simulation) -> dict[str, Any]:
    """Return all that a history leaves: rows, timers, calls, wallets, and what was said."""
    found: dict[str, Any] = {"log": simulation.fingerprint()}
    for name, memory in simulation.world.shelves.items():
        rows = {str(task): _row(row) for task, row in memory.rows.items()}
        timers = {f"{task} {purpose}": timer.due_at for (task, purpose), timer in memory.timers.items()}
        wallets = {str(key): shared.version for key, shared in memory.shared.items()}
        found[name] = {"rows": rows, "timers": timers, "calls": sorted(map(str, memory.work)), "wallets": wallets}
    return found


def _row(row: Row[Any]) -> dict[str, Any]:
    state = row.state.model_dump(mode="json") if row.state else {}
    return {"version": row.version, "seen": sorted(map(str, row.seen)), "state": state}


def _say(line: str, stream: TextIO | None = None) -> None:
    print(line, file=stream, flush=True)


def main() -> int:
    """Compare; exit code 1 if a history ends otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.saga.grounds", description=__doc__)
    parser.add_argument("--histories", type=positive, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=positive, default=4)
    given = parser.parse_args()
    with Backends("grounds") as servers:
        begun = time.monotonic()
        played, found = side_by_side(servers.dsn, servers.bootstrap, given.seed, given.histories, given.jobs)
    if found:
        _say(f"seed {found.seed}: {found.invariant}\n{found.told}")
        return 1
    _say(f"{played} histories end equally in memory and on PostgreSQL and Kafka: {played / (time.monotonic() - begun):.1f}/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
