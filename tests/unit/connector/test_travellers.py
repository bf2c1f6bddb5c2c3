"""Nobody is invented: a seat is held in a traveller's own name, or not at all."""

from typing import Any
from uuid import uuid4

import pytest

from tuntas.connectors.travel.app import providers
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Goal
from tuntas.kit.connector.bookings import Bookings
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import Request, Wish
from tuntas.kit.errors import NotSent, Rejected

FLIGHT = {"origin": "CGK", "destination": "DPS", "depart_date": "2027-01-10"}
STAY = {"city": "Denpasar", "country": "ID", "check_in": "2027-01-10", "check_out": "2027-01-12"}
NAMES = ("Sari Dewi", "Budi Santoso")


def seller(name: str) -> Any:
    class Nowhere:
        class settings:  # noqa: N801
            base_url = "http://127.0.0.1:9"

    nowhere: Any = Nowhere()
    return providers(nowhere)[name]


def wish(kind: str, parameters: dict[str, Any], *names: str) -> Wish:
    return Wish(task_id=uuid4(), goal=Goal(goal_id="goal", type=f"travel.{kind}.book", parameters=parameters), travellers=names)


def hold(kind: str, people: int, *names: str) -> Request:
    inputs: Any = {"offer_id": "o", "people": people}
    return Request(
        task_id=uuid4(), key=uuid4(), action=f"{kind}.hold", idempotency_key=uuid4(), reference="r", input=inputs, travellers=names
    )


@pytest.mark.parametrize("names", [(), NAMES[:1]])
async def test_a_flight_with_more_seats_than_names_is_refused_before_anything_is_searched(names: tuple[str, ...]) -> None:
    with pytest.raises(Rejected, match="travellers_missing"):
        await seller("nusantara-air").quote(wish("flight", FLIGHT | {"passengers": {"adults": 1, "children": 1}}, *names))


async def test_without_any_name_nothing_is_searched() -> None:
    for name, kind, parameters in (("nusantara-air", "flight", FLIGHT), ("bale-stays", "hotel", STAY)):
        with pytest.raises(Rejected, match="travellers_missing"):
            await seller(name).quote(wish(kind, parameters))


async def test_a_room_is_let_to_one_of_its_guests() -> None:
    with pytest.raises(NotSent, match="unreachable"):
        await seller("bale-stays").quote(wish("hotel", STAY | {"guests": {"adults": 2}}, *NAMES[:1]))


async def test_a_flight_with_a_name_for_each_seat_is_searched() -> None:
    with pytest.raises(NotSent, match="unreachable"):
        await seller("nusantara-air").quote(wish("flight", FLIGHT | {"passengers": {"adults": 2}}, *NAMES))


async def test_a_hold_with_more_seats_than_names_is_refused_without_a_call() -> None:
    answer = await seller("nusantara-air").act(hold("flight", 2, *NAMES[:1]))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "travellers_missing")


@pytest.mark.parametrize(
    ("name", "kind", "people", "names", "sent"),
    [
        ("nusantara-air", "flight", 2, NAMES, NAMES),
        ("bale-stays", "hotel", 2, NAMES[:1], NAMES[:1]),
        ("bale-stays", "hotel", 2, NAMES, NAMES),
        ("nusantara-air", "flight", 1, NAMES, NAMES[:1]),
    ],
)
async def test_only_names_that_are_known_are_told(
    name: str, kind: str, people: int, names: tuple[str, ...], sent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    async def call(_: Client, *__: Any, json: Any, **___: Any) -> Reply:
        told.append(json)
        return Reply(409, {"code": "sold_out"})

    monkeypatch.setattr(Client, "call", call)
    shop: Bookings = seller(name)
    await shop.act(hold(kind, people, *names))
    assert [person["name"] for person in told[0][shop.words.people]] == list(sent)
