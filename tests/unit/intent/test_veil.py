"""Personal slots are sealed when they are read; goals that meet others are tied to them."""

from typing import Any
from uuid import UUID, uuid4

from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Meeting
from tuntas.contracts.registry import ConnectorRegistered, GoalType, SlotMapping
from tuntas.intent.goals import build
from tuntas.intent.reader import answered
from tuntas.intent.veil import veiled
from tuntas.kit.registry import Registry
from tuntas.language import read
from tuntas.testkit.history import START

PERSON = uuid4()
TEXT: Any = {"type": "string"}
SECRET: Any = TEXT | {"x-personal": True}
ORDER = GoalType(
    name="food.order",
    parameters={
        "type": "object",
        "properties": {"address": TEXT | {"x-personal": True}, "from": TEXT | {"x-personal": True}, "item": TEXT},
    },
    mapping={
        "address": SlotMapping(slots=("address",), required=True),
        "from": SlotMapping(slots=("origin",), path="name"),
        "item": SlotMapping(slots=("item",)),
    },
    actions=(),
)
FLIGHT = GoalType(name="travel.flight.book", parameters={}, mapping={"to": SlotMapping(slots=("destination",))}, actions=())


class Sealer:
    """A vault that seals in the open."""

    async def seal(self, _tenant: str, person: UUID, text: str) -> Personal:
        return Personal(f"sealed:v1:{person}:{text}")


def registry() -> Registry:
    known = Registry()
    known.register(ConnectorRegistered(connector="instant", goal_types=(ORDER, FLIGHT), providers=()))
    return known


async def seen(label: str, **slots: Any) -> Any:
    vault: Any = Sealer()
    return (await veiled(vault, registry(), "acme", PERSON, {"label": label, "slots": slots}))["slots"]


async def test_what_a_connector_marks_is_sealed_and_the_rest_stays_open() -> None:
    assert await seen("food.order", address="home", item="soto") == {"address": f"sealed:v1:{PERSON}:home", "item": "soto"}


async def test_of_a_sealed_place_only_the_part_that_is_asked_for_is_kept() -> None:
    assert await seen("food.order", origin={"name": "kemang", "lat": 1}) == {"origin": {"name": f"sealed:v1:{PERSON}:kemang"}}


async def test_what_is_sealed_already_is_left_alone() -> None:
    once = await seen("food.order", address="home")
    assert await seen("food.order", **once) == once


async def test_what_is_sealed_makes_a_goal_that_fits_its_schema() -> None:
    goals: Any = build(registry(), [{"label": "food.order", "slots": await seen("food.order", address="home")}], "en")
    assert goals[0].parameters == {"address": f"sealed:v1:{PERSON}:home"}


async def test_of_a_goal_that_nobody_serves_nothing_but_its_name_is_kept() -> None:
    assert await seen("pay.transfer", recipient="Budi") == {}


def test_a_sealed_value_fits_the_schema_and_fills_the_parameter() -> None:
    goals: Any = build(registry(), [{"label": "food.order", "slots": {"address": "sealed:v1:x:y"}}], "en")
    assert goals[0].parameters == {"address": "sealed:v1:x:y"}


def test_goals_are_tied_to_what_they_meet_whichever_is_said_first() -> None:
    ride: Any = {"label": "food.order", "slots": {"address": "a"}, "meets": {"goal": 1, "at": "start"}}
    flight: Any = {"label": "travel.flight.book", "slots": {"origin": "a", "destination": "b", "depart_date": "d", "return_date": "e"}}
    goals: Any = build(registry(), [ride, flight], "en")
    assert [goal.goal_id for goal in goals] == ["food", "flight", "flight2"]
    assert [goal.meets for goal in goals] == [Meeting(goal="flight", at="start"), None, None]


def test_an_address_is_taken_as_it_is_said() -> None:
    goals: Any = [{"label": "food.order", "slots": {}}]
    text = "7F tower, gate 3"
    answer = read(text, now=START, tz="Asia/Jakarta", lang="en")
    found: Any = answered({}, answer, text, asked="address", goals=goals)
    assert found["goals"][0]["slots"]["address"] == {"name": "7F tower, gate 3"}
