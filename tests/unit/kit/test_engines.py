"""The engines' client: an answer in time, or a reason to do without, counted and logged."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tuntas.kit.engines import Engines, Forgone, engines_of
from tuntas.kit.settings import PlatformSettings
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

TASK = uuid4()


def completion(content: str) -> Response:
    return JSONResponse({"choices": [{"message": {"content": content}}]})


ANSWERS: dict[str, Callable[[], Response]] = {
    "good": lambda: completion('{"order": [1]}'),
    "refusing": lambda: JSONResponse({"error": {"code": "exhausted"}}, 503),
    "odd": lambda: JSONResponse({"error": {"code": "Not A Code"}}, 400),
    "mute": lambda: PlainTextResponse("bad gateway", 502),
    "wordless": lambda: completion("no JSON"),
    "empty": lambda: JSONResponse({"choices": []}),
}


class Server:
    """Somebody at the engines' address."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], Any]] = []

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.seen.append((dict(request.headers), body))
        name = body["model"].removeprefix("scenario/")
        if name == "slow":
            await asyncio.Event().wait()
        return ANSWERS[name]()


class Harness:
    def __init__(self, server: Server, url: str) -> None:
        self.server, self.metrics = server, Metrics("planner")
        self.engines = Engines(url, "the-key", self.metrics, Log("planner"))

    async def ask(self, scenario: str, seconds: float = 3) -> Any:
        return await self.engines.ask(scenario, {"a": "上海"}, seconds=seconds, tenant="acme", task=TASK, traceparent="00-1-2-01")


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    found = Server()
    app = Starlette(routes=[Route("/v1/chat/completions", found.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    serving: Awaitable[None] = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    made = Harness(found, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    yield made
    await made.engines.close()
    server.should_exit = server.force_exit = True
    await serving


async def test_a_document_goes_out_with_its_task_and_the_answer_comes_back(harness: Harness) -> None:
    assert await harness.ask("good") == {"order": [1]}
    headers, body = harness.server.seen[0]
    assert body["model"] == "scenario/good"
    assert [json.loads(each["content"]) for each in body["messages"]] == [{"a": "上海"}]
    assert (headers["x-tuntas-task"], headers["x-tuntas-tenant"], headers["traceparent"]) == (str(TASK), "acme", "00-1-2-01")
    assert headers["authorization"] == "Bearer the-key"


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("refusing", "exhausted"), ("odd", "invalid"), ("mute", "invalid"), ("wordless", "invalid"), ("empty", "invalid"), ("slow", "late")],
)
async def test_whatever_is_no_answer_is_a_reason_to_do_without(harness: Harness, scenario: str, code: str) -> None:
    with pytest.raises(Forgone) as caught:
        await harness.ask(scenario, 0.5 if scenario == "slow" else 3)
    assert caught.value.code == code


async def test_nobody_there_is_a_reason_too() -> None:
    engines = Engines("http://127.0.0.1:9", "k", Metrics("planner"), Log("planner"))
    with pytest.raises(Forgone, match="away"):
        await engines.ask("good", {}, seconds=2, tenant="acme", task=TASK)
    await engines.close()


async def test_what_is_forgone_is_counted(harness: Harness) -> None:
    harness.engines.forgo("plan.rank", Forgone("late"), TASK)
    assert harness.metrics.of("tuntas_engine_fallbacks_total", scenario="plan.rank", reason="late")._value.get() == 1


def platform(**more: Any) -> PlatformSettings:
    return PlatformSettings.model_validate({"vault_key": "00", "approval_keys": {}, **more})


def test_without_an_address_there_are_no_engines() -> None:
    assert engines_of(platform(), Metrics("planner"), Log("planner")) is None


def test_an_address_needs_a_key() -> None:
    with pytest.raises(ValueError, match="engines_url needs engines_key"):
        platform(engines_url="http://engines:8000")
