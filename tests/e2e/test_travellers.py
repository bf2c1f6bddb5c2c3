"""Who travels is said by the person; a seat without a name is not held in an invented one."""

from typing import TYPE_CHECKING
from uuid import uuid4

from tuntas.local.demo.stories import day

if TYPE_CHECKING:
    from tests.e2e.conftest import House

WORDS = f"pesan tiket pesawat dari Jakarta ke Surabaya tanggal {day()} untuk berdua"


async def test_a_flight_for_two_of_whom_one_is_named_is_refused_before_anything_is_held(house: "House") -> None:
    play = await house.ask(f"e2e-{uuid4().hex[:12]}", WORDS)
    assert (await play.until("rejected"))["code"] == "travellers_missing"
    assert await house.operations(play.task) == []


async def test_a_flight_for_two_who_are_named_is_booked(house: "House") -> None:
    play = await house.ask(f"e2e-{uuid4().hex[:12]}", WORDS, travellers=["Sari Dewi", "Budi Santoso"])
    await play.until("completed")
