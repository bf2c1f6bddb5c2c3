"""Following tasks: one poller per process for all open streams, woken at once by what this process commits itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tuntas.contracts.gateway import TaskAnswered, TaskCompensated, TaskCompleted, TaskRejected
from tuntas.gateway.state import Task
from tuntas.gateway.store import Happened, Reader
from tuntas.kit.messaging.fold import Unit

POLL_SECONDS = 0.5
GRACE_SECONDS = 1.0
"""How long a stream that ends with its task waits for what may follow, such as a reopen."""

_BACKLOG = 100
_ENDS = frozenset(kind.wire_type for kind in (TaskCompleted, TaskCompensated, TaskAnswered, TaskRejected))


@dataclass(eq=False, slots=True)
class _Stream:
    """One reader. `after` is the last number that was queued; a full queue is filled again at a later poll."""

    task_id: UUID
    after: int
    queue: asyncio.Queue[Happened | None] = field(default_factory=lambda: asyncio.Queue(_BACKLOG))

    def offer(self, event: Happened) -> None:
        """Queue an event if it is the next one and there is room."""
        if event.seq > self.after and not self.queue.full():
            self.queue.put_nowait(event)
            self.after = event.seq


class Watch:
    """Tells readers what happens to tasks, whichever replica decided it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._streams: set[_Stream] = set()
        self._changes: dict[UUID, asyncio.Event] = {}
        self._nudge = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None

    def committed(self, unit: Unit[Any]) -> None:
        """Take note of a batch that this process committed."""
        for task_id, row in unit.changed.items():
            if task_id in self._changes:
                self._changes[task_id].set()
            if isinstance(row.state, Task) and row.state.recorded:
                self._nudge.set()

    async def change(self, task_id: UUID, seconds: float) -> None:
        """Wait until this process commits a change of the task, but no longer than this."""
        changed = self._changes.setdefault(task_id, asyncio.Event())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()
        finally:
            self._changes.pop(task_id, None)

    async def follow(self, task_id: UUID, after: int, *, until_terminal: bool, ended: bool) -> AsyncIterator[Happened]:
        """Yield a task's events after a number, in order, each once; `until_terminal` ends the stream with the task.

        The stream also ends when the database is away: its reader comes back with the last number it saw.
        """
        stream = _Stream(task_id, after)
        self._streams.add(stream)
        self._wake()
        try:
            while (event := await _next(stream, GRACE_SECONDS if until_terminal and ended else None)) is not None:
                ended = event.type in _ENDS
                yield event
        finally:
            self._streams.discard(stream)

    def _wake(self) -> None:
        self._nudge.set()
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
            self._poller.add_done_callback(self._over)

    async def _poll(self) -> None:
        while self._streams:
            self._nudge.clear()
            await self._deliver()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._nudge.wait()

    async def _deliver(self) -> None:
        after: dict[UUID, int] = {}
        for stream in self._streams:
            after[stream.task_id] = min(stream.after, after.get(stream.task_id, stream.after))
        for event in await self._reader.events(after):
            for stream in self._streams:
                if stream.task_id == event.task_id:
                    stream.offer(event)

    def _over(self, poller: asyncio.Task[None]) -> None:
        """End the streams of a poller that failed; an empty queue's reader waits for exactly this."""
        if not poller.cancelled() and poller.exception() is not None:
            for stream in self._streams:
                if stream.queue.full():
                    stream.queue.get_nowait()
                stream.queue.put_nowait(None)


async def _next(stream: _Stream, seconds: float | None) -> Happened | None:
    try:
        async with asyncio.timeout(seconds):
            return await stream.queue.get()
    except TimeoutError:
        return None
