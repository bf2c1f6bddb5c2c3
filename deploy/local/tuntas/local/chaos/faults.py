"""What is done to a running platform: which faults, to whom, in which order. All of it follows from a seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tuntas.local.platform import WORLDS

Kind = Literal["kill", "stop", "freeze", "cut", "slow", "silence", "fill", "crash", "stop_at_once"]

TRANSACTION_SECONDS = 12.0
"""Longer than a transaction may be idle: the server ends it."""
SESSION_SECONDS = 34.0
"""Longer than a member's session lasts: its partitions go to another."""
SILENCE_SECONDS = 15.0
SLOW_SECONDS = 10.0
FULL_SECONDS = 8.0
LOG_FITS = 17 * 2**20
"""PostgreSQL's log has files of 16 MiB: below this, tables fail to grow and the server goes on; at 0 it can write nothing and ends."""
MEMBERS: Mapping[str, int] = {"executor": 4, "saga": 4, "connectors-travel": 4, "connectors-payment": 4}
"""These have four members on six partitions."""


@dataclass(frozen=True)
class Fault:
    """One fault. `value` is the share of connections to cut, the delay in seconds, or the most bytes a file may have."""

    kind: Kind
    target: str
    seconds: float = 0.0
    value: float = 0.0


def kills(names: Sequence[str], rng: random.Random) -> list[Fault]:
    """Return a kill of every process in turn, and of as many at random."""
    turn, chance = rng.sample(names, len(names)), [rng.choice(names) for _ in names]
    return [Fault("kill", name) for pair in zip(turn, chance, strict=True) for name in pair]


def stops(names: Sequence[str], rng: random.Random) -> list[Fault]:
    """Return processes stopped at any instant, for longer than a transaction may last and than a session does."""
    found = [Fault("stop", rng.choice(_many(names)), SESSION_SECONDS)]
    found += [Fault("stop", name, TRANSACTION_SECONDS) for name in rng.sample(names, 5)]
    return rng.sample(found, len(found))


def freezes(names: Sequence[str], rng: random.Random) -> list[Fault]:
    """Return processes stopped before a commit, for as long as those of `stops`."""
    many, busy = _many(names), ("trust", "planner", "gateway")
    found = [Fault("freeze", rng.choice(many), SESSION_SECONDS)]
    found += [Fault("freeze", name, TRANSACTION_SECONDS) for name in (*rng.sample(many, 3), *busy)]
    return rng.sample(found, len(found))


def _many(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.partition("@")[0] in MEMBERS]


def outages(rng: random.Random) -> list[Fault]:
    """Return what happens to servers, worlds and the ways to them."""
    servers = ("kafka", "postgres")
    found = [Fault("cut", way, value=share) for way in servers for share in (0.5, 1.0)]
    found += [Fault("slow", way, SLOW_SECONDS, 0.1) for way in servers]
    found += [Fault("silence", way, SILENCE_SECONDS) for way in servers]
    found += [Fault("crash", server) for server in servers] + [Fault("stop_at_once", "postgres")]
    found += [Fault("fill", server, FULL_SECONDS) for server in servers] + [Fault("fill", "postgres", FULL_SECONDS, LOG_FITS)]
    for world in WORLDS:
        found += [Fault("crash", world), Fault("cut", world, value=1.0), Fault("silence", world, SILENCE_SECONDS / 3)]
    return rng.sample(found, len(found))
