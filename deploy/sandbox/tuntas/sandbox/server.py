"""The HTTP server of one world."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import socket
from typing import Any, TypeAlias, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tuntas.sandbox import doors, instant, maps, paying, shopping, travel
from tuntas.sandbox.admin import Admin
from tuntas.sandbox.database import AWAY, open_pool
from tuntas.sandbox.desk import Desk, World
from tuntas.sandbox.problems import Refusal, SeveredError, problem_response
from tuntas.sandbox.webhooks import Messenger

Handler: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]
_SEVER = "tuntas.sandbox.sever"
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
_WORLDS: dict[str, tuple[World, Callable[[Desk], list[Route]]]] = {
    "travel": (travel.WORLD, doors.travel_routes),
    "payment": (paying.WORLD, doors.payment_routes),
    "instant": (instant.WORLD, doors.instant_routes),
    "shopping": (shopping.WORLD, doors.shopping_routes),
    "maps": (maps.WORLD, doors.map_routes),
}
WORLD_NAMES = tuple(_WORLDS)


@dataclass(frozen=True)
class Options:
    """Which world, at which address and port (0: any free one), and where it remembers."""

    world: str
    host: str
    port: int
    dsn: str
    schema: str
    webhook_secret: str


class SeverableProtocol(H11Protocol):
    """HTTP/1.1 that lets the application close its connection without an answer, as a lost network would."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer the application a way to cut this connection."""
        stream = cast("asyncio.Transport", transport)
        super().connection_made(stream)
        inner = self.app

        async def severable(scope: Scope, receive: Receive, send: Send) -> None:
            await inner({**scope, _SEVER: stream.abort}, receive, send)

        self.app = severable


async def _sever(request: Request, _error: Exception) -> Response:
    request.scope[_SEVER]()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - the handler is registered for refusals
    return problem_response(error.status, error.document())


async def _refuse_address(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for these
    refusal = Refusal(error.status_code, _HTTP_CODES.get(error.status_code, "invalid"), error.detail)
    return problem_response(refusal.status, refusal.document())


async def _away(_request: Request, _error: Exception) -> Response:
    return problem_response(503, Refusal(503, "unavailable", "the provider cannot reach its memory").document())


def _application(options: Options) -> Starlette:
    world, routes_of = _WORLDS[options.world]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        pool = await open_pool(options.dsn, options.schema, world.layout)
        messenger = Messenger(pool, options.webhook_secret)
        desk = Desk(pool, world, messenger)
        app.router.routes.extend([*Admin(desk).routes(), *routes_of(desk)])
        background = [asyncio.create_task(each.run()) for each in (desk.letters, desk.late)]
        yield
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await messenger.close()
        await pool.close()

    handlers: dict[Any, Handler] = {SeveredError: _sever, Refusal: _refuse, HTTPException: _refuse_address}
    handlers |= dict.fromkeys(AWAY, _away)
    return Starlette(lifespan=lifespan, exception_handlers=handlers)


class _Server(uvicorn.Server):
    """Tells when it listens, and stops on SIGTERM and SIGINT as on any other request to stop: with exit code 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            self._ready(f"http://127.0.0.1:{port}")

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


async def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Runs a world until it is told to stop; calls ``ready`` with its address once it listens. SystemExit if it cannot start."""
    config = uvicorn.Config(
        _application(options),
        host=options.host,
        port=options.port,
        http=SeverableProtocol,
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    await _Server(config, ready).serve()
