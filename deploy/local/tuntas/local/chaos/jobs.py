"""What is asked for in a load, by whom, and how the world misbehaves towards it. All of it follows from a seed."""

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tuntas.local.demo.daily import KEMANG, meal, ride
from tuntas.local.demo.paying import bill, customer, rupiah, transfer
from tuntas.local.demo.shopping import basket
from tuntas.local.demo.stage import Stage
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
DOMAIN = {"food": "meal"}
"""What providers call the object of a goal that has another name."""
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


@dataclass(frozen=True)
class Kind:
    """What sort of tasks to make.

    `typed`: a person types each; else one in five of whole journeys, one in ten of light ones. `calm`: the world behaves towards them and
    nobody cancels. `light`: most have one goal, in turn at each connector; else all are whole journeys.
    """

    typed: bool = False
    calm: bool = False
    light: bool = False


def job(stage: Stage, run: str, number: int, person: int, rng: random.Random, kind: Kind) -> Job:
    """Return the task of a number."""
    typed = kind.typed or number % (10 if kind.light else 5) == 0
    name, luck = f"{run}-{number:05}", 0.5 if kind.calm else rng.random()
    goals = _one(number) if kind.light and number % 5 else _journey(number)
    _, away, _, place, _, later = _way(number)
    words = f"Book me a flight from {away} to {place} on {day(later)} and a hotel there for two nights" if typed else None
    return Job(
        name=name,
        task=stage.identity(name, words=typed),
        person=f"{run}-{person}",
        words=words,
        goals=goals,
        instrument="card-declined" if luck < 0.15 else "wallet",  # noqa: PLR2004 - shares of the load, in order
        fault=_fault(luck, rng, goals[:2] if typed else goals),
        cancel_after=rng.uniform(0.2, 8.0) if luck > 0.95 else None,  # noqa: PLR2004
    )


def _way(number: int) -> tuple[str, str, str, str, str, int]:
    return *PLACES[number % len(PLACES)], number // len(PLACES) % DAYS


def _journey(number: int) -> list[Document]:
    """A flight, a hotel, and what else it needs: each connector has something to do in any four."""
    start, _, airport, _, city, later = _way(number)
    besides = [
        [transfer(amount=rupiah(20_000 + number)), bill("internet", customer(12))],
        [basket(item="roti", quantity={"count": 1, "unit": "pack"})],
        [meal()],
        [ride(origin=KEMANG) | {"meets": {"goal": "flight", "at": "start"}}],
    ]
    return [*trip(origin=start, destination=airport, city=city, start=later), *besides[number % 4]]


def _one(number: int) -> list[Document]:
    """One goal, at each connector that takes money in any four."""
    start, _, airport, _, city, later = _way(number)
    booked = trip(origin=start, destination=airport, city=city, start=later)[number // 4 % 2]
    return [(booked, basket(item="roti", quantity={"count": 1, "unit": "pack"}), meal(), bill("internet", customer(12)))[number % 4]]


def _fault(luck: float, rng: random.Random, goals: list[Document]) -> tuple[str, str] | None:
    """Return what goes wrong: one hold in ten is refused, one answer in ten is lost."""
    names = [DOMAIN.get(goal["goal_id"], goal["goal_id"]) for goal in goals]
    if 0.15 <= luck < 0.25:  # noqa: PLR2004
        return (f"{'hotel' if 'hotel' in names else names[0]}.hold", "refuse")
    acts = ("payment.authorize", "payment.capture", *(f"{name}.confirm" for name in names))
    return (rng.choice(acts), "lose_answer") if 0.25 <= luck < 0.35 else None  # noqa: PLR2004
