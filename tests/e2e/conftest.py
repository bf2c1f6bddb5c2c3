"""The whole platform on a real broker and a real database, with a collector of its spans; one for the folder."""

import asyncio
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from confluent_kafka import Producer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tuntas.cli import publishing
from tuntas.contracts.gateway import Asker
from tuntas.contracts.topics import INTENTS
from tuntas.gateway.admission import person_id
from tuntas.kit import operations
from tuntas.kit.http import LIMITS
from tuntas.local.demo.stage import SOURCE, Document, Play, Stage
from tuntas.local.demo.stories import trip
from tuntas.local.platform import Platform

PERSON = "sari"
SECONDS = 40.0


class Collector:
    """An OTLP/HTTP receiver: every span that was exported to it, by trace id."""

    def __init__(self) -> None:
        self.spans: list[Document] = []
        collector = self

        class Receive(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.spans += _spans(body, self.headers.get("content-encoding", ""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def of(self, trace_id: str) -> list[Document]:
        """Return a trace's spans so far."""
        return [span for span in list(self.spans) if span["trace_id"] == trace_id]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _spans(body: bytes, encoding: str) -> Iterator[Document]:
    assert encoding in {"", "identity"}
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": span.kind,
                    "service": service,
                    "attributes": {a.key: a.value.string_value for a in span.attributes},
                }


class House:
    """A platform at work, clients of its doors, and the world behind it."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.profile = platform, platform.profile()
        self.news = asyncio.Event()
        self.stage = Stage(self.profile, platform.addresses.worlds, self.news.set)
        self.http = httpx2.AsyncClient(base_url=self.profile.gateway, timeout=30, limits=LIMITS)
        self.key = {"X-Api-Key": self.profile.api_key}
        self.operator = {"X-Api-Key": self.profile.operator_key}
        self.producer = Producer({"bootstrap.servers": self.profile.bootstrap, "message.max.bytes": 4_000_000, "log_level": 0})
        self.bin = Path(sys.executable).parent

    def environment(self) -> dict[str, str]:
        """Return what the command and a service need to be started as printed."""
        paths = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "TUNTAS_CLI_PROFILE": str(self.platform.folder / "profile.json")}
        return os.environ | self.platform.environment() | paths

    async def command(self, *words: str) -> Document:
        """Run `tuntas` with `--json`; return the document that it printed."""
        done = await self.run(shlex.join(["tuntas", *words, "--json"]))
        assert done.returncode == 0, done.stderr
        found: Document = json.loads(done.stdout)
        return found

    async def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as it is printed."""
        environment = self.environment()
        return await asyncio.to_thread(
            lambda: subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30, env=environment, check=False)
        )

    def headers(self, name: str, body: bytes, *, valid: timedelta = timedelta(hours=1)) -> dict[str, str]:
        """Return the signed headers of a submission."""
        return publishing.headers(self.profile, body, source=SOURCE, submission=name, valid=valid)

    async def produce(self, topic: str, value: bytes | None, headers: Mapping[str, str | bytes | None], key: bytes | None = None) -> None:
        """Publish a record from librdkafka, and wait for the broker's word."""
        refused: list[Any] = []
        self.producer.produce(
            topic,
            value=value,
            key=key,
            headers=[(name, text.encode() if isinstance(text, str) else text) for name, text in headers.items()],  # text ends at a NUL here
            on_delivery=lambda error, _: refused.append(error) if error else None,
        )
        waiting = await asyncio.to_thread(self.producer.flush, 20)
        assert (waiting, refused) == (0, [])

    async def knock(
        self, name: str, body: bytes, *, key: bytes | None = None, valid: timedelta = timedelta(hours=1), **changed: Any
    ) -> Play:
        """Submit at the Kafka door; headers that are changed to None are left out."""
        headers = {n: v for n, v in (self.headers(name, body, valid=valid) | changed).items() if v is not None}
        await self.produce(INTENTS.name, body, headers, key or name.encode())
        return self.play(name)

    def play(self, name: str, *, http: bool = False) -> Play:
        """Return what to play a submission's task with."""
        return Play(self.stage, self.stage.identity(name, words=http), PERSON)

    async def submit(self, name: str, goals: list[Document] | None = None, **asker: Any) -> Play:
        """Submit goals that can be carried out."""
        return await self.knock(name, intent(goals or flight(), **asker))

    async def ask(self, name: str, text: str, *, traceparent: str = "", **asker: Any) -> Play:
        """Submit words over HTTP."""
        body = {"text": text, "asker": {"person": PERSON, "travellers": ["Sari Dewi"]} | asker}
        headers = self.key | {"Idempotency-Key": name} | ({"traceparent": traceparent} if traceparent else {})
        answer = await self.http.post("/v1/tasks", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return self.play(name, http=True)

    async def told(self, source_id: str, kind: str) -> Document:
        """Wait until an event of a kind is told of a source's id, whatever task it belongs to."""
        async with asyncio.timeout(SECONDS):
            while True:
                self.news.clear()
                events = [e for told in self.stage.tasks.values() for e in told.events]
                found = [e for e in events if e["source_id"] == source_id and e["type"] == kind]
                if found:
                    return found[0]
                await self.news.wait()

    async def explained(self, play: Play, condition: Callable[[Document], bool], *, db: bool = False) -> Document:
        """Ask why a task does not move until the answer is the one waited for; fail with the last answer."""
        found: Document = {}
        con = await asyncpg.connect(self.profile.operations_url)
        try:
            async with asyncio.timeout(SECONDS):
                while not condition(found):
                    seen = operations.explain(await operations.gather(con, play.task)).model_dump(mode="json")
                    ready = condition(seen)
                    found = await self.command("explain", str(play.task), *(["--db"] if db else [])) if ready else seen
                    await asyncio.sleep(0.05)  # a row tells nobody that it changed
        except TimeoutError:
            pytest.fail(f"explained at last: {found}")
        finally:
            await con.close()
        return found

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Read the platform's database as its administrator."""
        con = await asyncpg.connect(self.platform.admin_dsn())
        try:
            return list(await con.fetch(query, *values))
        finally:
            await con.close()

    async def mandate(self, person: str, per_task: dict[str, int], **more: Any) -> None:
        """Give a person's consent and wait until it is kept."""
        until = "2099-01-01T00:00:00Z"
        mandate = {"goal_types": ["travel.*"], "per_task": per_task, "budget": {"IDR": 10**14}, "expires_at": until} | more
        await self.stage.call("PUT", f"/v1/people/{person}/mandate", json={"mandate": mandate})
        async with asyncio.timeout(SECONDS):
            while not await self.fetch("select 1 from trust.wallets where person = $1", person_id(self.profile.tenant, person)):
                await asyncio.sleep(0.05)  # a row tells nobody that it is there

    async def operations(self, task: UUID) -> list[Document]:
        """Return every request that the worlds had for a task."""
        found: list[Document] = []
        for world in self.platform.addresses.worlds:
            answer: Any = await self.stage.world(world, "GET", "/operations", params={"reference_prefix": str(task)})
            found += answer["operations"]
        return found

    def admit(self, tenant: str, api_key: str, signing: dict[str, str] | None = None) -> None:
        """Let a further tenant in; the gateway reads the file again."""
        path = self.platform.folder / "tenants.json"
        known = json.loads(path.read_text())
        known[tenant] = {"api_keys": [hashlib.sha256(api_key.encode()).hexdigest()], "signing_keys": signing or {}}
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(known, indent=2))
        fresh.replace(path)


def flight() -> list[Document]:
    """Return the goals of a flight alone: the cheapest task that goes the whole way."""
    return trip(refundable=True)[:1]


def intent(goals: list[Document], **asker: Any) -> bytes:
    """Return the body of an intent."""
    person = Asker(person=PERSON, travellers=("Sari Dewi",)).model_dump(exclude_defaults=True) | asker
    return json.dumps({"asker": person, "goals": goals}).encode()


@contextmanager
def _running(name: str, **options: Any) -> Iterator[Platform]:
    platform = Platform(name, fresh=True, **options)
    platform.start()
    try:
        yield platform
    finally:
        platform.stop()


@asynccontextmanager
async def _open(platform: Platform) -> AsyncIterator[House]:
    found = House(platform)
    async with found.stage.open(), found.http:
        await found.mandate(PERSON, {"IDR": 10**12})
        yield found


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the platform sends its spans."""
    found = Collector()
    yield found
    found.close()


@pytest.fixture(scope="session")
def laundry() -> Iterator[str]:
    """A company's own API, in JavaScript, which nothing in this repository knows; empty where there is nothing to run it with."""
    node = shutil.which("node")
    if node is None:
        yield ""
        return
    with subprocess.Popen([node, Path(__file__).with_name("foreign") / "laundry.mjs", "0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["listening"]
        process.terminate()


@pytest.fixture(scope="session")
def platform(collector: Collector, laundry: str) -> Iterator[Platform]:
    """All services in one process, on backends of their own, and a connector that a manifest makes."""
    manifests = [f"{laundry}/tuntas.yaml"] if laundry else []
    with _running("e2e", extra={"TUNTAS_OTLP_TRACES": collector.url}, manifests=manifests) as found:
        yield found


@pytest.fixture(scope="session")
async def house(platform: Platform) -> AsyncIterator[House]:
    """The platform with its doors open, and a person whose mandate allows every trip."""
    async with _open(platform) as found:
        yield found


@pytest.fixture(scope="session")
def separate(collector: Collector) -> Iterator[Platform]:
    """One process for each service, none of whose traces is sampled at the door."""
    extra = {"TUNTAS_OTLP_TRACES": collector.url, "TUNTAS_TRACE_RATIO": "0"}
    with _running("e2e-apart", separate=True, extra=extra) as found:
        yield found


@pytest.fixture(scope="session")
async def apart(separate: Platform) -> AsyncIterator[House]:
    """The platform of separate processes with its doors open."""
    async with _open(separate) as found:
        yield found
