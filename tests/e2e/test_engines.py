"""Engines make answers better and no task possible: with them each call is known by what came of it, without them all goes on."""

import asyncio
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tuntas.local.demo.stories import trip

if TYPE_CHECKING:
    from tests.e2e.conftest import House

WORDS = "pesawat dari Jakarta ke Bali tanggal 23 Desember"
CHOICE = trip(refundable=True)


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def calls(house: "House", task: UUID) -> list[Any]:
    return await house.fetch("select scenario, engine, outcome, tenant from engines.ops_calls where task_id = $1 order by at", task)


async def reply(house: "House", task: UUID, lang: str = "") -> Any:
    answer = await house.http.get(f"/v1/tasks/{task}/reply", headers=house.key, params={"lang": lang} if lang else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def fallbacks(house: "House", service: str, scenario: str) -> float:
    text = (await house.http.get(f"http://127.0.0.1:{house.platform.addresses.ports[service]}/metrics")).text
    found = re.findall(rf'tuntas_engine_fallbacks_total{{reason="\w+",scenario="{scenario}",service="{service}"}} (\S+)', text)
    return sum(map(float, found))


async def test_words_are_read_and_offers_ordered_by_engines_and_the_call_learns_how_the_task_ended(house: "House") -> None:
    play = await house.ask(fresh(), WORDS)
    await play.until("completed")
    made = await calls(house, play.task)
    assert {(row["scenario"], row["engine"], row["outcome"]) for row in made} >= {("intent.parse", "embedded", "answered")}
    assert {row["tenant"] for row in made} == {house.profile.tenant}
    before = "select count(*) from engines.episodes where task_id = $1 and status = 'completed'"
    async with asyncio.timeout(20):
        while not (await house.fetch(before, play.task))[0][0]:
            await asyncio.sleep(0.05)  # a row tells nobody that it is there
    seen = await house.fetch("select completed from engines.ops_engines where scenario = 'intent.parse' and engine = 'embedded'")
    assert seen[0]["completed"] >= 1


async def test_a_choice_of_offers_is_ranked(house: "House") -> None:
    play = await house.submit(fresh(), CHOICE)
    await play.until("completed")
    assert [row["scenario"] for row in await calls(house, play.task)] == ["plan.rank"]


async def test_a_person_is_told_how_it_ended_in_their_own_language_or_another(house: "House") -> None:
    play = await house.ask(fresh(), WORDS)
    await play.until("completed")
    found = await reply(house, play.task)
    assert (found["status"], found["lang"], found["by"]) == ("completed", "id", "engine")
    assert found["text"].startswith("Selesai: ")
    assert (await reply(house, play.task, "zh"))["text"].startswith("已完成：")
    shown = await house.run(f"tuntas receipt {play.task}")
    assert "Selesai: " in shown.stdout
    refused = await house.http.get(f"/v1/tasks/{play.task}/reply", headers=house.key, params={"lang": "fr"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_with_the_engines_stopped_everything_goes_on(apart: "House") -> None:
    await asyncio.to_thread(apart.platform.services["engines"].stop)
    try:
        counted = {name: await fallbacks(apart, *name) for name in (("intent", "intent.parse"), ("planner", "plan.rank"))}
        words, goals = await apart.ask(fresh(), WORDS), await apart.submit(fresh(), CHOICE)
        await words.until("completed")
        await goals.until("completed")
        assert (await reply(apart, words.task))["by"] == "template"
        for name, before in counted.items():
            assert await fallbacks(apart, *name) > before
        assert await calls(apart, words.task) == []
    finally:
        await asyncio.to_thread(apart.platform.start_service, "engines")
        await asyncio.to_thread(apart.platform.await_ready, "engines")
    play = await apart.ask(fresh(), WORDS)
    await play.until("completed")
    assert [row["outcome"] for row in await calls(apart, play.task)][:1] == ["answered"]
