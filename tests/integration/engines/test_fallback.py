"""Whatever a provider does, a scenario is answered within its deadline by a route that works, and each attempt is kept and told."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.engines.conftest import Engines
from tests.integration.engines.wall import TEXT

SPARE = '{"text": "spare"}'


def attempts(answer: Any) -> list[tuple[str, str]]:
    found = answer.json()
    made = found["tuntas"]["attempts"] if "tuntas" in found else found["error"]["attempts"]
    return [(each["model"], each["outcome"]) for each in made]


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ("throttled", ["throttled"]),
        ("broken", ["transient", "transient"]),
        ("silent", ["silent"]),
        ("mute", ["silent"]),
        ("cut", ["transient", "transient"]),
        ("hidden", ["throttled"]),
        ("hidden-stream", ["transient", "transient"]),
        ("empty", ["bad_output", "bad_output"]),
        ("lying", ["bad_output", "bad_output"]),
        ("starved", ["starved"]),
        ("locked", ["credential"]),
        ("gone", ["gone"]),
        ("short", ["too_long"]),
    ],
)
async def test_a_fault_is_answered_by_the_next_route(engines: Engines, fault: str, outcomes: list[str]) -> None:
    answer = await engines.ask(f"scenario/t.{fault}")
    assert text(answer) == SPARE
    assert attempts(answer) == [*((fault, each) for each in outcomes), ("spare", "answered")]
    kept = await engines.kept(answer.json()["tuntas"]["call"])
    assert [(row["model"], row["outcome"], row["attempt"]) for row in kept] == [
        *((fault, each, n) for n, each in enumerate(outcomes, 1)),
        ("spare", "answered", len(outcomes) + 1),
    ]


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ("good", ["answered"]),
        ("once", ["transient", "answered"]),
        ("mended", ["bad_output", "answered"]),
        ("whole", ["answered"]),
        ("junk", ["answered"]),
    ],
)
async def test_what_passes_is_answered_by_the_same_route(engines: Engines, fault: str, outcomes: list[str]) -> None:
    answer = await engines.ask(f"scenario/t.{fault}")
    assert text(answer) == TEXT
    assert attempts(answer) == [(fault, each) for each in outcomes]


async def test_an_answer_in_a_fence_fits(engines: Engines) -> None:
    assert json.loads(text(await engines.ask("scenario/t.fenced")).removeprefix("```json\n").removesuffix("\n```")) == json.loads(TEXT)


async def test_half_a_character_never_leaves_and_two_halves_are_one(engines: Engines) -> None:
    assert json.loads(text(await engines.ask("scenario/t.halves"))) == {"text": "😀 \ufffd"}


async def test_a_repair_shows_the_engine_what_did_not_fit(engines: Engines) -> None:
    await engines.ask("scenario/t.mended")
    last = engines.wall.asked["mended"][1]["messages"]
    assert [each["role"] for each in last] == ["system", "user", "assistant", "user"]
    assert "text" not in last[2]["content"]
    assert "does not fit" in last[3]["content"]


@pytest.mark.parametrize(("fault", "status", "code"), [("refused", 400, "content_refused"), ("picky", 400, "invalid_request")])
async def test_what_another_engine_must_not_answer_is_told(engines: Engines, fault: str, status: int, code: str) -> None:
    answer = await engines.ask(f"scenario/t.{fault}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(attempts(answer)) == 1


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("broken-alone", 503, "exhausted"),
        ("throttled-alone", 503, "exhausted"),
        ("silent-alone", 503, "exhausted"),
        ("short-alone", 400, "context_too_long"),
        ("unpriced", 503, "no_compliant_route"),
    ],
)
async def test_without_another_route_the_reason_is_told(engines: Engines, scenario: str, status: int, code: str) -> None:
    """`throttled` was asked before: its route is shut, and says when it opens."""
    answer = await engines.ask(f"scenario/t.{scenario}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert code != "exhausted" or scenario != "throttled-alone" or 0 < int(answer.headers["retry-after"]) <= 30


async def test_a_pause_that_fits_the_deadline_is_waited_for(engines: Engines) -> None:
    answer = await engines.ask("scenario/t.pausing-alone")
    assert attempts(answer) == [("pausing", "throttled"), ("pausing", "answered")]


async def test_a_deadline_holds_whatever_the_routes_do(engines: Engines) -> None:
    begun = time.monotonic()
    answer = await engines.ask("scenario/t.stuck")
    assert text(answer) == SPARE
    assert attempts(answer) == [("stuck", "silent"), ("spare", "answered")]
    assert time.monotonic() - begun < 5


async def test_a_model_without_a_price_is_never_called(engines: Engines) -> None:
    await engines.ask("scenario/t.unpriced")
    answer = await engines.ask("wall/unpriced", "hi")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")
    assert "unpriced" not in engines.wall.asked


@pytest.mark.parametrize(
    ("model", "tokens", "charge"),
    [("good", (60, 40, 20, False), 280), ("zero", (0, 0, 0, False), None)],
)
async def test_what_an_engine_says_it_used_is_what_is_charged(engines: Engines, model: str, tokens: Any, charge: int | None) -> None:
    answer = await engines.ask(f"scenario/t.{model}")
    (row,) = await engines.kept(answer.json()["tuntas"]["call"])
    assert (row["input"], row["cached"], row["output"], row["estimated"]) == tokens
    assert (json.loads(row["charge"])["amount_micro"] if row["charge"] else None) == charge
    assert answer.json()["usage"]["prompt_tokens"] == tokens[0] + tokens[1]


@pytest.mark.parametrize("model", ["free", "liar"])
async def test_what_it_does_not_say_or_can_not_be_is_counted_and_marked(engines: Engines, model: str) -> None:
    answer = await engines.ask(f"scenario/t.{model}")
    (row,) = await engines.kept(answer.json()["tuntas"]["call"])
    assert row["estimated"]
    assert answer.json()["tuntas"]["estimated"]
    assert (row["input"] > 0, row["output"] > 0) == (True, True)


async def test_what_was_used_before_a_stream_was_cut_is_charged(engines: Engines) -> None:
    answer = await engines.ask("scenario/t.cut")
    rows = await engines.kept(answer.json()["tuntas"]["call"])
    assert [bool(row["charge"]) for row in rows if row["model"] == "cut"] == [True, True]


async def test_a_call_is_bound_to_its_task_and_told_once_with_each_attempt(engines: Engines) -> None:
    task = uuid4()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"x-tuntas-task": str(task), "x-tuntas-tenant": "acme", "traceparent": trace}
    answer = await engines.ask("scenario/t.once", headers=headers)
    broken = await engines.ask("scenario/t.broken", headers=headers)
    calls = [each.json()["tuntas"] for each in (answer, broken)]
    wanted = {(call["call"], n) for call in calls for n, _ in enumerate(call["attempts"], 1)}
    told = await engines.told(wanted)
    assert len(told) == len(wanted)
    assert {each["key"] for each in told} == {each["task"] for each in told} == {str(task)}
    assert {each["headers"]["ce_tenant"] for each in told} == {b"acme"}
    assert all(each["headers"]["traceparent"].decode().split("-")[1] == trace.split("-")[1] for each in told)
    spare = next(each for each in told if each["model"] == "spare")
    assert (spare["outcome"], spare["charge"]["amount_micro"], spare["charge"]["price"]) == ("answered", 280, "wall/spare/1")
    assert spare["reference"]["price"] == "openai/gpt-6-luna/2026-09-22"
    assert [each for each in told if each["outcome"] != "answered" and each.get("reference")] == []
    assert trace.split("-")[1] in engines.wall.headers["traceparent"]


async def test_every_attempt_of_this_file_is_told(engines: Engines) -> None:
    rows = await engines.pool.fetch("select call, attempt from engines.calls")
    wanted = {(str(row["call"]), row["attempt"]) for row in rows}
    assert len(wanted) > 40
    assert len(await engines.told(wanted)) == len(wanted)
