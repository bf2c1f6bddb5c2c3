"""`tuntas-local kill`: every service killed at every point, and every server, under load; then everything is judged and read again."""

import argparse
import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from tuntas.local.chaos.jobs import Kind
from tuntas.local.chaos.judge import audit, leftovers, until
from tuntas.local.chaos.load import Load
from tuntas.local.chaos.replay import replay
from tuntas.local.chaos.strikes import Strike, Striker, strikes
from tuntas.local.demo.stage import Stage
from tuntas.local.platform import Platform

SETTLE_SECONDS = 240.0
QUIET_SECONDS = 60.0
FED = 4
Document = dict[str, Any]
Say = Callable[[str], None]


class Kill:
    """One run: a load of tasks that are all in flight when the first strike falls, a few more with each strike, a verdict."""

    def __init__(self, platform: Platform, tasks: int, seed: int, say: Say) -> None:
        self._platform, self._say, self._begun = platform, say, time.monotonic()
        self._rng, self._tasks = random.Random(seed), tasks  # noqa: S311 - repeatable, not secret
        self._stage = Stage(platform.profile(), platform.addresses.worlds, lambda: None)
        self.load = Load(self._stage, f"k{time.time_ns() // 10**6}", max(1, tasks // 4), self._rng)

    async def run(self, planned: Sequence[Strike], *, servers: bool = True, again: bool = True) -> tuple[Document, bool]:
        """Return the summary, and whether all is as it must be."""
        async with self._stage.open():
            await self.load.consent()
            striker = Striker(self._platform, lambda typed: self.load.submit(FED, Kind(typed=typed)), self._say, self._rng)
            await self._strike(striker, planned, servers=servers)
            await self.load.settled(SETTLE_SECONDS)
            left = await until(lambda: leftovers(self._platform), QUIET_SECONDS)
            summary = self._summary(striker, left) | await self._judged()
            if again:
                summary["replayed"] = await replay(self._platform, self._say) | await self._judged()
        return summary | {"seconds": round(time.monotonic() - self._begun, 1)}, fine(summary)

    async def _strike(self, striker: Striker, planned: Sequence[Strike], *, servers: bool) -> None:
        self.load.submit(self._tasks)
        watch = asyncio.create_task(self._watch())
        try:
            await striker.run(planned, servers=servers)
            await self.load.all_submitted()
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        while True:
            self._say(f"{time.monotonic() - self._begun:5.0f} s  {dict(self.load.counts())}")
            await asyncio.sleep(10)

    async def _judged(self) -> Document:
        found = await audit(self._platform, await self.load.receipts())
        return {"audit": {name: value for name, value in found.items() if value or name.endswith("effects")}}

    def _summary(self, striker: Striker, left: dict[str, int]) -> Document:
        counts, blows = self.load.counts(), striker.blows
        resting = {status: counts[status] for status in ("completed", "compensated", "rejected", "needs_attention", "open")}
        return {
            "tasks": len(self.load.jobs),
            **resting,
            "ended_for": dict(self.load.reasons()),
            "kills": dict(sorted(blows.kills.items())),
            "never_passed": blows.missed,
            "ended_by_themselves": dict(blows.fell),
            "broker_restarts": blows.broker,
            "database_restarts": blows.database,
            "world_restarts": blows.worlds,
            "left": left,
            "not_settled": [str(job.task) for job in self.load.jobs if self.load.status(job) in {"open", "needs_attention"}],
        }


def fine(summary: Document) -> bool:
    """Say whether all rests, nothing is on the way, every point was passed, and the auditor found nothing, twice."""
    again = summary.get("replayed", {})
    changed = again.get("changed_rows") or again.get("new_events") or again.get("changed_effects") or again.get("left")
    audited = [s["audit"] for s in (summary, again) if "audit" in s]
    bad = summary["open"] or summary["needs_attention"] or summary["left"] or summary["never_passed"] or changed
    return not bad and not any(found.get("exit") for found in audited)


def kill(asked: argparse.Namespace, say: Say) -> int:
    """Start everything afresh, strike it under load, judge it, and stop everything."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # that the broker goes away is no news here
    platform = Platform("kill", separate=True, fresh=True, say=say)
    platform.start()
    try:
        summary, good = asyncio.run(Kill(platform, asked.tasks, asked.seed, say).run(strikes()))
    finally:
        platform.stop()
    print(json.dumps(summary) if asked.json else json.dumps(summary, indent=2))  # noqa: T201 - the result
    return 0 if good else 1
