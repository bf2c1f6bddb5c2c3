"""`tuntas-local chaos`: everything that can go wrong with processes, servers and the ways between them, with a thousand tasks in flight."""

import argparse
import asyncio
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from statistics import median
from typing import Any

import asyncpg

from tuntas.contracts.topics import CONNECTORS, connector_commands
from tuntas.kit import redriving
from tuntas.kit.settings import KafkaSettings
from tuntas.local.chaos.faults import MEMBERS, Fault, freezes, kills, outages, stops
from tuntas.local.chaos.foe import CAUGHT, Foe
from tuntas.local.chaos.jobs import Kind
from tuntas.local.chaos.judge import audit, leftovers, until
from tuntas.local.chaos.load import Load
from tuntas.local.chaos.replay import replay
from tuntas.local.demo.stage import Stage
from tuntas.local.platform import Platform
from tuntas.local.services import PACKAGES, declared

Document = dict[str, Any]
DRAIN_SECONDS = 300.0
QUIET_SECONDS = 120.0
CANCEL_SECONDS = 20.0
HELD_SECONDS = 200.0
"""So long the bank holds back what became of an authorization asked for before the first strike, so that all tasks are under way by then.

They go on in the middle of the storm.
"""
HELD: Document = {"kind": "pending", "times": 0, "seconds": HELD_SECONDS}
UNPLANNED = 120
"""So many tasks at most wait to be planned: a person would not wait for longer."""
FED = 2
"""So many more tasks are submitted a second while all that is struck."""
LIGHT = Kind(light=True)
PROBE = 50
"""So many tasks are in flight when it is measured how long all take to rest."""
SERVICE_SETTLES, SERVER_SETTLES = 15.0, 45.0
"""After the kill of a service, and of the broker or the database, all tasks rest within so many seconds."""
NEXT = "tuntas.testkit.grown"
Say = Callable[[str], None]


class Chaos:
    """One run in phases: a storm, a change of version with cancels, how long it takes to settle, and all read again."""

    def __init__(self, platform: Platform, tasks: int, seed: int, say: Say) -> None:
        self._platform, self._say, self._begun = platform, say, time.monotonic()
        self._rng, self._tasks = random.Random(seed), tasks  # noqa: S311 - repeatable, not secret
        self.stage = Stage(platform.profile(), platform.addresses.worlds, lambda: None)
        self.load = Load(self.stage, f"c{time.time_ns() // 10**6}", max(1, tasks // 4), self._rng)
        self.foe = Foe(platform, say)
        self._flying: list[int] = []
        self._met = 0

    async def run(self) -> Document:
        """Return the report."""
        async with self.stage.open():
            await self.load.consent()
            keeper = asyncio.create_task(self.foe.keep())
            watch = asyncio.create_task(self._watch())
            try:
                report = await self._struck()
                report["settles"] = await self._settles()
            finally:
                watch.cancel()
                keeper.cancel()
                await asyncio.gather(watch, keeper, return_exceptions=True)
            report |= {
                "asked": self._tasks,
                "in_flight_when_struck": self._met,
                "dead_letters": await self._poisoned(),
                **self._ends(),
                **await self._judged(),
            }
            report["replayed"] = await replay(self._platform, self._say) | await self._judged()
        return report | {"seconds": round(time.monotonic() - self._begun, 1)}

    async def _struck(self) -> Document:
        """Strike, then change versions and cancel without waiting in between; then wait until every task rests."""
        report = {"storm": await self._phase(self._storm), "roll_and_cancel": await self._phase(self._roll)}
        ended = time.monotonic()
        await self.load.all_submitted()
        await self.load.settled(DRAIN_SECONDS)
        return report | {"at_rest_after_seconds": round(time.monotonic() - ended, 1)}

    async def _phase(self, act: Callable[[], Any]) -> Document:
        """Run a phase, and tell how it went."""
        first, self._flying = len(self.load.jobs), []
        began = time.monotonic()
        await act()
        return {
            "tasks": len(self.load.jobs) - first,
            "in_flight": {"at_most": max(self._flying, default=0), "median": int(median(self._flying or [0]))},
            "seconds": round(time.monotonic() - began, 1),
        }

    async def _storm(self) -> None:
        """Strike in four lanes: kills, processes stopped at any instant or before a commit, and the servers; tasks go on coming."""
        await self._fill()
        await self._poison()
        names, rng = self._platform.names(), self._rng
        lanes = [(stops(names, rng), 8.0), (freezes(names, rng), 4.0), (outages(rng), 4.0), (kills(names, rng), 6.0)]
        feeder = asyncio.create_task(self._feed())
        try:
            await asyncio.gather(*(self._lane(*lane) for lane in lanes))
        finally:
            feeder.cancel()

    async def _fill(self) -> None:
        """Submit at the rate at which the platform plans, until as many tasks as asked for are under way, or the first go on."""
        held = await self.stage.world("payment", "POST", "/faults", json={"operation": "payment.authorize", **HELD})
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_SECONDS):
                while (flying := await self._open_sagas()) < self._tasks:
                    self._submit(self._tasks + UNPLANNED - flying)
                    await asyncio.sleep(1)
        await self.stage.world("payment", "DELETE", f"/faults/{held['fault_id']}")
        self._met = await self._open_sagas()

    def _submit(self, wanted: int, **cancel: float) -> int:
        """Submit as many of these tasks as may wait to be planned; return how many."""
        count = max(0, min(wanted, UNPLANNED - self.load.unplanned()))
        self.load.submit(count, LIGHT, **cancel)
        return count

    async def _lane(self, faults: Sequence[Fault], pause: float) -> None:
        for fault in faults:
            await asyncio.sleep(self._rng.uniform(0, pause))  # an instant of no meaning
            await self.foe.strike(fault)

    async def _feed(self) -> None:
        while True:
            self._submit(FED)
            await asyncio.sleep(1)

    async def _roll(self) -> None:
        """Replace every process by one of the next version, two services at once, while as many tasks are cancelled at some instant."""
        async with _admin(self._platform) as admin:  # what an expanding migration does first
            for name in PACKAGES:
                await admin.execute(f"alter table {_table(name)} add column if not exists grown text")
        services = tuple(PACKAGES)
        await asyncio.gather(self._cancelled(), self._rolled(services[::2]), self._rolled(services[1::2]))

    async def _rolled(self, services: Sequence[str]) -> None:
        for name in self._platform.names():
            if name.partition("@")[0] in services:
                await self.foe.roll(name, NEXT)

    async def _cancelled(self) -> None:
        """Submit as many tasks as asked for, each to be cancelled at some instant of its life."""
        left = self._tasks
        while left:
            left -= self._submit(left, cancel_within=CANCEL_SECONDS)
            await asyncio.sleep(0.5)

    async def _settles(self) -> Document:
        """Kill each service and each server with tasks under way; return with how many, and how many seconds it took until all rested."""
        return {target: await self._settle(target) for target in (*PACKAGES, "kafka", "postgres")}

    async def _settle(self, target: str) -> Document:
        first = len(self.load.jobs)
        self.load.submit(PROBE, Kind(calm=True, light=True))
        await until(lambda: self._awaited(first), QUIET_SECONDS)
        flying, struck = self._flying_since(first), time.monotonic()
        await self.foe.strike(Fault("kill" if target in PACKAGES else "crash", target))
        await self.load.all_submitted()
        await self.load.settled(DRAIN_SECONDS)
        found = {"in_flight": flying, "seconds": round(time.monotonic() - struck, 1)}
        self._say(f"{target} killed: {found}")
        return found

    def _flying_since(self, first: int) -> int:
        """Return how many of the tasks from a number on are under way: a step was told, and they do not rest."""
        jobs = self.load.jobs[first:]
        return sum("progressed" in self.stage.told(job.task).names and self.load.status(job) == "open" for job in jobs)

    async def _awaited(self, first: int) -> bool:
        return not self._flying_since(first)

    async def _watch(self) -> None:
        while True:
            self._flying.append(await self._open_sagas())
            self._say(f"{time.monotonic() - self._begun:5.0f} s  {self._flying[-1]} sagas open  {dict(self.load.counts())}")
            await asyncio.sleep(10)

    async def _open_sagas(self) -> int:
        query = f"select count(*) from {_table('saga')} where status not in ('completed', 'compensated')"
        try:
            async with _admin(self._platform) as admin:
                return int(await admin.fetchval(query))
        except (OSError, asyncpg.PostgresError):
            return self._flying[-1] if self._flying else 0

    # What is judged

    async def _poison(self) -> None:
        """Put records that nobody should have written into every connector's and the coordinator's topic."""
        for name in ("tuntas.saga.commands.v1", "tuntas.executor.commands.v1", *(connector_commands(c).name for c in CONNECTORS)):
            await self.stage.send(name, b"not JSON")

    async def _poisoned(self) -> Document:
        """Tell what was set aside, and send it through again: nothing may come of it but that it is set aside once more."""
        settings = KafkaSettings(bootstrap=self._platform.backends.bootstrap)
        first = await redriving.letters(settings)
        for record in (letter.record for letter in first if letter.record):
            await redriving.redrive(settings, record)
        await until(lambda: leftovers(self._platform), QUIET_SECONDS)
        again = await redriving.letters(settings)
        codes = Counter(letter.facts["code"] for letter in again)
        return {"codes": dict(codes), "redriven": len(first), "set_aside_again": len(again) - len(first)}

    def _ends(self) -> Document:
        counts = self.load.counts()
        unsettled = [str(job.task) for job in self.load.jobs if self.load.status(job) in {"open", "needs_attention"}]
        return {
            "tasks": len(self.load.jobs),
            **{status: counts[status] for status in ("completed", "compensated", "rejected", "needs_attention", "open")},
            "ended_for": dict(self.load.reasons()),
            "not_settled": unsettled,
            "struck": dict(sorted(self.foe.struck.items())),
            "frozen": dict(self.foe.frozen),
            "full": dict(self.foe.full),
            "ended_by_themselves": dict(self.foe.fell),
        }

    async def _judged(self) -> Document:
        left = await until(lambda: leftovers(self._platform), QUIET_SECONDS)
        found = await audit(self._platform, await self.load.receipts())
        return {"left": left, "audit": {name: value for name, value in found.items() if value or name.endswith("effects")}}


def _admin(platform: Platform) -> Any:
    return asyncpg.create_pool(platform.admin_dsn(), min_size=0, max_size=1, timeout=30)


def _table(service: str) -> str:
    return f"{service.replace('-', '_')}.{declared(service).table}"


def faults_found(report: Document) -> list[str]:
    """Return what is not as it must be, in words."""
    again, said = report["replayed"], []
    said += [f"{name}: {report[name]}" for name in ("open", "needs_attention", "left") if report[name]]
    said += [f"audit: {part['audit']}" for part in (report, again) if part["audit"].get("exit")]
    said += [f"replay: {name} {again[name]}" for name in ("changed_rows", "new_events", "changed_effects", "left") if again[name]]
    said += [f"set aside: {code}" for code in report["dead_letters"]["codes"] if code != "bad_envelope"]
    for target, probe in report["settles"].items():
        most = SERVICE_SETTLES if target in PACKAGES else SERVER_SETTLES
        said += [f"{target} killed: at rest after {probe['seconds']} s, not {most:.0f}"] if probe["seconds"] > most else []
        said += [] if probe["in_flight"] else [f"{target} killed: nothing was under way"]
    return said + _not_shown(report)


def _not_shown(report: Document) -> list[str]:
    """Return what the run was meant to do and did not."""
    met, asked = report["in_flight_when_struck"], report["asked"]
    said = [] if met >= asked else [f"{met} sagas were in flight when the first strike fell, not {asked}"]
    return said + ([] if report["frozen"].get(CAUGHT) else ["no process was stopped inside a transaction"])


def chaos(asked: argparse.Namespace, say: Say) -> int:
    """Start everything afresh with several members, let everything go wrong, judge it, and stop everything."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # that the broker goes away is no news here
    platform = Platform("chaos", separate=True, fresh=True, members=MEMBERS, proxied=True, say=say)
    platform.start()
    try:
        report = asyncio.run(Chaos(platform, asked.tasks, asked.seed, say).run())
    finally:
        platform.stop()
    report["wrong"] = faults_found(report)
    print(json.dumps(report) if asked.json else json.dumps(report, indent=2))  # noqa: T201 - the result
    return 1 if report["wrong"] else 0
