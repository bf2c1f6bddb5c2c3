"""A TCP proxy between the services and what they talk to. Its connections can be cut, slowed and silenced.

`python -m tuntas.local.proxy JSON` runs it in a process of its own: `{"control": port, "routes": {"kafka": [port, target port], ...}}`.
A line of JSON on the control port is an order, `{"route": "kafka", "order": "cut", "value": 0.5}`; the answer is how many connections
it concerns. All ports are of 127.0.0.1.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import uvloop

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
Order = Literal["cut", "slow", "silence", "heal"]


@dataclass
class Route:
    """One listening port and where it leads. `delay` is in seconds for each piece of data; while `open` is unset nothing passes."""

    target: int
    delay: float = 0.0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    pumps: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        try:
            onward = await asyncio.open_connection(HOST, self.target)
        except OSError:
            _reset(writer)
            return
        for source, sink in ((reader, onward[1]), (onward[0], writer)):
            pump = asyncio.create_task(self._carry(source, sink, {writer, onward[1]}))
            self.pumps.add(pump)
            pump.add_done_callback(self.pumps.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, both: set[asyncio.StreamWriter]) -> None:
        self.writers |= both
        try:
            while data := await source.read(CHUNK_BYTES):
                await self.open.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if sink.is_closing():
                    break
                sink.write(data)
                await sink.drain()
        except OSError:
            pass  # the other end is gone: so is this one
        finally:
            self.writers -= both
            for writer in both:
                writer.close()

    def obey(self, order: Order, value: float) -> int:
        """Carry out an order; return how many connections there are, or were cut."""
        if order == "cut":
            return self._cut(value)
        self.delay = value if order == "slow" else 0.0
        if order == "silence":
            self.open.clear()
        else:
            self.open.set()
        return len(self.writers) // 2

    def _cut(self, share: float) -> int:
        struck = [writer for writer in self.writers if random.random() < share]  # noqa: S311 - any will do
        for writer in struck:
            _reset(writer)
        return len(struck)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, not in good order."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def serve(control: int, routes: Mapping[str, tuple[int, int]]) -> None:
    """Carry connections until the process ends."""
    made = {name: Route(target) for name, (_, target) in routes.items()}
    for name, (port, _) in routes.items():
        await asyncio.start_server(made[name].accept, HOST, port)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            writer.write(b"%d\n" % made[said["route"]].obey(said["order"], said["value"]))
        writer.close()

    server = await asyncio.start_server(listen, HOST, control)
    await server.serve_forever()


def order(control: int, route: str, what: Order, value: float = 0.0) -> int:
    """Tell a running proxy what to do with a route; return how many connections it concerns.

    Args:
        control: the proxy's control port.
        route: its name.
        what: `cut` some connections, `slow` all, `silence` all, or `heal`.
        value: the share of connections to cut, or the delay of a slow one in seconds.
    """
    with socket.create_connection((HOST, control), timeout=5) as connection:
        connection.sendall(json.dumps({"route": route, "order": what, "value": value}).encode() + b"\n")
        return int(connection.makefile().readline())


def listens(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    uvloop.run(serve(given["control"], given["routes"]))
