"""A connection that was reset is an error of the connection on the loop that services run on, too."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from tuntas.kit.messaging.connection import Connection

_KNOWN = struct.pack(">ihi", 1, 0, 1) + struct.pack(">hhh", 3, 0, 0)
"""A broker's answer to the first request: no error, and one request it knows, Metadata."""


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    await reader.readexactly(size)
    writer.write(struct.pack(">i", len(_KNOWN)) + _KNOWN)
    await reader.read()
    writer.close()


async def _connected(act: Callable[[Any], Awaitable[None]]) -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as broker:
        connection = await conn.create_conn(*broker.sockets[0].getsockname()[:2])
        try:
            await act(connection)
        finally:
            connection.close()


async def _reset(connection: Any) -> None:
    """Let the loop know that the connection is gone, and its reader not yet."""
    connection._read_task.cancel()
    connection._writer.transport.abort()
    await asyncio.sleep(0)


async def _write_after_reset(connection: Any) -> None:
    await _reset(connection)
    with pytest.raises(KafkaConnectionError, match="handler is closed"):
        await connection.send(MetadataRequest([]))
    assert not connection.connected()


async def _write_after_close(connection: Any) -> None:
    connection.close()
    with pytest.raises(KafkaConnectionError, match="No connection"):
        await connection.send(MetadataRequest([]))


@pytest.mark.parametrize("act", [_write_after_reset, _write_after_close])
def test_what_is_written_to_a_connection_that_is_gone_fails_as_the_client_library_expects(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], Awaitable[None]]
) -> None:
    monkeypatch.setattr(conn, "AIOKafkaConnection", conn.AIOKafkaConnection)
    Connection.install()
    uvloop.run(_connected(act))
