"""An event loop whose clock stands still until somebody moves it, and that says when nothing is left to run."""

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TICK_SECONDS = 2e-6
"""What is due within so little is due: instants are in whole microseconds."""
IO_SECONDS = 10.0
"""So long a simulated process may wait for a real server that it asked something."""


class _Selector(selectors.DefaultSelector):
    """Waits for real input only while somebody waits for it; never for the clock."""

    waiting = 0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready."""
        return super().select(IO_SECONDS if self.waiting and timeout != 0 else 0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, in seconds since it was made."""

    def __init__(self) -> None:
        self.clock, self._idlers = 0.0, list[asyncio.Future[None]]()
        self._waits = _Selector()
        super().__init__(self._waits)
        self._clock_resolution = TICK_SECONDS

    def time(self) -> float:
        """Return the loop's clock."""
        return self.clock

    async def idle(self) -> None:
        """Return when no task can go on before time passes."""
        idler = self.create_future()
        self._idlers.append(idler)
        await idler

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Mark a block that waits for a real server: until it is over nothing is idle, and no time passes."""
        self._waits.waiting += 1
        try:
            yield
        finally:
            self._waits.waiting -= 1

    def instants(self) -> list[float]:
        """Return when tasks that sleep go on; what is due already is not among them."""
        handles: list[Any] = self._scheduled  # type: ignore[attr-defined]
        return [handle.when() for handle in handles if not handle.cancelled() and handle.when() > self.clock + TICK_SECONDS]

    def _is_due(self) -> bool:
        handles: list[Any] = self._scheduled  # type: ignore[attr-defined]
        return any(not handle.cancelled() and handle.when() <= self.clock + TICK_SECONDS for handle in handles)

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        if not ready and self._idlers and not self._waits.waiting and not self._is_due():
            self._idlers.pop().set_result(None)
        super()._run_once()  # type: ignore[misc]
