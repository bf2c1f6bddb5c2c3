"""Whatever a caller sends to whichever route, it is never the gateway that fails."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuntas.contracts.ids import task_id
from tuntas.gateway import http, undo_door
from tuntas.kit.operations import VIEWS
from tuntas.local.stack import Backends

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

NO_BACKENDS: Any = None
OPENAPI: dict[str, Any] = http.application(NO_BACKENDS).openapi()
ROUTES = [(method.upper(), path) for path, methods in OPENAPI["paths"].items() for method in methods]
OPEN = task_id("acme", "http", "fuzzed")
"""A task that exists."""

NASTY = (
    "",
    "\0",
    "%00",
    "../..",
    "\U0001f600",
    "nan",
    "inf",
    "-1",
    "1e999",
    "9" * 400,
    "'; drop table tasks --",
    "x" * 3000,
    "\u202e",
    "{}",
)
INSTANTS = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00Z",
    "1000-01-01T00:00:00+00:00",
)
TEXTS = st.text(max_size=30) | st.sampled_from(NASTY + INSTANTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CURSORS = st.builds(lambda at, task: base64.urlsafe_b64encode(f"{at} {task}".encode()).decode(), st.sampled_from(INSTANTS), st.uuids())
MANDATE = {"goal_types": ["travel.*"], "per_task": {"IDR": 5}, "budget": {"IDR": 9}, "expires_at": "2099-01-01T00:00:00Z"}
BODIES: dict[str, list[Any]] = {
    "/v1/tasks": [
        {"asker": {"person": "p", "travellers": ["A"], "tz": "Asia/Jakarta", "lang": "id"}, "text": "a room"},
        {"asker": {"person": "p"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {"a": 1}}]},
    ],
    "/v1/tasks/{task_id}/answer": [{"text": "yes"}, {"step": "pay"}],
    "/v1/tasks/{task_id}/approve": [{"approved": True, "digest": "d"}],
    "/v1/tasks/{task_id}/repair": [{"action": "retry", "key": str(uuid4()), "reason": "r", "evidence": {"a": 1}}],
    "/v1/people/{person}/mandate": [{"mandate": MANDATE}],
    "/v1/operations/repairs": [
        {"task": str(OPEN), "action": "mark_done", "key": str(uuid4()), "reason": "r", "evidence": {"a": 1}, "dry_run": False},
        {"where": {"code": "c", "older-than": 1}, "action": "retry", "reason": "r", "limit": 2, "per_second": 1, "dry_run": True},
    ],
    "/v1/operations/redrives": [{"reason": "r", "where": {"code": "c"}, "letters": ["t/1/2"]}],
    "/v1/operations/repairs/{repair_id}/stop": [{"reason": "r"}],
    "/v1/switches": [{"scope": "travel/x", "parked": True, "reason": "r"}],
}


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """Return a body: bytes, any JSON, or a good one of which one part is something else."""
    kind = draw(st.sampled_from(["bytes", "json", "altered", "altered", "altered"]))
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    if kind == "json" or path not in BODIES:
        return json.dumps(draw(JSON)).encode()
    whole = deepcopy(draw(st.sampled_from(BODIES[path])))
    part: Any = whole
    while True:
        name = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        if not isinstance(part[name], dict | list) or not part[name] or draw(st.booleans()):
            break
        part = part[name]
    part[name] = draw(JSON)
    return json.dumps(whole).encode()


@st.composite
def requests(draw: st.DrawFn, method: str, path: str) -> tuple[str, dict[str, Any]]:
    """Return the address and the options of a request to a route."""
    existing = [] if path.endswith("/events") else [str(OPEN)]  # a stream of an open task does not end
    task = draw(st.sampled_from([*existing, *existing, str(uuid4()), "0", "{" + str(OPEN) + "x"]) | TEXTS)
    person = draw(TEXTS.filter(bool))
    address = path.replace("{task_id}", quote(task, safe="")).replace("{person}", quote(person, safe=""))
    address = address.replace("{repair_id}", str(uuid4()))
    known = [p["name"] for p in OPENAPI["paths"][path][method.lower()].get("parameters", ()) if p["in"] == "query"]
    query = draw(st.dictionaries(st.sampled_from([*known, "unknown"]), TEXTS | CURSORS, max_size=2))
    text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40).map(lambda value: value.strip().encode("latin-1"))
    names = ("Idempotency-Key", "traceparent", "Last-Event-ID", "Content-Type", "Authorization")
    headers = draw(st.dictionaries(st.sampled_from(names), text, max_size=2))
    key = {"X-Api-Key": draw(st.sampled_from(["acme-key", "acme-key", "operators-key"]))}
    fixed = {"Content-Type": b"application/json", "Idempotency-Key": f"f-{uuid4()}".encode()} | headers
    return address, {"params": query, "headers": key | fixed, "content": draw(bodies(path)) if method in {"POST", "PUT"} else None}


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """Wait for no quote: no coordinator runs here that could give one, and each request that asks would wait in vain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(undo_door, "_QUOTE_SECONDS", 0.0)
        yield


@pytest.fixture(scope="module", autouse=True)
async def views(backends: Backends) -> AsyncIterator[None]:
    """Let the views of services that do not run here be there, and empty."""
    con = await asyncpg.connect(backends.dsn)
    wanted = [*VIEWS.values(), *(f"{service}.ops_timers" for service in ("planner", "trust", "executor", "saga"))]
    made = [name for name in wanted if not name.startswith("gateway.") and await con.fetchval("select to_regclass($1)", name) is None]
    for name in made:
        await con.execute(f"create schema if not exists {name.split('.')[0]}")
        await con.execute(f"create table {name} (task_id uuid, doc jsonb, updated_at timestamptz, due_at timestamptz)")
    yield
    for name in made:
        await con.execute(f"drop table {name}")
    await con.close()


async def opened(gateway: "Gateway") -> UUID:
    """Return the task that exists."""
    answer = await gateway.client.post("/v1/tasks", json=BODIES["/v1/tasks"][1], headers={"Idempotency-Key": "fuzzed"})
    return UUID(answer.json()["task_id"])


@pytest.mark.parametrize(("method", "path"), ROUTES)
@settings(suppress_health_check=list(HealthCheck), max_examples=40, deadline=None)
@given(data=st.data())
async def test_no_input_is_the_gateways_failure(gateway: "Gateway", method: str, path: str, data: st.DataObject) -> None:
    assert await opened(gateway) == OPEN
    address, options = data.draw(requests(method, path))
    answer = await gateway.client.request(method, address, **options)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and address.startswith(path.partition("{")[0]):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


@pytest.mark.parametrize("at", INSTANTS)
async def test_a_cursor_of_any_instant_is_a_page_or_told(gateway: "Gateway", at: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{at} {OPEN}".encode()).decode()
    answer = await gateway.client.get("/v1/tasks", params={"cursor": cursor})
    assert answer.status_code in {200, 422}, answer.text
