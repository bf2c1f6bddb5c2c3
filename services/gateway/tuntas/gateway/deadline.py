"""How long a caller waits: a backend that hangs must not hold the door's callers."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuntas.gateway.problems import problem

ANSWER_SECONDS = 10.0
"""How long after its body was read a request may go without the beginning of an answer."""


class Deadline:
    """Answers `unavailable` to what takes too long to begin its answer; a stream that has begun goes on as long as it likes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._overdue: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and wait for its answer to begin."""
        begun = asyncio.get_running_loop().create_future()

        async def tell(message: Message) -> None:
            if work in self._overdue:
                return
            if not begun.done():
                begun.set_result(None)
            await send(message)

        work = asyncio.create_task(self._work(scope, receive, tell))
        try:
            await asyncio.wait({work, begun}, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done() and not work.done():
                self._give_up(work)
                await problem("unavailable", f"no answer within {ANSWER_SECONDS:g} s")(scope, receive, send)
                return
            await work
        finally:
            work.cancel()

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _give_up(self, work: asyncio.Task[None]) -> None:
        """Cancel without waiting: giving back a connection that hangs takes as long as the backend likes."""
        self._overdue.add(work)
        work.add_done_callback(self._over)
        work.cancel()

    def _over(self, work: asyncio.Task[None]) -> None:
        self._overdue.discard(work)
        if not work.cancelled():
            work.exception()
