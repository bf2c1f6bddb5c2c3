"""Many different tasks at once: who asks for what, how the world misbehaves, who cancels. All of it follows from a seed."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx2
from aiokafka.errors import KafkaError

from tuntas.local.demo.daily import KEMANG, meal, ride
from tuntas.local.demo.paying import bill, customer, rupiah, transfer
from tuntas.local.demo.shopping import basket
from tuntas.local.demo.stage import TERMINAL, Play, Stage
from tuntas.local.demo.stories import day, trip

PLACES = (
    ("CGK", "Jakarta", "DPS", "Bali", "Denpasar"),
    ("CGK", "Jakarta", "SUB", "Surabaya", "Surabaya"),
    ("CGK", "Jakarta", "KNO", "Medan", "Medan"),
    ("CGK", "Jakarta", "UPG", "Makassar", "Makassar"),
    ("CGK", "Jakarta", "BPN", "Balikpapan", "Balikpapan"),
    ("CGK", "Jakarta", "PDG", "Padang", "Padang"),
)
"""Where from and to, with the city of the hotel; far enough that every airline on the way can be asked how an attempt ended."""

DAYS = 60
TRYING_SECONDS = 90.0
MANDATE = {"IDR": 10**12}
RESTING = TERMINAL | {"needs_attention"}
LOST = ("payment.authorize", "flight.confirm", "hotel.confirm", "basket.confirm", "transfer.confirm", "bill.confirm", "payment.capture")
Document = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One task of the load. `fault` is an operation and how the world misbehaves there; `cancel_after` is in seconds."""

    name: str
    task: UUID
    person: str
    words: str | None
    goals: list[Document]
    instrument: str
    fault: tuple[str, str] | None
    cancel_after: float | None


def _job(stage: Stage, run: str, number: int, person: int, rng: random.Random, *, typed: bool, calm: bool) -> Job:
    start, away, airport, place, city = PLACES[number % len(PLACES)]
    later = number // len(PLACES) % DAYS
    name, luck = f"{run}-{number:04}", _CALM if calm else rng.random()
    words = f"Book me a flight from {away} to {place} on {day(later)} and a hotel there for two nights" if typed else None
    return Job(
        name=name,
        task=stage.identity(name, words=typed),
        person=f"{run}-{person}",
        words=words,
        goals=[*trip(origin=start, destination=airport, city=city, start=later), *_besides(number)],
        instrument="card-declined" if luck < 0.15 else "wallet",  # noqa: PLR2004 - shares of the load, in order
        fault=_fault(luck, rng),
        cancel_after=rng.uniform(0.2, 8.0) if luck > 0.95 else None,  # noqa: PLR2004
    )


_CALM = 0.5
"""With this luck nothing goes wrong."""


def _besides(number: int) -> list[Document]:
    """What else a journey needs: each connector has something to do in any four jobs."""
    return [
        [transfer(amount=rupiah(20_000 + number)), bill("internet", customer(12))],
        [basket(item="roti", quantity={"count": 1, "unit": "pack"})],
        [meal()],
        [ride(origin=KEMANG) | {"meets": {"goal": "flight", "at": "start"}}],
    ][number % 4]


def _fault(luck: float, rng: random.Random) -> tuple[str, str] | None:
    if 0.15 <= luck < 0.25:  # noqa: PLR2004
        return ("hotel.hold", "refuse")
    return (rng.choice(LOST), "lose_answer") if 0.25 <= luck < 0.35 else None  # noqa: PLR2004


@dataclass
class Load:
    """The tasks, on the stage. Whatever is down when a task is submitted, its person tries again, as the doors tell them to.

    One task in five is typed by a person. Each of the `persons` has several tasks.
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

    def submit(self, count: int, *, typed: bool = False, calm: bool = False, cancel_within: float | None = None) -> None:
        """Submit so many more tasks; side by side and on their own, as a door may be down for a while.

        Args:
            count: how many.
            typed: a person types each; else one in five.
            calm: the world behaves towards them and nobody cancels.
            cancel_within: each is cancelled at an instant within so many seconds; else one in twenty.
        """
        for _ in range(count):
            number = len(self.jobs)
            job = _job(self.stage, self.run, number, number % self.persons, self.rng, typed=typed or number % 5 == 0, calm=calm)
            if cancel_within is not None:
                job = replace(job, cancel_after=self.rng.uniform(0, cancel_within))
            self.jobs.append(job)
            self._busy.append(asyncio.create_task(self._submit(job)))

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
