"""The whole life of a hotel booking over HTTP."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World


@pytest.fixture
def stay(in_days: Callable[[int], str]) -> dict[str, Any]:
    return {"city": "Denpasar", "country": "ID", "check_in": in_days(30), "check_out": in_days(33), "rooms": 1, "guests": 2}


async def _offers(travel: "World", stay: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await travel.get("/hotels/search", **stay))["offers"]
    return found


async def _book(travel: "World", offer: dict[str, Any], reference: str) -> httpx2.Response:
    body = {"offer_id": offer["offer_id"], "guests": [{"name": "Sari"}], "reference": reference}
    return await travel.post("/hotels/bookings", body)


async def test_a_city_has_hotels_near_its_centre_with_stars_and_terms(travel: "World", stay: dict[str, Any]) -> None:
    offers = await _offers(travel, stay)
    assert len({each["hotel"] for each in offers}) == 6
    assert {each["price"]["currency"] for each in offers} == {"IDR"}
    assert all(abs(each["lat"] + 8.65) < 0.1 and abs(each["lon"] - 115.2) < 0.1 and 2 <= each["stars"] <= 5 for each in offers)
    assert not offers[0]["refund"]["allowed"]
    assert any(each["refund"]["allowed"] for each in offers)


async def test_an_island_is_found_by_its_airport(travel: "World", stay: dict[str, Any]) -> None:
    assert len(await _offers(travel, {**stay, "city": "bali"})) == 12


async def test_a_booking_is_held_confirmed_and_cancelled_at_its_fee(travel: "World", stay: dict[str, Any], task: str) -> None:
    offer = next(each for each in await _offers(travel, stay) if each["refund"]["allowed"])
    held = (await _book(travel, offer, f"{task}:hold")).json()
    assert held["status"] == "held"
    root = f"/hotels/bookings/{held['booking_id']}"
    confirmed = (await travel.post(f"{root}/confirm", {"reference": f"{task}:confirm", "amount": held["price"]})).json()
    assert confirmed["status"] == "confirmed"
    assert confirmed["confirmation_number"]
    found = await travel.get("/hotels/bookings", reference=f"{task}:confirm")
    assert found == {"bookings": [confirmed]}
    cancelled = (await travel.post(f"{root}/cancel", {"reference": f"{task}:undo"})).json()
    assert cancelled["fee"]["amount_minor"] == offer["refund"]["fee_minor"] > 0
    assert cancelled["fee"]["amount_minor"] + cancelled["refund"]["amount_minor"] == held["price"]["amount_minor"]


async def test_a_hotel_booking_is_no_flight_order(travel: "World", stay: dict[str, Any], task: str) -> None:
    held = (await _book(travel, (await _offers(travel, stay))[0], f"{task}:hold")).json()
    assert (await travel.client.get(f"/flights/orders/{held['booking_id']}")).status_code == 404
    assert (await travel.post(f"/flights/orders/{held['booking_id']}/cancel", {"reference": task})).status_code == 404
    assert await travel.orders(f"{task}:hold") == []


async def test_a_room_is_taken_for_every_night_of_the_stay(
    travel: "World", stay: dict[str, Any], task: str, in_days: Callable[[int], str]
) -> None:
    stay = {**stay, "city": "Surabaya"}
    last_night = {**stay, "check_in": in_days(32)}
    offer = (await _offers(travel, last_night))[0]
    for _ in range(offer["available"]):
        assert (await _book(travel, offer, f"{task}:hold")).status_code == 201
    assert (await _book(travel, offer, f"{task}:hold")).json()["code"] == "sold_out"
    after = {**stay, "check_in": in_days(33), "check_out": in_days(35)}
    assert offer["hotel"] not in [each["hotel"] for each in await _offers(travel, stay)]
    assert offer["hotel"] in [each["hotel"] for each in await _offers(travel, after)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"city": "Atlantis"}, "unknown_city"),
        ({"check_out": "2020-01-01"}, "invalid_stay"),
        ({"guests": 9}, "too_many_guests"),
        ({"country": "Indonesia"}, "invalid"),
        ({"check_in": "soon"}, "invalid"),
    ],
)
async def test_a_stay_that_cannot_be_is_refused(travel: "World", stay: dict[str, Any], change: dict[str, Any], code: str) -> None:
    refused = await travel.client.get("/hotels/search", params=stay | change)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
