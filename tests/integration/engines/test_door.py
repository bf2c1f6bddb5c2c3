"""The door: who may call, what is refused and how, streams, and what other clients of OpenAI's interface expect."""

import json
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.engines.conftest import KEY, TENANT_KEY, Engines
from tests.integration.engines.wall import TEXT

HELLO = [{"role": "user", "content": "hi"}]
PARSE: Any = {"text": "hotel in Bandung", "now": "2026-11-25T03:00:00Z", "tz": "Asia/Jakarta", "lang": None}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def post(engines: Engines, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await engines.client.post("/v1/chat/completions", content=content, headers={"content-type": "application/json", **headers})


def events(answer: Any) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", KEY, f"Basic {KEY}", "Bearer ключ"])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
async def test_nobody_comes_in_without_a_key(engines: Engines, path: str, value: str) -> None:
    method, body = "GET" if "models" in path else "POST", {"model": "wall/good", "messages": HELLO}
    answer = await engines.client.request(method, path, json=body, headers={b"Authorization": value.encode()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_models_that_can_be_asked_are_listed_and_others_are_not(engines: Engines) -> None:
    found = (await engines.client.get("/v1/models")).json()
    ids = {each["id"] for each in found["data"]}
    assert found["object"] == "list"
    assert {"embedded/intent.parse", "scenario/intent.parse", "scenario/plan.rank", "scenario/reply.write", "wall/good"} <= ids
    assert not {"wall/unpriced", "openai/gpt-6-luna", "embedded/t.good"} & ids


SYSTEM = {"role": "system", "content": "x"}
BAD: list[tuple[str, Any, int, str]] = [
    ("no JSON", b"{", 400, "invalid_request"),
    ("not UTF-8", b"\xff\xfe", 400, "invalid_request"),
    ("nothing", b"", 400, "invalid_request"),
    ("a list", [], 400, "invalid_request"),
    ("no model", {"messages": HELLO}, 400, "invalid_request"),
    ("no messages", {"model": "wall/good"}, 400, "invalid_request"),
    ("empty messages", {"model": "wall/good", "messages": []}, 400, "invalid_request"),
    ("a role nobody has", {"model": "wall/good", "messages": [{"role": "tool", "content": "x"}]}, 400, "invalid_request"),
    ("an image", {"model": "wall/good", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "invalid_request"),
    ("tools", {"model": "wall/good", "messages": HELLO, "tools": []}, 400, "invalid_request"),
    ("a misspelt field", {"model": "wall/good", "messages": HELLO, "warmth": 1}, 400, "invalid_request"),
    ("two choices", {"model": "wall/good", "messages": HELLO, "n": 2}, 400, "invalid_request"),
    ("heat", {"model": "wall/good", "messages": HELLO, "temperature": 9}, 400, "invalid_request"),
    ("not a number", b'{"model": "wall/good", "messages": [], "temperature": NaN}', 400, "invalid_request"),
    ("a huge number", {"model": "wall/good", "messages": HELLO, "max_tokens": 10**30}, 400, "invalid_request"),
    ("deep nesting", b'{"model":' + b"[" * 50_000, 400, "invalid_request"),
    ("half a character", b'{"model": "wall/good", "messages": [{"role": "user", "content": "\\ud800"}]}', 400, "invalid_request"),
    ("an unknown model", {"model": "gpt-4", "messages": HELLO}, 404, "unknown_model"),
    ("a model without a key", {"model": "openai/gpt-6-luna", "messages": HELLO}, 404, "unknown_model"),
    ("an unknown scenario", {"model": "scenario/nothing", "messages": HELLO}, 404, "unknown_model"),
    ("a scenario of no name", {"model": "scenario/", "messages": HELLO}, 404, "unknown_model"),
    ("words for a scenario", {"model": "scenario/intent.parse", "messages": HELLO}, 400, "invalid_request"),
    ("a list for a scenario", {"model": "scenario/intent.parse", "messages": [{"role": "user", "content": "[]"}]}, 400, "invalid_request"),
    ("a system message", {"model": "scenario/t.good", "messages": [SYSTEM, {"role": "user", "content": "{}"}]}, 400, "invalid_request"),
    ("words for the engine inside", {"model": "embedded/reply.write", "messages": HELLO}, 400, "invalid_request"),
    ("too long a prompt", {"model": "wall/good", "messages": [{"role": "user", "content": "上" * 6000}]}, 400, "context_too_long"),
    ("too large a body", {"model": "wall/good", "messages": [{"role": "user", "content": "x" * 1_100_000}]}, 413, "too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_bad_input_has_a_code_and_is_never_our_fault(engines: Engines, body: Any, status: int, code: str) -> None:
    answer = await post(engines, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert {"code", "message", "type"} <= answer.json()["error"].keys()


@pytest.mark.parametrize(
    "document",
    [
        {},
        PARSE | {"text": ""},
        PARSE | {"text": "x" * 5000},
        PARSE | {"now": "yesterday"},
        PARSE | {"now": 7},
        PARSE | {"tz": "Mars/Olympus"},
        PARSE | {"tz": "../../etc/passwd"},
        PARSE | {"tz": "\x00"},
        PARSE | {"text": "\ud800"},
        PARSE | {"more": 1},
        PARSE | {"labels": {"a": "b"}},
    ],
    ids=lambda d: str(sorted(set(d) - {"text"}))[:30] + str(d.get("tz"))[:8],
)
async def test_a_document_that_does_not_fit_its_scenario_is_told(engines: Engines, document: Any) -> None:
    answer = await engines.ask("scenario/intent.parse", document)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("text", ["\x00", "🏨 di 上海", "' OR 1=1", "\u202e", "a\nb\tc", "ﷺ" * 200])
async def test_odd_words_are_read_all_the_same(engines: Engines, text: str) -> None:
    answer = await engines.ask("scenario/intent.parse", PARSE | {"text": text})
    assert answer.status_code == 200
    assert json.loads(answer.json()["choices"][0]["message"]["content"])["lang"] in {"en", "id", "zh"}


async def test_options_of_a_model_are_no_business_of_a_scenarios_caller(engines: Engines) -> None:
    answer = await engines.ask("scenario/t.good", temperature=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_told(engines: Engines, method: str) -> None:
    answer = await engines.client.request(method, "/v1/chat/completions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("headers", [{"x-tuntas-task": str(uuid4())}, {"x-tuntas-tenant": "brio"}])
async def test_a_tenant_can_not_call_in_the_name_of_another(engines: Engines, headers: dict[str, str]) -> None:
    answer = await engines.ask("wall/good", "hi", headers=bearer(TENANT_KEY) | headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "headers", [{"x-tuntas-task": "7"}, {"x-tuntas-tenant": "a b"}, {"x-tuntas-tenant": "x" * 65}, {"traceparent": "x" * 300}]
)
async def test_a_header_that_is_none_is_told(engines: Engines, headers: dict[str, str]) -> None:
    answer = await engines.ask("wall/good", "hi", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_tenants_call_is_kept_under_the_tenant(engines: Engines) -> None:
    answer = await engines.ask("wall/good", "hi", headers=bearer(TENANT_KEY), temperature=0.5, stop=["x"], max_tokens=9)
    (row,) = await engines.kept(answer.json()["tuntas"]["call"])
    assert (row["tenant"], row["scenario"], row["engine"], row["task_id"]) == ("acme", "direct", "wall", None)
    assert {"temperature": 0.5, "stop": ["x"], "max_completion_tokens": 9}.items() <= engines.wall.asked["good"][-1].items()


async def test_an_answer_has_the_shape_that_clients_expect(engines: Engines) -> None:
    found = (await engines.ask("wall/good", "hi")).json()
    assert (found["object"], found["model"]) == ("chat.completion", "wall/good")
    assert found["id"].startswith("chatcmpl-")
    assert found["choices"] == [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_tokens_details": {"cached_tokens": 40}}
    assert found["usage"] == usage


async def test_a_stream_gives_words_as_they_come_and_ends_with_done(engines: Engines) -> None:
    answer = await engines.ask("wall/good", "hi", stream=True)
    found = events(answer)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert found[-1] == "[DONE]"
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in found[:-1]) == TEXT
    assert len(found) > 3
    assert (found[0]["choices"][0]["delta"]["role"], found[-2]["choices"][0]["finish_reason"]) == ("assistant", "stop")
    assert not any("usage" in each for each in found[:-1])


async def test_a_stream_tells_usage_if_it_is_asked_to(engines: Engines) -> None:
    found = events(await engines.ask("wall/good", "hi", stream=True, stream_options={"include_usage": True}))
    assert (found[-2]["choices"], found[-2]["usage"]["total_tokens"]) == ([], 120)
    (row,) = await engines.kept(found[-2]["tuntas"]["call"])
    assert (row["outcome"], row["input"], row["cached"], row["output"]) == ("answered", 60, 40, 20)


async def test_a_scenarios_stream_is_held_until_it_fits(engines: Engines) -> None:
    found = events(await engines.ask("scenario/t.lying", stream=True))
    assert [each["choices"][0]["delta"].get("content") for each in found[:-1]] == ['{"text": "spare"}', None]
    assert found[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("model", "status", "code"), [("broken", 503, "exhausted"), ("starved", 503, "exhausted"), ("throttled", 429, "rate_limited")]
)
async def test_a_stream_that_fails_before_its_first_word_has_a_status(engines: Engines, model: str, status: int, code: str) -> None:
    answer = await engines.ask(f"wall/{model}", "hi", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_stream_that_is_cut_ends_with_an_error_and_not_with_done(engines: Engines) -> None:
    found = events(await engines.ask("wall/cut", "hi", stream=True))
    assert found[0]["choices"][0]["delta"]["content"] == TEXT[:5]
    assert found[-1]["error"]["code"] == "exhausted"


async def test_a_stream_that_its_reader_leaves_is_paid_for(engines: Engines) -> None:
    body = {"model": "wall/stuck", "messages": HELLO, "stream": True}
    async with engines.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        line = await anext(answer.aiter_lines())
        call = json.loads(line.removeprefix("data: "))["id"].removeprefix("chatcmpl-")
    rows: list[Any] = []
    while not rows:
        rows = await engines.kept(call)
    assert [(row["outcome"], row["estimated"], bool(row["charge"])) for row in rows] == [("abandoned", True, True)]
