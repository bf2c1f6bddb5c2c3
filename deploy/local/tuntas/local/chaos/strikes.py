"""The strikes: every service killed at every named point, and the broker, the database and the providers' worlds killed meanwhile."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from tuntas.kit.failpoints import Point
from tuntas.local.platform import WORLDS, Platform
from tuntas.local.processes import wait_for
from tuntas.local.services import PACKAGES

CALLERS = ("intent", "planner", "connectors-travel", "connectors-payment", "connectors-instant", "connectors-shopping")
"""Services that call others, the only ones that pass `answered`."""

FEEDS, FEED_SECONDS = 4, 10.0
SIDE_BY_SIDE = 2
Strike = tuple[str, Point]
Feed = Callable[[bool], None]
"""Submits a few more tasks, all of them typed if asked for."""


def strikes(points: Sequence[Point] = get_args(Point), services: Sequence[str] = tuple(PACKAGES)) -> list[Strike]:
    """Return every service at every point that it passes."""
    return [(service, point) for point in points for service in services if point != "answered" or service in CALLERS]


@dataclass
class Blows:
    """What was really struck: kills by `service.point`, points that were never passed, restarts, and processes that fell by themselves."""

    kills: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    fell: Counter[str] = field(default_factory=Counter)
    broker: int = 0
    database: int = 0
    worlds: int = 0


class Striker:
    """Strikes a running platform that has one process for each service, and starts again what it has struck."""

    def __init__(self, platform: Platform, feed: Feed, say: Callable[[str], None], rng: random.Random) -> None:
        self._platform, self._feed, self._say, self._rng = platform, feed, say, rng
        self._struck: set[str] = set()
        self.blows = Blows()

    async def run(self, planned: Sequence[Strike], *, servers: bool = True) -> None:
        """Strike all services, two side by side; in between, evenly spread, the servers that all of them need."""
        order = self._mixed(planned)
        pairs = [order[at : at + SIDE_BY_SIDE] for at in range(0, len(order), SIDE_BY_SIDE)]
        blows = [self._broker, self._database, self._worlds, self._broker, self._database_crash] if servers else []
        keeper = asyncio.create_task(self._keep())
        try:
            for done, pair in enumerate(pairs, start=1):
                await asyncio.gather(*(self._strike(*strike) for strike in pair))
                for blow in blows[(done - 1) * len(blows) // len(pairs) : done * len(blows) // len(pairs)]:
                    await blow()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def _mixed(self, planned: Sequence[Strike]) -> list[Strike]:
        """Mix the strikes; two of one service never stand in one pair."""
        order = list(planned)
        self._rng.shuffle(order)
        for at in range(0, len(order) - 1, SIDE_BY_SIDE):
            other = next((n for n in range(at + 1, len(order)) if order[n][0] != order[at][0]), at + 1)
            order[at + 1], order[other] = order[other], order[at + 1]
        return order

    async def _strike(self, service: str, point: Point) -> None:
        """Kill a service anywhere, start it armed, feed it until it dies at its point, and start it again."""
        name, begun = f"{service}.{point}", time.monotonic()
        self._struck.add(service)
        try:
            await self._start(service, TUNTAS_FAILPOINTS=f"{name}=exit*1")
            died = await self._feed_until_death(service, point)
            self._note(name, died)
            await self._start(service)
        finally:
            self._struck.discard(service)
        self._say(f"{name}: {'killed' if died else 'NOT PASSED'}, back after {time.monotonic() - begun:.1f} s")

    async def _feed_until_death(self, service: str, point: Point) -> bool:
        """Submit tasks until it has died, a few times; return whether it died. The reader of words calls only for typed ones."""
        child = self._platform.services[service]
        for _ in range(FEEDS):
            self._feed(service == "intent" and point == "answered")
            if await asyncio.to_thread(wait_for, lambda: not child.running(), FEED_SECONDS):
                return True
        return False

    def _note(self, name: str, died: bool) -> None:
        if died:
            self.blows.kills[name] += 1
        else:
            self.blows.missed.append(name)

    async def _start(self, service: str, **extra: str) -> None:
        await asyncio.to_thread(self._platform.services[service].kill)
        await asyncio.to_thread(self._platform.start_service, service, **extra)
        if not extra:
            await asyncio.to_thread(self._platform.await_ready, service)

    async def _broker(self) -> None:
        backends = self._platform.backends
        await asyncio.to_thread(backends.kill_kafka)
        await self._feed_while_down(backends.restart_kafka)
        self.blows.broker += 1
        self._say("broker: killed and started again")

    async def _database(self) -> None:
        backends = self._platform.backends
        await asyncio.to_thread(backends.kill_postgres)
        await self._feed_while_down(backends.restart_postgres)
        self.blows.database += 1
        self._say("database: killed and started again")

    async def _database_crash(self) -> None:
        await self._feed_while_down(lambda: self._platform.backends.restart_postgres(immediate=True))
        self.blows.database += 1
        self._say("database: stopped at once and started again")

    async def _worlds(self) -> None:
        for world in WORLDS:
            await asyncio.to_thread(self._platform.worlds[world].kill)
        for world in WORLDS:
            await asyncio.to_thread(self._platform.start_world, world)
            self.blows.worlds += 1
        self._say("providers' worlds: killed and started again")

    async def _feed_while_down(self, restart: Callable[[], None]) -> None:
        self._feed(False)
        await asyncio.to_thread(restart)

    async def _keep(self) -> None:
        """Start again what ended without being struck, as a supervisor would, and remember it."""
        while True:
            for name, child in list(self._platform.services.items()):
                if name not in self._struck and not child.running():
                    code = child.popen.returncode if child.popen else None
                    self.blows.fell[f"{name} ({code})"] += 1
                    self._say(f"{name}: ended by itself with {code}; started again")
                    await asyncio.to_thread(self._platform.start_service, name)
            await asyncio.sleep(0.5)  # processes end without telling us
