"""The stories, as a table: who says or publishes what, how the world misbehaves, and what must come of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tuntas.language import Reading, read
from tuntas.local.demo.stage import Play

Act = Callable[[Play], Awaitable[None]]
Document = dict[str, Any]

_DAY = date.today() + timedelta(days=30)  # noqa: DTZ011 - any day a month ahead will do
_DOMAIN_OF = {"ride": "food"}
"""Rides are instant commerce, as meals are."""

GENEROUS = {"IDR": 10**12}
NOTHING = {"IDR": 1}


def day(offset: int = 0) -> str:
    """Return a day of the demo's journeys."""
    return (_DAY + timedelta(days=offset)).isoformat()


def trip(
    *, nights: int = 2, origin: str = "CGK", destination: str = "DPS", city: str = "Denpasar", start: int = 0, **flight: Any
) -> list[Document]:
    """Return the goals of a journey: a flight and a hotel where it ends."""
    refundable = {"refundable": True} if flight.pop("refundable", False) else {}
    hotel = {"city": city, "country": "ID", "check_in": day(start), "check_out": day(start + nights)} | refundable
    return [
        {
            "goal_id": "flight",
            "type": "travel.flight.book",
            "parameters": {"origin": origin, "destination": destination, "depart_date": day(start)} | refundable | flight,
        },
        {"goal_id": "hotel", "type": "travel.hotel.book", "parameters": hotel},
    ]


async def _nothing(_: Play) -> None:
    return


@dataclass(frozen=True)
class Story:
    """One story. `words` are typed by a person, `goals` published by a service; `before` sets the world up, `act` is played meanwhile.

    `ends` is the public status it must reach, `code` its reason if that matters, `closing` the number of its last closing.
    """

    name: str
    title: str
    ends: str
    words: str | None = None
    travellers: tuple[str, ...] = ("Sari Dewi",)
    goals: list[Document] = field(default_factory=list)
    mandate: dict[str, int] = field(default_factory=lambda: GENEROUS)
    instrument: str = "wallet"
    before: Act = _nothing
    act: Act = _nothing
    code: str | None = None
    closing: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def lang(self) -> str | None:
        """Return the language of its words, as the platform reads them; None for an event."""
        return _read(self.words).lang if self.words else None

    @property
    def domains(self) -> tuple[str, ...]:
        """Return what it is about: of `shop`, `food`, `travel`, `map` and `pay`, each once."""
        kinds = [goal.label for goal in _read(self.words).goals] if self.words else [str(goal["type"]) for goal in self.goals]
        return tuple(dict.fromkeys(_DOMAIN_OF.get(kind.partition(".")[0], kind.partition(".")[0]) for kind in kinds))


@lru_cache
def _read(words: str) -> Reading:
    return read(words, now=datetime.now(UTC), tz="UTC")


def misbehaves(operation: str, kind: str, **more: Any) -> Act:
    """Return a preparation: the world misbehaves once towards the task."""

    async def prepare(play: Play) -> None:
        await play.fault(operation, kind, **more)

    return prepare


def both(*acts: Act) -> Act:
    """Return several acts, one after the other."""

    async def play_all(play: Play) -> None:
        for act in acts:
            await act(play)

    return play_all


def cancels_after(step: str, state: str = "done") -> Act:
    """Return an act: the person cancels as soon as a step is told in a state."""

    async def act(play: Play) -> None:
        await play.until("progressed", step=step, state=state)
        await play.cancel()

    return act


async def _yes(play: Play) -> None:
    await play.until("approval_needed")
    await play.approve()


async def _no(play: Play) -> None:
    await play.until("approval_needed")
    await play.approve(yes=False)


async def _says_from_where(play: Play) -> None:
    await play.until("question")
    await play.answer("dari Jakarta")


async def _hotel_cancels(play: Play) -> None:
    await play.until("completed")
    receipt = await play.receipt()
    hotel = next(e["reference"] for e in receipt["effects"] if e["action"] == "hotel.confirm")
    await play.stage.world("travel", "POST", f"/objects/{hotel}/cancel", json={"reason": "overbooked"})
    await play.until("reopened")


async def _keeps_the_hotel(play: Play) -> None:
    await play.until("completed")
    await play.give_up("flight")
    await play.until("reopened")


async def _cancels_while_in_doubt(play: Play) -> None:
    await play.until("progressed", step="flight.hold", state="unknown")
    await play.cancel()
    await play.until("compensated")
    await play.until("reopened")


async def _approves_first_and_second(play: Play) -> None:
    await play.until("approval_needed")
    await play.approve()
    await play.until("approval_needed", times=2)
    await play.forgive()
    await play.approve()


@dataclass(frozen=True)
class Dates:
    """The demo's first day, as it is written in three languages."""

    english: str
    indonesian: str
    chinese: str


def _dates() -> Dates:
    d = _DAY
    months = "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember"
    return Dates(f"{d.day} {d:%B} {d.year}", f"{d.day} {months.split()[d.month - 1]} {d.year}", f"{d.year}年{d.month}月{d.day}日")


def stories() -> list[Story]:
    """Return all stories; half are words in three languages, half intent events."""
    dates = _dates()
    return [*_finished(dates), *_saved(dates), *_undone(dates), *_consented(dates)]


def _finished(on: Dates) -> list[Story]:
    """Return stories in which all goes well in the end, by itself."""
    return [
        Story(
            "plain",
            "a trip that completes",
            "completed",
            words=f"Book me a flight from Jakarta to Bali on {on.english} and a hotel there for two nights",
        ),
        Story(
            "authorization-lost",
            "the answer to an authorization is lost, and found by inquiry",
            "completed",
            goals=trip(start=1),
            before=misbehaves("payment.authorize", "lose_answer"),
        ),
        Story(
            "confirmation-lost",
            "the answer to a flight confirmation is lost and cannot be found for a while",
            "completed",
            goals=trip(start=2),
            before=misbehaves("flight.confirm", "lose_answer", seconds=4),
        ),
        Story(
            "twice",
            "a provider answers twice",
            "completed",
            words=f"flight Jakarta to Bali {on.english} and 2 nights hotel pls",
            before=both(misbehaves("payment.capture", "answer_twice"), misbehaves("hotel.confirm", "answer_twice")),
        ),
        Story(
            "question",
            "one thing is missing: it is asked for",
            "completed",
            words=f"mau tiket pesawat ke Bali {on.indonesian}",
            act=_says_from_where,
        ),
    ]


def _saved(on: Dates) -> list[Story]:
    """Return stories that the ladder saves."""
    return [
        Story(
            "alternative",
            "the hotel refuses, an alternative saves it",
            "completed",
            words=f"tolong pesenin tiket pesawat dari Jakarta ke Surabaya tanggal {on.indonesian} sama hotel 2 malam di sana ya",
            before=misbehaves("hotel.hold", "refuse", code="sold_out"),
        ),
        Story(
            "hold-expires",
            "a hold expires and is taken again",
            "completed",
            goals=trip(start=5),
            before=both(misbehaves("hotel.hold", "hold_seconds", seconds=3), misbehaves("payment.authorize", "slow", seconds=4)),
        ),
        Story(
            "hotel-cancels",
            "the hotel cancels after completion: the task is reopened",
            "completed",
            goals=trip(start=6),
            act=_hotel_cancels,
            closing=2,
        ),
        Story(
            "new-approval",
            "a substitute outside the plan needs a new approval",
            "completed",
            goals=trip(start=8),
            mandate=NOTHING,
            before=misbehaves("hotel.hold", "refuse", code="sold_out", times=0),
            act=_approves_first_and_second,
        ),
    ]


def _undone(on: Dates) -> list[Story]:
    """Return stories that are rolled back, or can't be any more."""
    return [
        Story(
            "declined",
            "payment is declined after both are held",
            "compensated",
            words=f"帮我订{on.chinese}从雅加达到巴厘岛的机票，再订两晚酒店",
            instrument="card-declined",
            code="declined",
        ),
        Story(
            "half-way",
            "the person cancels half-way",
            "compensated",
            words=f"I want to fly from Jakarta to Medan on {on.english}, and a hotel there for 3 nights",
            before=misbehaves("hotel.confirm", "slow", seconds=3),
            act=cancels_after("payment.authorize"),
            code="cancelled",
        ),
        Story(
            "late-success",
            "a success arrives after its undo",
            "compensated",
            goals=trip(start=7, origin="CGK", destination="SRG", city="Semarang", airline="Kite"),
            before=misbehaves("flight.hold", "act_late", seconds=9),
            act=_cancels_while_in_doubt,
            closing=2,
        ),
        Story(
            "capture-cancelled",
            "a cancel during the capture",
            "compensated",
            goals=trip(start=9, refundable=True),
            before=misbehaves("payment.capture", "slow", seconds=3),
            act=cancels_after("flight.confirm"),
            code="cancelled",
        ),
        Story(
            "hotel-kept",
            "the person gives up the flight afterwards and keeps the hotel: the flight's price comes back",
            "completed",
            goals=trip(start=13, refundable=True),
            act=_keeps_the_hotel,
            closing=2,
        ),
        Story(
            "too-late",
            "cancels after the irreversible leg: too late, with the undo's price",
            "completed",
            goals=trip(start=3),
            before=misbehaves("payment.capture", "slow", seconds=3),
            act=cancels_after("flight.confirm"),
        ),
    ]


def _consented(on: Dates) -> list[Story]:
    """Return stories about who may do what."""
    return [
        Story(
            "approval-given",
            "the mandate is too small: approval is asked for and given",
            "completed",
            words=f"pesan tiket pesawat dari Jakarta ke Yogyakarta tanggal {on.indonesian} untuk berdua",
            travellers=("Sari Dewi", "Budi Santoso"),
            mandate=NOTHING,
            act=_yes,
        ),
        Story(
            "approval-refused",
            "approval is asked for and refused",
            "rejected",
            words=f"please fly me from Jakarta to Makassar on {on.english}",
            mandate=NOTHING,
            act=_no,
            code="approval_denied",
            closing=0,
        ),
        Story(
            "approval-unanswered",
            "approval is asked for and not answered in time",
            "rejected",
            words=f"我要{on.chinese}从雅加达飞泗水的机票",
            mandate=NOTHING,
            code="approval_expired",
            closing=0,
        ),
        Story(
            "forged",
            "a forged submission",
            "rejected",
            goals=trip(start=10),
            headers={"ce_signature": "AAAA"},
            code="forged",
            closing=0,
        ),
    ]
