"""One process with one or several services: `tuntas-<service> serve | migrate | check`."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence

import asyncpg
import uvicorn
import uvloop
from aiokafka.errors import KafkaError
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tuntas.kit.app import Running, Service, arm_watchdog, on_signal
from tuntas.kit.errors import ConfigurationError, Transient
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.settings import load
from tuntas.kit.telemetry.log import configure

PATIENCE_SECONDS = 60.0
"""So long a service waits at its start for its broker and its database."""
EXIT_LATER = 75
"""The exit code of what may succeed when it is tried again, as in `sysexits.h`."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Process:
    """Runs services until told to stop: one event loop, one HTTP server, one watchdog."""

    def __init__(self, services: Sequence[Service], host: str, port: int) -> None:
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.running = _configured(services, self._fatal)
        self._host, self._port = host, port

    def _fatal(self, error: BaseException) -> None:
        self.failure = error
        self.stopping.set()

    async def start(self) -> None:
        """Start all services side by side, then serve HTTP."""
        await asyncio.gather(*(r.start() for r in self.running))
        config = uvicorn.Config(
            self._app(), host=self._host, port=self._port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        _collect_seldom()

    async def stop(self) -> None:
        """Drain and stop everything; a watchdog ends the process if that hangs."""
        self._server.should_exit = True
        await self._serving
        await asyncio.gather(*(r.stop() for r in self.running))

    def _app(self) -> Starlette:
        routes = [Route("/healthz", self._health), Route("/readyz", self._ready), Route("/metrics", self._metrics)]
        own = [route for r in self.running for route in r.parts.routes]
        return Starlette(routes=[*routes, *own])

    async def _health(self, _: Request) -> Response:
        return Response(status_code=204 if all(r.alive() for r in self.running) else 500)

    async def _ready(self, _: Request) -> Response:
        waiting = [r.service.name for r in self.running if not r.ready()]
        return PlainTextResponse("\n".join(waiting), status_code=503) if waiting else Response(status_code=204)

    async def _metrics(self, _: Request) -> Response:
        return Response(b"".join(generate_latest(r.metrics.registry) for r in self.running), media_type="text/plain; version=0.0.4")


def _collect_seldom() -> None:
    """Let the collector pass over what was made at start, and come seldom: a batch makes many objects and no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def _configured(services: Sequence[Service], stop: Callable[[BaseException], None]) -> list[Running]:
    """Read the settings of all services; refuse with all that is wrong in any of them."""
    running, faults = [], []
    for service in services:
        try:
            running.append(Running(service, stop))
        except ConfigurationError as error:
            faults += error.reason.splitlines()
    if faults:
        raise ConfigurationError("bad_settings", "\n".join(dict.fromkeys(faults)))
    return running


async def wait_for_backends(running: Sequence[Running], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until all services' backends let them in: machines and stacks start in any order.

    Raises:
        ConfigurationError: a backend refuses a service.
        Transient: a backend is not there after so long.
    """
    until = asyncio.get_running_loop().time() + seconds
    for each in running:
        while True:
            try:
                await each.reach()
                break
            except Transient as error:
                if asyncio.get_running_loop().time() > until:
                    raise
                each.log.warning("backend.awaited", code=error.code, reason=error.reason)
                await asyncio.sleep(1)


async def serve(services: Sequence[Service], host: str, port: int) -> int:
    """Run until SIGTERM or SIGINT, or until a service can't go on; return the exit code.

    Raises:
        ConfigurationError: a backend refuses a service.
        Transient: a backend is not there, or was lost again while services started (`backend_lost`).
    """
    process = Process(services, host, port)
    on_signal(process.stopping)
    await wait_for_backends(process.running)
    try:
        await process.start()
    except (ConnectionError, TimeoutError, KafkaError, asyncpg.PostgresError) as error:
        raise Transient("backend_lost", f"while starting: {error!r}") from error
    sys.stdout.write(f'{{"listening": "http://{host}:{process.port}"}}\n')
    sys.stdout.flush()
    await process.stopping.wait()
    arm_watchdog()
    await process.stop()
    return 70 if process.failure else 0


def main(service: Service, package: str) -> None:
    """Be the command of one service: `serve` (default), `migrate`, or `check` its settings."""
    configure(logging.INFO)
    verb = sys.argv[1] if len(sys.argv) > 1 else "serve"
    try:
        kafka, platform, own = load(service.name, service.settings)
        if verb == "migrate":
            upgrade(service.name, package, own.database_url.get_secret_value())
        elif verb == "check":
            sys.stdout.write(f"{service.name}: settings are complete; kafka at {kafka.bootstrap}\n")
        elif verb == "serve":
            sys.exit(uvloop.run(serve([service], platform.host, own.port)))
        else:
            sys.exit("unknown verb; known: serve | migrate | check")
    except ConfigurationError as error:
        sys.stderr.write(f"{error.code}: {error.reason}\n")
        sys.exit(2)
    except Transient as error:
        sys.stderr.write(f"{error.code}: {error.reason}\n")
        sys.exit(EXIT_LATER)
