"""The shell around the effects core: quotes from several providers, kill switches, webhooks, and HTTP exchanges that fail."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.testclient import TestClient

from tuntas.connectors.payment.app import connector as payment
from tuntas.connectors.travel.app import connector as travel
from tuntas.contracts.connectors import Outcome, ProviderNotified, QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.contracts.trust import Switch
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import ActionAnswer, Provider, UndoAnswer, Wish
from tuntas.kit.connector.service import Performer, Switches
from tuntas.kit.connector.webhooks import signed
from tuntas.kit.decision import Call, Send
from tuntas.kit.errors import InDoubt, NotSent, Rejected
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.wire import encode
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing


class Seller:
    """A provider that quotes one offer, or fails."""

    def __init__(self, name: str, failure: Exception | None = None, *, silent: bool = False, price: int = 1) -> None:
        self.spec = ProviderSpec(name=name, honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=1)
        self._failure, self._silent, self._price = failure, silent, price

    async def quote(self, _: Wish) -> list[Offer]:
        if self._failure:
            raise self._failure
        price, over = Money(amount_minor=self._price, currency="IDR"), datetime.now(UTC) + timedelta(hours=1)
        name = self.spec.name
        offer = Offer(offer_id=name, provider=name, payee=name, title=name, price=price, expires_at=over, steps=())
        return [] if self._silent else [offer]


async def quoted(*sellers: Any, parked: str = "") -> Any:
    switches = Switches(Metrics("test"))
    switches.parked |= {parked}
    tracing = SimpleNamespace(span=lambda *_, **__: nullcontext(""))
    resources: Any = SimpleNamespace(vault=None, tracing=tracing, settings=SimpleNamespace(callback_base=""))
    providers: dict[str, Provider] = {s.spec.name: s for s in sellers}
    asked = QuoteRequested(quote_id=uuid4(), goal=Goal(goal_id="g", type="t", parameters={}), instrument="card", lang="en")
    event = Event(uuid4(), "acme", uuid4(), asked)
    call = Call(asked.quote_id, 1, "quote", "connector", asked.model_dump(mode="json"))
    desk = Performer("connector", providers, resources, switches)
    desk.admit(call, event)
    answer: Any = await desk.perform(call, event)
    return [o["provider"] for o in answer["offers"]], answer["code"]


async def test_the_offers_of_all_providers_are_put_together() -> None:
    assert await quoted(Seller("one"), Seller("two")) == (["one", "two"], None)


async def test_one_provider_that_fails_does_not_hide_the_others_offers() -> None:
    assert await quoted(Seller("one", InDoubt("no_answer")), Seller("two")) == (["two"], None)


async def test_a_refusal_to_quote_is_told_with_its_code() -> None:
    assert await quoted(Seller("one", Rejected("unknown_city")), Seller("two", silent=True)) == ([], "unknown_city")


async def test_without_any_offer_a_failure_is_the_answer_and_is_tried_again() -> None:
    with pytest.raises(InDoubt):
        await quoted(Seller("one", InDoubt("no_answer")), Seller("two", Rejected("unknown_city")))


async def test_the_cheapest_offer_of_all_comes_first() -> None:
    assert await quoted(Seller("one", price=3), Seller("two", price=2), Seller("three", price=5)) == (["two", "one", "three"], None)


async def test_a_parked_provider_is_not_even_asked_what_it_offers() -> None:
    asked = Seller("one", KeyError("it was asked"))
    assert await quoted(asked, Seller("two"), parked="one") == (["two"], None)
    assert await quoted(asked, parked="connector/one") == ([], "parked")


async def test_a_parked_provider_does_not_hide_why_the_others_refuse() -> None:
    assert await quoted(Seller("one"), Seller("two", Rejected("unknown_city")), parked="one") == ([], "unknown_city")


async def test_a_parked_provider_offers_nothing() -> None:
    assert await quoted(Seller("one"), Seller("two"), parked="one") == (["two"], None)
    assert await quoted(Seller("one"), parked="connector/one") == ([], "parked")


def set_switch(switches: Switches, *, parked: bool) -> None:
    message = Switch(scope="travel/one", parked=parked, by="ops")
    record = encode(
        Send(message), source="t", task_id=uuid4(), tenant="platform", cause_id=uuid4(), ordinal=0, now=datetime.now(UTC), traceparent=""
    )
    headers = tuple((name, value.encode()) for name, value in record.headers.items())
    switches.apply(SimpleNamespace(topic=record.topic, partition=0, offset=0, key=record.key, value=record.body, headers=headers))


def test_a_replica_tells_by_a_metric_which_switches_it_has_seen() -> None:
    metrics = Metrics("test")
    switches = Switches(metrics)
    for parked in (True, False):
        set_switch(switches, parked=parked)
        assert switches.parks("travel/one") is parked
        assert metrics.registry.get_sample_value("tuntas_parked", {"service": "test", "scope": "travel/one"}) == parked


async def test_a_parked_connector_is_not_asked_at_all() -> None:
    with pytest.raises(NotSent, match="parked"):
        await quoted(Seller("one"), parked="connector")


class Erased:
    """A vault whose persons are gone."""

    async def open(self, *_: Any) -> str:
        raise Rejected("erased")


class Recorder(Seller):
    """A provider that notes what it is called for."""

    def __init__(self) -> None:
        super().__init__("one")
        self.called: list[str] = []

    async def act(self, _: Any) -> ActionAnswer:
        self.called.append("act")
        return ActionAnswer(outcome=Outcome.DONE)

    async def undo(self, request: Any) -> UndoAnswer:
        self.called.append(f"undo for {request.travellers}")
        return UndoAnswer(outcome=Outcome.UNDONE)


async def after_erasure(seller: Any, kind: str) -> Any:
    tracing = SimpleNamespace(span=lambda *_, **__: nullcontext(""))
    resources: Any = SimpleNamespace(vault=Erased(), tracing=tracing, settings=SimpleNamespace(callback_base=""))
    names = [f"sealed:v1:{uuid4()}:AAAA"]
    facts: Any = {"task_id": str(uuid4()), "key": str(uuid4()), "action": "a.b", "idempotency_key": str(uuid4()), "reference": "r"}
    asked = QuoteRequested(quote_id=uuid4(), goal=Goal(goal_id="g", type="t", parameters={}), instrument="card", lang="en")
    body = asked.model_dump(mode="json") if kind == "quote" else facts
    call = Call(uuid4(), 1, kind, "one", body | {"travellers": names})
    return await Performer("connector", {"one": seller}, resources, Switches(Metrics("test"))).perform(
        call, Event(uuid4(), "acme", uuid4(), asked)
    )


async def test_what_was_done_for_someone_who_was_erased_since_can_still_be_undone() -> None:
    seller = Recorder()
    assert (await after_erasure(seller, "undo"))["outcome"] == "undone"
    assert seller.called == ["undo for ()"]


async def test_for_someone_who_was_erased_nothing_leaves_and_nothing_is_offered() -> None:
    seller = Recorder()
    with pytest.raises(NotSent, match="erased"):
        await after_erasure(seller, "act")
    assert await after_erasure(seller, "quote") == {"offers": [], "code": "erased"}
    assert seller.called == []


SECRET = "of the tests"  # noqa: S105 - opens nothing


class Rows:
    """A database that knows the trace of one effect."""

    def __init__(self, known: str | None) -> None:
        self.known = known

    async def fetchval(self, _: str, *asked: Any) -> str | None:
        return self.known if asked == (derive("task"), str(derive("key"))) else None


def webhook(body: bytes, signature: str, path: str | None = None, rows: Rows | None = None) -> tuple[int, list[Any]]:
    published: list[Any] = []
    tracing = Tracing("test", None, 1.0)

    async def publish(*sent: Any) -> None:
        published.append(sent)

    settings = SimpleNamespace(webhook_secret=SimpleNamespace(get_secret_value=lambda: SECRET), base_url="http://127.0.0.1:9")
    resources: Any = SimpleNamespace(
        settings=settings,
        publish=publish,
        vault=None,
        tracing=tracing,
        metrics=Metrics("test"),
        platform=SimpleNamespace(approval_keys={}),
        pool=rows or Rows(""),
    )
    app = Starlette(routes=list(payment.parts(resources).routes))
    at = path or f"/webhooks/payment/acme/{derive('task')}/{derive('key')}"
    with TestClient(app) as client:
        answer = client.post(at, content=body, headers={b"x-signature": signature.encode()})
    return answer.status_code, published


async def test_when_the_service_stops_every_providers_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Client] = []
    monkeypatch.setattr(Client, "__init__", _noticing(made, Client.__init__))
    settings = SimpleNamespace(base_url="http://127.0.0.1:9", webhook_secret=None)
    platform = SimpleNamespace(approval_keys={})
    resources: Any = SimpleNamespace(settings=settings, vault=None, tracing=None, metrics=Metrics("test"), platform=platform)
    for connector in (payment, travel):
        close = connector.parts(resources).close
        assert close is not None
        await close()
    assert len(made) >= 2
    assert all(client._client.is_closed for client in made)


def _noticing(made: list[Client], construct: Callable[..., None]) -> Callable[..., None]:
    def notice(client: Client, *given: Any) -> None:
        construct(client, *given)
        made.append(client)

    return notice


def genuine(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def test_a_genuine_webhook_becomes_a_hint_for_its_effect() -> None:
    status, ((task, tenant, send, _),) = webhook(b"{}", genuine(b"{}"))
    assert (status, task, tenant) == (202, derive("task"), "acme")
    assert isinstance(send.message, ProviderNotified)
    assert send.message.key == derive("key")


@pytest.mark.parametrize("signature", ["", "00", genuine(b"{ }"), "é"])
def test_a_webhook_that_is_not_genuine_is_refused_and_changes_nothing(signature: str) -> None:
    assert webhook(b"{}", signature) == (401, [])


def test_a_hint_goes_on_in_the_trace_of_the_effect_that_it_is_about() -> None:
    trace_id, span_id = "ab" * 16, "cd" * 8
    _, ((_, _, _, traceparent),) = webhook(b"{}", genuine(b"{}"), rows=Rows(f"00-{trace_id}-{span_id}-01"))
    assert traceparent.split("-")[1] == trace_id
    assert traceparent.split("-")[2] != span_id


def test_a_hint_about_nothing_we_know_begins_a_trace_of_its_own() -> None:
    status, ((_, _, _, traceparent),) = webhook(b"{}", genuine(b"{}"), rows=Rows(None))
    assert (status, len(traceparent)) == (202, 55)


def test_a_webhook_for_what_can_not_be_an_effect_is_not_found() -> None:
    assert webhook(b"{}", genuine(b"{}"), "/webhooks/payment/acme/task/key") == (404, [])


def test_a_header_that_is_missing_is_not_a_signature() -> None:
    request = HttpRequest({"type": "http", "headers": []})
    resources: Any = SimpleNamespace(settings=SimpleNamespace(webhook_secret=SimpleNamespace(get_secret_value=lambda: SECRET)))
    assert not signed(resources, request, b"{}")


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def at(answer: bytes | None) -> AsyncIterator[Client]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield client
    await client.close()


def http(status: str, body: bytes = b"{}") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize("answer", [None, http("500 -"), http("503 -"), http("200 -", b"<html>"), b"HTTP/1.1 200 -\r\nContent-Len"])
async def test_an_exchange_that_may_have_arrived_is_in_doubt(answer: bytes | None) -> None:
    async with at(answer) as client:
        with pytest.raises(InDoubt, match="no_answer"):
            await client.call("POST", "/orders")


async def test_a_provider_that_takes_no_more_calls_has_taken_nothing() -> None:
    async with at(http("429 -")) as client:
        with pytest.raises(NotSent, match="overloaded"):
            await client.call("POST", "/orders")


@pytest.mark.parametrize(
    ("body", "code"), [(b'{"code": "sold_out"}', "sold_out"), (b'{"code": "Not a code!"}', "http_409"), (b'{"code": 3}', "http_409")]
)
async def test_a_refusal_is_an_answer_with_a_code(body: bytes, code: str) -> None:
    async with at(http("409 -", body)) as client:
        reply = await client.call("POST", "/orders")
    assert (reply.ok, reply.code) == (False, code)
