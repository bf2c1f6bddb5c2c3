"""`python -m tuntas.testkit.simulate`: many histories on all cores, with progress; one that does not hold is made short and told."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import TextIO

from tuntas.testkit.actors import Cast
from tuntas.testkit.alone import Alone
from tuntas.testkit.cast import cast
from tuntas.testkit.cluster import Cluster
from tuntas.testkit.log import Violation
from tuntas.testkit.simulator import Simulation
from tuntas.testkit.world import World

PORTION = 50
STAGES: dict[str, type[World]] = {"runtime": Cluster, "alone": Alone}
PATIENCE = 400
"""So many shorter histories are tried at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """A history that does not hold: its seed, the invariant, and the whole story."""

    seed: int
    invariant: str
    told: str


def judged(made: Cast, seed: int, stage: type[World], muted: frozenset[int] = frozenset()) -> tuple[Found | None, int]:
    """Play one history; return what was found, and how much went wrong in it."""
    simulation = Simulation(made, seed, stage, muted)
    try:
        simulation.run()
    except Violation as found:
        return Found(seed, invariant(found), str(found)), simulation.moods.happened
    return None, simulation.moods.happened


def invariant(found: Violation) -> str:
    """Return which invariant a violation is of."""
    return str(found).partition(":")[0]


def shortened(made: Cast, found: Found, stage: type[World]) -> Found:
    """Let as little go wrong in a history as still breaks the same invariant (delta debugging, after Zeller)."""
    _, count = judged(made, found.seed, stage)
    muted, parts, tried = frozenset[int](), 2, 0
    while tried < PATIENCE:
        left = [n for n in range(count) if n not in muted]
        size = max(1, len(left) // parts)
        for portion in _cut(left, size):
            tried += 1
            shorter, _ = judged(made, found.seed, stage, muted | frozenset(portion))
            if shorter and shorter.invariant == found.invariant:
                found, muted = shorter, muted | frozenset(portion)
                break
        else:
            if size == 1:
                break
            parts *= 2
    return found


def _cut(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _portion(first: int, count: int, stage: str) -> tuple[int, Found | None]:
    made = cast()
    for seed in range(first, first + count):
        found, _ = judged(made, seed, STAGES[stage])
        if found:
            return seed - first + 1, found
    return count, None


def run(first: int, histories: int, stage: str, jobs: int, prepare: Callable[[], None] | None = None) -> tuple[int, Found | None]:
    """Play histories on several cores until one finds something; return how many were played, and what was found.

    `prepare` runs first in each process.
    """
    portions = iter(range(first, first + histories, PORTION))
    played, begun, said = 0, time.monotonic(), 0.0
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=prepare) as pool:
        waiting: set[Future[tuple[int, Found | None]]] = set()
        while True:
            for at in islice(portions, jobs * 2 - len(waiting)):
                waiting.add(pool.submit(_portion, at, min(PORTION, first + histories - at), stage))
            if not waiting:
                return played, None
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for count, found in (future.result() for future in done):
                played += count
                if found:
                    pool.shutdown(cancel_futures=True)
                    return played, found
            if time.monotonic() - said > 5:
                said = time.monotonic()
                _say(f"{played} of {histories} histories, {played / (said - begun):.0f}/s", sys.stderr)


def _say(line: str, stream: TextIO | None = None) -> None:
    print(line, file=stream, flush=True)


def positive(text: str) -> int:
    """Return a number of histories or jobs: of none nothing would be shown."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def main() -> int:
    """Play; exit code 1 if a history does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tuntas.testkit.simulate", description=__doc__)
    parser.add_argument("--histories", type=positive, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each history has the next one")
    parser.add_argument("--stage", choices=STAGES, default="runtime", help="through the kit's runtime, or the decisions alone")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1)
    given = parser.parse_args()
    begun = time.monotonic()
    played, found = run(given.seed, given.histories, given.stage, given.jobs)
    took = time.monotonic() - begun
    if found:
        _say(f"seed {found.seed} breaks {found.invariant}; making it short", sys.stderr)
        _say(shortened(cast(), found, STAGES[given.stage]).told)
        _say(f"failed: seed {found.seed} breaks {found.invariant}: repeat it with --seed {found.seed} --histories 1 --stage {given.stage}")
        return 1
    rate = played / took
    _say(f"{played} histories hold (seeds {given.seed} to {given.seed + played - 1}, {given.stage}): {rate:.1f}/s on {given.jobs} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
