"""A proxy between services and servers cuts, slows and silences real connections."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tuntas.local import proxy
from tuntas.local.processes import Processes, free_port


class Way:
    """An echo server, and a proxy before it."""

    def __init__(self, port: int, control: int) -> None:
        self.port, self.control = port, control
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    def close(self) -> None:
        for writer in self.writers:
            writer.close()

    async def order(self, what: proxy.Order, value: float = 0.0) -> int:
        return await asyncio.to_thread(proxy.order, self.control, "echo", what, value)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    server = await asyncio.start_server(_echo, "127.0.0.1", free_port())
    port, control, processes = free_port(), free_port(), Processes(tmp_path)
    given = {"control": control, "routes": {"echo": [port, server.sockets[0].getsockname()[1]]}}
    child = processes.start("proxy", [sys.executable, "-m", "tuntas.local.proxy", json.dumps(given)])
    await asyncio.to_thread(child.wait_until, lambda: proxy.listens(control), 20)
    made = Way(port, control)
    yield made
    made.close()
    await asyncio.to_thread(processes.stop_all)
    server.close()


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes = b"hello\n") -> bytes:
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 10)


async def _visited(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.wait_for(reader.readexactly(1), 10)
    finally:
        writer.close()


async def test_what_is_said_comes_through_both_ways(way: Way) -> None:
    reader, writer = await way.connect()
    assert await _said(reader, writer) == b"hello\n"
    long = b"x" * 40_000 + b"\n"
    assert await _said(reader, writer, long) == long


async def test_a_cut_ends_the_connection_and_the_next_one_works(way: Way) -> None:
    reader, writer = await way.connect()
    await _said(reader, writer)
    assert await way.order("cut", 1.0) == 2  # this end of it and the other
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    reader, writer = await way.connect()
    assert await _said(reader, writer) == b"hello\n"


async def test_a_slow_way_takes_its_time_in_each_direction_and_heals(way: Way) -> None:
    reader, writer = await way.connect()
    await _said(reader, writer)
    await way.order("slow", 0.2)
    begun = time.monotonic()
    await _said(reader, writer)
    assert time.monotonic() - begun >= 0.4
    await way.order("heal")
    begun = time.monotonic()
    await _said(reader, writer)
    assert time.monotonic() - begun < 0.4


async def test_nothing_passes_a_silent_way_until_it_heals(way: Way) -> None:
    reader, writer = await way.connect()
    await _said(reader, writer)
    assert await way.order("silence") == 1
    writer.write(b"later\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(heard := asyncio.create_task(reader.readline())), 0.3)
    await way.order("heal")
    assert await asyncio.wait_for(heard, 10) == b"later\n"


async def test_a_way_to_nowhere_refuses(way: Way, tmp_path: Path) -> None:
    control, port = free_port(), free_port()
    given = {"control": control, "routes": {"echo": [port, free_port()]}}
    processes = Processes(tmp_path / "other")
    child = processes.start("proxy", [sys.executable, "-m", "tuntas.local.proxy", json.dumps(given)])
    await asyncio.to_thread(child.wait_until, lambda: proxy.listens(control), 20)
    with pytest.raises(ConnectionResetError):  # at once, or when it is read
        await _visited(port)
    await asyncio.to_thread(processes.stop_all)
