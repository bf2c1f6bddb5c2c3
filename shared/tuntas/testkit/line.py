"""A process's way to what is outside: everything it does there passes a gate, which whoever plays fate opens, bars or forgets."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import asyncpg

from tuntas.kit.errors import TuntasError

T = TypeVar("T")


class Fate(Enum):
    """What becomes of a request: it arrives and is answered, does not arrive, or arrives and nobody hears the answer."""

    GO = "go"
    LOST = "lost"
    UNHEARD = "unheard"


@dataclass(eq=False)
class Gate:
    """Where a process waits. `act` is what its request does; `ready` says whether it can be done now."""

    what: str
    act: Callable[[], Any]
    ready: Callable[[], bool]
    opened: asyncio.Future[None]


class Line:
    """One process's requests. With `gated` unset they arrive at once, and no event loop is needed."""

    def __init__(self, name: str, *, gated: bool = False, fate: Callable[[str], Fate] = lambda _: Fate.GO) -> None:
        self.name, self.gated, self._fate = name, gated, fate
        self.gates: list[Gate] = []
        self.dead = False

    async def reach(self, what: str, act: Callable[[], T | Awaitable[T]], ready: Callable[[], bool] = lambda: True) -> T:
        """Do something outside, when fate lets it.

        Raises:
            ConnectionError: it was lost on its way, or its answer was: nobody here knows which.
        """
        fate = self._fate(what)
        if self.gated or not ready():
            await self._wait(Gate(what, act, ready, asyncio.get_running_loop().create_future()))
        if fate is Fate.LOST:
            raise ConnectionError(f"{what} was lost")
        found = act()
        done = await found if isinstance(found, Awaitable) else found
        if fate is Fate.UNHEARD:
            raise ConnectionError(f"{what} was done, and nobody heard it")
        return done

    async def _wait(self, gate: Gate) -> None:
        self.gates.append(gate)
        try:
            await gate.opened
        finally:
            self.gates.remove(gate)

    def open(self, gate: Gate) -> None:
        """Let a request go on."""
        if not gate.opened.done():
            gate.opened.set_result(None)

    async def cut(self, arrives: Callable[[], bool]) -> None:
        """End the process. Requests that are on their way arrive or not."""
        self.dead = True
        for gate in list(self.gates):
            if gate.ready() and arrives():
                with suppress(TuntasError, asyncpg.PostgresError, ConnectionError):
                    found = gate.act()
                    if isinstance(found, Awaitable):
                        await found
