"""A server with an OpenAI-compatible interface. It is always asked to stream, so that silence is noticed; what comes is taken as it is."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tuntas.contracts.engines import Tokens
from tuntas.engines.dialects import Rule, fault_of, is_error, parsed
from tuntas.engines.faults import EngineFault, Kind
from tuntas.engines.orders import Order, Piece
from tuntas.engines.sse import EventReader
from tuntas.kit.http import LIMITS

AGENT = "Tuntas/0.1"
MAX_ANSWER_BYTES = 4_000_000
_SUCCESS = 300
_DONE = "[DONE]"


@dataclass(frozen=True)
class Upstream:
    """One provider: its client with the key, the rules of its dialect, and its own names of options."""

    client: httpx2.AsyncClient
    rules: Sequence[Rule]
    renames: Mapping[str, str] = field(default_factory=dict)

    async def converse(self, model: str, order: Order, traceparent: str) -> AsyncGenerator[Piece, None]:
        """Yield an answer's parts as they come; the last has `finish`. Raises EngineFault."""
        body = {
            "model": model,
            "messages": [{"role": each.role, "content": each.content} for each in order.said],
            "stream": True,
            "stream_options": {"include_usage": True},
            **{self.renames.get(name, name): value for name, value in order.options.items()},
        }
        headers = {"traceparent": traceparent} if traceparent else {}
        request = self.client.build_request("POST", "chat/completions", json=body, headers=headers)
        try:
            answer = await _in_time(self.client.send(request, stream=True), order.first_word_seconds, order)
        except httpx2.HTTPError as error:
            raise EngineFault(Kind.TRANSIENT, type(error).__name__) from error
        try:
            async for piece in self._pieces(answer, order):
                yield piece
        except httpx2.HTTPError as error:
            raise EngineFault(Kind.TRANSIENT, f"cut: {type(error).__name__}") from error
        finally:
            await answer.aclose()

    async def _pieces(self, answer: httpx2.Response, order: Order) -> AsyncGenerator[Piece, None]:
        chunks = answer.aiter_bytes().__aiter__()
        if answer.status_code < _SUCCESS and "event-stream" in answer.headers.get("content-type", ""):
            reading = _Reading(self.rules)
            async for piece in reading.pieces(chunks, order):
                yield piece
            return
        body = parsed((await _in_time(_whole(chunks), order.first_word_seconds, order)).decode("utf-8", "replace"))
        if answer.status_code >= _SUCCESS or is_error(body):
            raise fault_of(self.rules, answer.status_code, body, answer.headers)
        yield _unstreamed(body)


class _Reading:
    """One stream being read."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._events = EventReader()
        self._heard, self._finish, self._half = False, "", ""
        self.size = 0

    async def pieces(self, chunks: AsyncIterator[bytes], order: Order) -> AsyncGenerator[Piece, None]:
        """Yield parts until the stream ends; one that ends without saying why was cut."""
        loop = asyncio.get_running_loop()
        heard_at, ended = loop.time(), False
        while not ended:
            limit = order.idle_seconds if self._heard else order.first_word_seconds
            chunk = await _in_time(anext(chunks, b""), heard_at + limit - loop.time(), order)
            ended = not chunk
            for data in self._events.end() if ended else self._events.feed(chunk):
                if data.strip() == _DONE:
                    ended = True
                elif (piece := self._piece(data)) is not None:
                    heard_at = loop.time()
                    yield piece
            self._grown(len(chunk))
        if not self._finish:
            raise EngineFault(Kind.TRANSIENT, "the stream ended without an end")
        yield Piece(finish=self._finish)

    def _grown(self, by: int) -> None:
        self.size += by
        if self.size > MAX_ANSWER_BYTES:
            raise EngineFault(Kind.BAD_OUTPUT, f"more than {MAX_ANSWER_BYTES} bytes")

    def _piece(self, data: str) -> Piece | None:
        """Return what an event says, empty while the engine thinks; None for one that can't be read or says nothing: it is skipped."""
        event = parsed(data)
        if not isinstance(event, dict):
            return None
        if event.get("error") or is_error(event):
            raise fault_of(self._rules, 200, event, {})
        choice = _choice(event)
        self._finish = self._finish or str(choice.get("finish_reason") or "")
        delta = choice.get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        tokens = _tokens(event.get("usage"))
        thinks = isinstance(delta, dict) and bool(delta.get("reasoning_content"))
        if not (isinstance(text, str) and text) and tokens is None and not thinks:
            return None
        self._heard = self._heard or bool(text)
        return Piece(self._whole(text) if isinstance(text, str) else "", None, tokens)

    def _whole(self, text: str) -> str:
        """Return words without half characters; one that is split between two events is put together."""
        text = self._half + text
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return _mended(text[: len(text) - len(self._half)])


async def _in_time(waiting: Any, seconds: float, order: Order) -> Any:
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(min(now + seconds, order.ends_at)):
            return await waiting
    except TimeoutError:
        raise EngineFault(Kind.SILENT, "no word in time") from None


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise EngineFault(Kind.BAD_OUTPUT, f"more than {MAX_ANSWER_BYTES} bytes")
    return body


def _unstreamed(body: object) -> Piece:
    """Take the answer of a server that does not stream although it was asked to."""
    document: Any = body
    choice = _choice(document)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not choice.get("finish_reason"):
        raise EngineFault(Kind.BAD_OUTPUT, "an answer without an end")
    return Piece(_mended(text) if isinstance(text, str) else "", str(choice["finish_reason"])[:40], _tokens(document.get("usage")))


def _mended(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _choice(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _tokens(usage: object) -> Tokens | None:
    """Return usage in disjoint buckets; None if there is none, or one that can't be true, which is then counted here."""
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    prompt, output, cached = usage.get("prompt_tokens"), usage.get("completion_tokens"), cached or 0
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in (prompt, output, cached)):
        return None
    assert isinstance(prompt, int)  # noqa: S101 - for the type checker
    assert isinstance(output, int)  # noqa: S101 - for the type checker
    if cached > prompt:
        return None
    return Tokens(input=prompt - cached, cached=cached, output=output)


def client(base_url: str, key: str) -> httpx2.AsyncClient:
    """Return a provider's client, its connections kept open."""
    timeout = httpx2.Timeout(None, connect=2.0, pool=2.0)
    headers = {"User-Agent": AGENT, "Authorization": f"Bearer {key}"} if key else {"User-Agent": AGENT}
    return httpx2.AsyncClient(base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout, limits=LIMITS, trust_env=False)


def object_of(text: str) -> Any:
    """Return the JSON object that an answer is, also if the engine put it into a fence; None if it is none."""
    bare = text.strip()
    if bare.startswith("```"):
        bare = bare.partition("\n")[2].rpartition("```")[0]
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
