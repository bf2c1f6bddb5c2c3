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
        self.clock = 0.0
        self._waits = _Selector()
        super().__init__(self._waits)
        self._clock_resolution = TICK_SECONDS

    def time(self) -> float:
        """Return the loop's clock."""
        return self.clock

    def settle(self) -> None:
        """Run until no task can go on before time passes. Not to be called while the loop runs."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - what run_forever does, without a task for it
        try:
            while self._ready or self._is_due() or self._waits.waiting:  # type: ignore[attr-defined]
                self._run_once()  # type: ignore[attr-defined]
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

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
        return bool(handles) and handles[0].when() <= self.clock + TICK_SECONDS
