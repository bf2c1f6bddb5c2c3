"""A scripted server with an OpenAI-compatible interface: the model's name says how it misbehaves; it keeps what it was asked."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Doc = dict[str, Any]
TEXT = '{"text": "上海 ok"}'
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_tokens_details": {"cached_tokens": 40}}


def chunk(delta: Doc | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c1", "choices": choices, **more}, ensure_ascii=False).encode() + b"\n\n"


def words(text: str = TEXT, usage: Any = USAGE, finish: str = "stop") -> bytes:
    half = len(text) // 2
    parts = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": text[:half]}),
        chunk({"content": text[half:]}),
        chunk({}, finish),
    ]
    return b"".join(parts) + (chunk(usage=usage) if usage is not None else b"") + b"data: [DONE]\n\n"


class Exchange:
    """One request being answered."""

    def __init__(self, writer: asyncio.StreamWriter, body: Doc, number: int) -> None:
        self.writer, self.body, self.number = writer, body, number

    async def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def json(self, status: int, body: Any, **headers: str) -> None:
        await self.head(status, "application/json", **headers)
        await self.send(json.dumps(body).encode())

    async def stream(self, *parts: bytes) -> None:
        await self.head()
        for part in parts:
            await self.send(part)


def error(code: str, message: str = "") -> Doc:
    return {"error": {"code": code, "message": message, "type": code}}


async def silent(_: Exchange) -> None:
    await asyncio.Event().wait()


async def mute(x: Exchange) -> None:
    await x.stream(chunk({"role": "assistant", "content": ""}))
    while True:
        await x.send(b": keep-alive\n\n")
        await asyncio.sleep(0.1)


async def stuck(x: Exchange) -> None:
    await x.stream(chunk({"content": TEXT[:5]}))
    await asyncio.Event().wait()


async def junk(x: Exchange) -> None:
    """Bad lines, a character cut in two, many events in one chunk, no `[DONE]`."""
    data = b": hi\n\ndata: {bad\n\nnonsense\n\n" + words().replace(b"data: [DONE]\n\n", b"")
    cut = data.index("上".encode()) + 1
    await x.stream(data[:cut])
    await asyncio.sleep(0.05)
    await x.send(data[cut:])


async def halves(x: Exchange) -> None:
    """A character beyond the basic plane as two escapes in two events, and one half that never becomes whole."""
    first, second = rb'"{\"text\": \"\ud83d"', rb'"\ude00 \ud800\"}"'
    events = (b'data: {"choices": [{"delta": {"content": ' + part + b"}}]}\n\n" for part in (first, second))
    await x.stream(*events, chunk({}, "stop"))


SCRIPTS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "good": lambda x: x.stream(words()),
    "throttled": lambda x: x.json(429, error("rate_limit_exceeded"), retry_after="30"),
    "pausing": lambda x: x.json(429, error("rate_limit_exceeded"), retry_after="0") if x.number == 1 else x.stream(words()),
    "broken": lambda x: x.json(500, error("server_error")),
    "once": lambda x: x.json(502, "<html>") if x.number == 1 else x.stream(words()),
    "silent": silent,
    "mute": mute,
    "stuck": stuck,
    "cut": lambda x: x.stream(chunk({"content": TEXT[:5]})),
    "hidden": lambda x: x.json(200, {"error_code": 18, "error_msg": "Open api qps request limit reached"}),
    "hidden-stream": lambda x: x.stream(b"data: " + json.dumps(error("server_error")).encode() + b"\n\n"),
    "empty": lambda x: x.stream(words("")),
    "lying": lambda x: x.stream(words('{"txt": 1}')),
    "mended": lambda x: x.stream(words('{"txt": 1}' if x.number == 1 else TEXT)),
    "fenced": lambda x: x.stream(words(f"```json\n{TEXT}\n```")),
    "starved": lambda x: x.json(429, error("insufficient_quota", "You exceeded your current quota")),
    "locked": lambda x: x.json(401, error("invalid_api_key")),
    "gone": lambda x: x.json(404, error("model_not_found")),
    "refused": lambda x: x.stream(words("I can", finish="content_filter")),
    "short": lambda x: x.json(400, error("context_length_exceeded")),
    "picky": lambda x: x.json(400, error("unsupported_parameter")),
    "whole": lambda x: x.json(200, {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], "usage": USAGE}),
    "junk": junk,
    "halves": halves,
    "free": lambda x: x.stream(words(usage=None)),
    "liar": lambda x: x.stream(words(usage={"prompt_tokens": -5, "completion_tokens": 2, "prompt_cache_hit_tokens": 9})),
    "zero": lambda x: x.stream(words(usage={"prompt_tokens": 0, "completion_tokens": 0})),
    "spare": lambda x: x.stream(words('{"text": "spare"}')),
}


class Wall:
    """The server. `asked` holds every body it was sent, by model; `headers` those of the last request."""

    def __init__(self) -> None:
        self.asked: dict[str, list[Doc]] = {}
        self.headers: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen; return the base URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._exchange(reader, writer)
        self._tasks.discard(task)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        assert head[0].startswith("POST /v1/chat/completions ")
        body = json.loads(await reader.readexactly(int(self.headers["content-length"])))
        model = body["model"]
        self.asked.setdefault(model, []).append(body)
        self._counts[model] += 1
        await SCRIPTS[model](Exchange(writer, body, self._counts[model]))
