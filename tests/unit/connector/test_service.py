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
from tuntas.contracts.connectors import ProviderNotified, QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider, Wish
from tuntas.kit.connector.service import Performer, Switches
from tuntas.kit.connector.webhooks import signed
from tuntas.kit.decision import Call
from tuntas.kit.errors import InDoubt, NotSent, Rejected
from tuntas.kit.messaging.fold import Event


class Seller:
    """A provider that quotes one offer, or fails."""

    def __init__(self, name: str, failure: Exception | None = None, *, silent: bool = False) -> None:
        self.spec = ProviderSpec(name=name, honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=1)
        self._failure, self._silent = failure, silent

    async def quote(self, _: Wish) -> list[Offer]:
        if self._failure:
            raise self._failure
        price, over = Money(amount_minor=1, currency="IDR"), datetime.now(UTC) + timedelta(hours=1)
        name = self.spec.name
        offer = Offer(offer_id=name, provider=name, payee=name, title=name, price=price, expires_at=over, steps=())
        return [] if self._silent else [offer]


async def quoted(*sellers: Any, parked: str = "") -> Any:
    switches = Switches()
    switches.parked |= {parked}
    tracing = SimpleNamespace(span=lambda *_, **__: nullcontext(""))
    resources: Any = SimpleNamespace(vault=None, tracing=tracing, settings=SimpleNamespace(callback_base=""))
    providers: dict[str, Provider] = {s.spec.name: s for s in sellers}
    asked = QuoteRequested(quote_id=uuid4(), goal=Goal(goal_id="g", type="t", parameters={}), instrument="card", lang="en")
    event = Event(uuid4(), "acme", uuid4(), asked)
    call = Call(asked.quote_id, 1, "quote", "connector", asked.model_dump(mode="json"))
    answer: Any = await Performer("connector", providers, resources, switches).perform(call, event)
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


async def test_a_parked_provider_offers_nothing() -> None:
    assert await quoted(Seller("one"), Seller("two"), parked="one") == (["two"], None)
    assert await quoted(Seller("one"), parked="connector/one") == ([], "parked")


async def test_a_parked_connector_is_not_asked_at_all() -> None:
    with pytest.raises(NotSent, match="parked"):
        await quoted(Seller("one"), parked="connector")


SECRET = "of the tests"  # noqa: S105 - opens nothing


def webhook(body: bytes, signature: str, path: str | None = None) -> tuple[int, list[Any]]:
    published: list[Any] = []

    async def publish(*sent: Any) -> None:
        published.append(sent)

    settings = SimpleNamespace(webhook_secret=SimpleNamespace(get_secret_value=lambda: SECRET), base_url="http://127.0.0.1:9")
    resources: Any = SimpleNamespace(
        settings=settings, publish=publish, vault=None, tracing=None, platform=SimpleNamespace(approval_keys={})
    )
    app = Starlette(routes=list(payment.parts(resources).routes))
    at = path or f"/webhooks/payment/acme/{derive('task')}/{derive('key')}"
    with TestClient(app) as client:
        answer = client.post(at, content=body, headers={b"x-signature": signature.encode()})
    return answer.status_code, published


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
