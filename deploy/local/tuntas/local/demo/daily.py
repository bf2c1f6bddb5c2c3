"""Stories of every day: meals, tables, rides, ways, and a trip whose ride moves with the flight."""

from tuntas.local.demo.stage import Document, Play
from tuntas.local.demo.stories import Act, Story, both, day, misbehaves, trip

KEMANG, OFFICE = "Jalan Kemang Raya 12, Jakarta", "SCBD lot 8, Jakarta"


def meal(address: str = OFFICE, **wishes: object) -> Document:
    """Return the goal of a meal."""
    return {"goal_id": "food", "type": "food.order", "parameters": {"address": address} | wishes}


def table() -> Document:
    """Return the goal of a table for two at dinner."""
    wishes = {"restaurant": "Dragon Wok", "near": KEMANG, "date": day(-20), "time": "19:00", "guests": {"adults": 2}}
    return {"goal_id": "table", "type": "food.reserve", "parameters": wishes}


def ride(**wishes: object) -> Document:
    """Return the goal of a ride."""
    return {"goal_id": "ride", "type": "ride.book", "parameters": wishes}


def with_ride(start: int) -> list[Document]:
    """Return the goals of a flight and of a ride that brings one to it."""
    return [*trip(start=start, refundable=True)[:1], ride(origin=KEMANG) | {"meets": {"goal": "flight", "at": "start"}}]


async def _given_up(play: Play, action: str) -> None:
    """The other side of an action cancels once the task is completed."""
    await play.until("completed")
    await play.stage.world("instant", "POST", f"/objects/{await _reference(play, action)}/cancel", json={"reason": "no courier"})
    await play.until("reopened")


async def _reference(play: Play, action: str) -> str:
    effects = (await play.receipt())["effects"]
    return str(next(e["reference"] for e in effects if e["action"] == action and e["state"] == "kept"))


async def _courier_cancels(play: Play) -> None:
    await _given_up(play, "meal.confirm")


async def _flight_moves(play: Play) -> None:
    """The airline lets the flight leave three hours later."""
    await play.until("completed")
    flight = await _reference(play, "flight.confirm")
    await play.stage.world("travel", "POST", f"/objects/{flight}/move", json={"minutes": 180})
    await play.until("reopened")


def daily() -> list[Story]:
    """Return the stories."""
    return [*_meals(), *_tables(), *_ways()]


def _meals() -> list[Story]:
    lost: Act = both(misbehaves("meal.confirm", "lose_answer"), misbehaves("meal.hold", "slow", seconds=1))
    return [
        Story(
            "food-to-office",
            "food to the office, paid by wallet; one answer is lost on the way",
            "completed",
            goals=[meal(items=[{"item": "nasi goreng", "quantity": 2}, {"item": "es teh", "quantity": 2}])],
            before=lost,
        ),
        Story(
            "courier-cancels",
            "the courier cancels after the order: another brings it",
            "completed",
            goals=[meal()],
            act=_courier_cancels,
            closing=2,
        ),
        Story(
            "too-dear",
            "a meal that the budget does not pay for: the wish is named",
            "rejected",
            goals=[meal(cuisine="sushi", budget={"amount_minor": 100_000, "currency": "IDR"})],
            code="over_budget",
            closing=0,
        ),
    ]


def _tables() -> list[Story]:
    return [
        Story("table", "a table for four, in words", "completed", words="pesan meja untuk 4 orang di Napoli Corner besok jam 7 malam"),
        Story(
            "table-and-ride",
            "a table, and a ride that brings one there in time",
            "completed",
            goals=[table(), ride(origin=KEMANG) | {"meets": {"goal": "table", "at": "start"}}],
        ),
        Story(
            "milk-at-once",
            "groceries from a small shop round the corner, brought like a meal",
            "completed",
            goals=[meal(KEMANG, items=[{"item": "susu", "quantity": 2}, {"item": "telur"}])],
        ),
    ]


def _ways() -> list[Story]:
    return [
        Story(
            "airport-ride",
            "a flight and a ride that brings one there in time",
            "completed",
            goals=with_ride(11),
        ),
        Story(
            "flight-moves",
            "the airline moves the flight: the ride moves with it",
            "completed",
            goals=with_ride(12),
            act=_flight_moves,
            closing=2,
        ),
        Story(
            "ride-refused",
            "no driver of one fleet: another takes the ride",
            "completed",
            goals=[ride(origin=KEMANG, destination="Gambir", pickup_at=f"{day(1)}T02:00:00Z")],
            before=misbehaves("ride.hold", "refuse", code="sold_out"),
        ),
        Story(
            "the-way",
            "a question only: how long is the way?",
            "answered",
            goals=[{"goal_id": "way", "type": "map.route", "parameters": {"origin": KEMANG, "destination": "Gambir"}}],
            closing=0,
        ),
        Story("how-far", "how far is it, in Chinese", "answered", words="从人民广场到外滩多远", closing=0),
    ]
