"""A connection that the other side is about to close for being idle is not used: the request would be in doubt for nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from tuntas.kit.connector.http import Client

IDLE_CLOSE_SECONDS = 5.0
"""So long Uvicorn and Node keep a connection without a request."""


@asynccontextmanager
async def server_that_answers_once_a_connection() -> AsyncIterator[str]:
    """Serve one request on each connection, and close it when there is a second, as at the end of its patience."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_idle_for_almost_as_long_as_servers_wait_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("httpcore2._async.http11.time", SimpleNamespace(monotonic=lambda: now))
    async with server_that_answers_once_a_connection() as url:
        client = Client(url)
        assert (await client.call("GET", "/")).ok
        now += IDLE_CLOSE_SECONDS - 0.1
        assert (await client.call("GET", "/")).ok
        await client.close()
