"""Many different tasks at once: submitted, disturbed, cancelled, and followed to their ends."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from aiokafka.errors import KafkaError

from tuntas.local.chaos.jobs import Job, Kind, job
from tuntas.local.demo.stage import TERMINAL, Play, Stage

TRYING_SECONDS = 90.0
MANDATE = {"IDR": 10**12}
JOURNEYS = Kind()
RESTING = TERMINAL | {"needs_attention"}
Document = dict[str, Any]


@dataclass
class Load:
    """The tasks, on the stage. Whatever is down when a task is submitted, its person tries again, as the doors tell them to.

    Each of the `persons` has several tasks.
    """

    stage: Stage
    run: str
    persons: int
    rng: random.Random
    jobs: list[Job] = field(default_factory=list)
    _busy: list[asyncio.Task[None]] = field(default_factory=list)

    async def consent(self) -> None:
        """Give every person's consent, before anything is struck."""
        for person in range(self.persons):
            await self.stage.mandate(f"{self.run}-{person}", MANDATE)

    def submit(self, count: int, kind: Kind = JOURNEYS, *, cancel_within: float | None = None) -> None:
        """Submit so many more tasks; side by side and on their own, as a door may be down for a while.

        Args:
            count: how many.
            kind: which.
            cancel_within: each is cancelled at an instant within so many seconds; else one in twenty.
        """
        for _ in range(count):
            number = len(self.jobs)
            made = job(self.stage, self.run, number, number % self.persons, self.rng, kind)
            if cancel_within is not None:
                made = replace(made, cancel_after=self.rng.uniform(0, cancel_within))
            self.jobs.append(made)
            self._busy.append(asyncio.create_task(self._submit(made)))

    async def all_submitted(self) -> None:
        """Wait until every door has taken what was for it."""
        await asyncio.gather(*self._busy)

    async def _submit(self, job: Job) -> None:
        if job.fault:
            await _insist(lambda: self._misbehave(job))
        await _insist(lambda: self._ask(job))
        if job.cancel_after is not None:
            await asyncio.sleep(job.cancel_after)
            await _insist(Play(self.stage, job.task, job.person).cancel, refusals=True)

    async def _misbehave(self, job: Job) -> None:
        operation, kind = job.fault or ("", "")
        more = {"code": "sold_out"} if kind == "refuse" else {}
        await Play(self.stage, job.task, job.person).fault(operation, kind, **more)

    async def _ask(self, job: Job) -> None:
        asker: Document = {"person": job.person, "instrument": job.instrument, "travellers": ["Sari Dewi"], "reference": job.name}
        if job.words is not None:
            await self.stage.ask(job.name, job.words, asker)
        else:
            await self.stage.publish(job.name, json.dumps({"asker": asker, "goals": job.goals}).encode())

    def unplanned(self) -> int:
        """Return how many tasks have neither begun to act nor come to rest."""
        return sum(not {"progressed", *RESTING}.intersection(self.stage.told(each.task).names) for each in self.jobs)

    def status(self, job: Job) -> str:
        """Return the last resting status told of a task, else `open`."""
        told = self.stage.told(job.task).names
        last = next((name for name in reversed(told) if name in RESTING | {"reopened"}), "open")
        return "open" if last == "reopened" else last

    def counts(self) -> Counter[str]:
        """Return how many tasks are in which status."""
        return Counter(self.status(job) for job in self.jobs)

    def reasons(self) -> Counter[str]:
        """Return why tasks were not completed, by the code of the last event that tells one."""
        ended = [job for job in self.jobs if self.status(job) not in {"completed", "open"}]
        told = [[e["code"] for e in self.stage.told(job.task).events if e["type"] in RESTING and e.get("code")] for job in ended]
        return Counter(codes[-1] for codes in told if codes)

    async def settled(self, seconds: float) -> bool:
        """Wait until every task rests, at most so long; return whether all do."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.counts()["open"] and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.2)  # events arrive on many tasks; asking all of them is cheap
        return not self.counts()["open"]

    async def receipts(self) -> list[Document]:
        """Return the receipts as the public door gives them."""
        closed = [job for job in self.jobs if any("closing" in event for event in self.stage.told(job.task).events)]
        return [await Play(self.stage, job.task, job.person).receipt() for job in closed]


async def _insist(act: Callable[[], Awaitable[None]], *, refusals: bool = False) -> None:
    """Do it until it is done: a door that is down or asks for patience is tried again; a refusal ends it if refusals are fine."""
    deadline = asyncio.get_running_loop().time() + TRYING_SECONDS
    while True:
        try:
            return await act()
        except (httpx2.HTTPError, KafkaError, RuntimeError) as error:
            if refusals and " 4" in str(error):
                return None
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.3)
