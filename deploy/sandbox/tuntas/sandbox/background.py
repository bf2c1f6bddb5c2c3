"""Work that falls due by the clock: sleeps until the next piece, and is woken when a nearer one appears."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg

from tuntas.sandbox.database import AWAY
from tuntas.sandbox.values import now

_LONGEST_SLEEP_SECONDS = 30.0
_AFTER_AN_ERROR_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Ticker:
    """Calls ``work`` again and again; it does what is due and returns when the next piece will be (None: nothing waits)."""

    def __init__(self, work: Callable[[], Awaitable[datetime | None]]) -> None:
        self._work = work
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again now: something new may be due sooner."""
        self._woken.set()

    async def run(self) -> None:
        """Works until it is cancelled. Outlives a database that goes away and comes back."""
        while True:
            self._woken.clear()
            pause = await self._once()
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
            except TimeoutError:
                continue

    async def _once(self) -> float:
        try:
            due = await self._work()
        except (*AWAY, asyncpg.PostgresError) as error:
            _log.warning("background work failed, it is tried again: %r", error)
            return _AFTER_AN_ERROR_SECONDS
        if due is None:
            return _LONGEST_SLEEP_SECONDS
        return min(_LONGEST_SLEEP_SECONDS, max(0.0, (due - now()).total_seconds()))
