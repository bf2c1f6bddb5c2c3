"""A manifest says what is wrong with it at once; an API that answers what does not fit leaves doubt."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import yaml

from tuntas.connectors.http.app import connector
from tuntas.connectors.http.manifest import Manifest, load
from tuntas.connectors.http.provider import Api
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Goal
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Request, Wish
from tuntas.kit.errors import ConfigurationError, InDoubt, Rejected

WHOLE = Path(__file__).parents[2] / "e2e/foreign/laundry.yaml"


def written(tmp_path: Path, change: Callable[[Any], Any] = lambda _: None) -> str:
    found = yaml.safe_load(WHOLE.read_text()) | {"base_url": "http://127.0.0.1:9"}
    change(found)
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump(found))
    return str(path)


def test_a_manifest_becomes_a_connector_with_its_goal_types_and_obliging_actions(tmp_path: Path) -> None:
    made = connector(load(written(tmp_path)))
    assert (made.name, made.goal_types[0].name, made.obliging) == ("laundry", "home.laundry", frozenset({"laundry.book"}))
    assert made.service().name == "connectors-laundry"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m.update(nickname="x"), "nickname: Extra inputs"),
        (lambda m: m.pop("endpoints"), "endpoints: Field required"),
        (lambda m: m["endpoints"].update(act="PUT /x"), "endpoints.act"),
        (lambda m: m["goal_types"][0]["steps"][0].update(acts_on="nothing"), "acts on an earlier step"),
        (lambda m: m["goal_types"][0].update(steps=[]), "either informs or has steps"),
        (lambda m: m.update(base_url="ftp://x"), "base_url"),
        (lambda m: m["provider"].update(name="No Blanks"), "provider.name"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_named(tmp_path: Path, change: Any, fault: str) -> None:
    with pytest.raises(ConfigurationError, match="bad_manifest") as caught:
        load(written(tmp_path, change))
    assert fault in caught.value.reason


@pytest.mark.parametrize("text", [b"\xff", b"{", b"[]", b""])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"manifest_unreadable|bad_manifest"):
        load(str(path))


def test_a_secret_comes_from_the_environment_and_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, lambda m: m.update(headers={"Authorization": "Bearer ${LAUNDRY_KEY}"}))
    with pytest.raises(ConfigurationError, match="missing_variable"):
        load(source)
    monkeypatch.setenv("LAUNDRY_KEY", "s3")
    assert load(source).headers == {"Authorization": "Bearer s3"}


def api(monkeypatch: pytest.MonkeyPatch, manifest: Manifest, status: int, body: Any, calls: list[httpx2.Request]) -> Api:
    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        return httpx2.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    made = Api(manifest, Client(manifest.base_url))
    fake = httpx2.AsyncClient(base_url=manifest.base_url, transport=httpx2.MockTransport(answer))
    monkeypatch.setattr(made._client, "_client", fake)
    return made


def asked() -> Request:
    key = uuid4()
    return Request(task_id=uuid4(), key=key, action="laundry.book", idempotency_key=key, reference=f"t:{key}")


@pytest.mark.parametrize("body", [b"<html>", {"outcome": "maybe"}, {}])
async def test_an_answer_that_does_not_fit_leaves_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    provider = api(monkeypatch, load(written(tmp_path)), 200, body, [])
    for call in (provider.act, provider.inquire, provider.undo):
        with pytest.raises(InDoubt):
            await call(asked())


async def test_a_refusal_keeps_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = api(monkeypatch, load(written(tmp_path)), 409, {"code": "sold_out", "message": "full"}, [])
    answer = await provider.act(asked())
    assert (answer.outcome, answer.code, answer.reason) == (Outcome.REFUSED, "sold_out", "full")
    assert (await provider.undo(asked())).code == "sold_out"
    with pytest.raises(Rejected, match="sold_out"):
        await provider.quote(Wish(task_id=uuid4(), goal=Goal(goal_id="g", type="home.laundry", parameters={})))


async def test_what_it_never_saw_is_not_undone_and_what_it_forgot_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = api(monkeypatch, load(written(tmp_path)), 404, {}, [])
    assert (await provider.undo(asked())).outcome is Outcome.PENDING
    assert (await provider.undo(asked().model_copy(update={"own_reference": "L-1"}))).gone


async def test_a_reference_is_escaped_where_it_stands_in_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[httpx2.Request] = []
    provider = api(monkeypatch, load(written(tmp_path)), 404, {}, calls)
    await provider.inquire(asked().model_copy(update={"reference": "a/b?c"}))
    assert calls[0].url.raw_path == b"/orders/a%2Fb%3Fc"


async def test_without_a_way_to_ask_nothing_is_known_and_without_a_price_undoing_is_free(tmp_path: Path) -> None:
    manifest = load(written(tmp_path, lambda m: [m["endpoints"].pop(name) for name in ("inquire", "undo_quote")]))
    provider = Api(manifest, Client(manifest.base_url))
    assert not manifest.spec.inquires
    assert await provider.inquire(asked()) is None
    assert (await provider.undo_quote(asked())).fee is None
