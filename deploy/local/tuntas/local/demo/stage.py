"""What a story plays with: the public doors, the sandbox's faults, and the task's events as they arrive."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tuntas.cli import publishing
from tuntas.cli.profile import Profile
from tuntas.contracts.ids import task_id
from tuntas.contracts.topics import INTENTS, TASKS
from tuntas.kit.http import LIMITS

Document = dict[str, Any]
TERMINAL = frozenset({"completed", "compensated", "answered", "rejected"})
SOURCE = "demo"
DOMAINS = ["travel.*", "food.*", "ride.*", "shop.*", "pay.*"]
WORLD_OF = {"map": "maps", "basket": "shopping"}
WORLD_OF |= dict.fromkeys(("payment", "transfer", "bill", "request", "balance"), "payment")
WORLD_OF |= dict.fromkeys(("meal", "ride", "table"), "instant")


@dataclass
class Told:
    """A task's public events so far; `changed` is set at each."""

    events: list[Document] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> list[str]:
        """Return what happened, such as `accepted`."""
        return [e["type"] for e in self.events]


class Stage:
    """The platform's public doors, and the world behind it, as the demo uses them."""

    def __init__(self, profile: Profile, worlds: dict[str, str], changed: Callable[[], None]) -> None:
        self.profile, self._worlds, self._changed = profile, worlds, changed
        self.tasks: dict[UUID, Told] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Stage"]:
        """Connect to the doors; follow the public topic."""
        self._http = httpx2.AsyncClient(
            base_url=self.profile.gateway, headers={"X-Api-Key": self.profile.api_key}, timeout=30, limits=LIMITS
        )
        self._outside = httpx2.AsyncClient(timeout=30, limits=LIMITS)
        self._producer = AIOKafkaProducer(bootstrap_servers=self.profile.bootstrap, acks="all")
        self._consumer = AIOKafkaConsumer(TASKS.name, bootstrap_servers=self.profile.bootstrap, auto_offset_reset="earliest")
        await asyncio.gather(self._producer.start(), self._consumer.start())
        following = asyncio.create_task(self._follow())
        try:
            yield self
        finally:
            following.cancel()
            ends = self._producer.stop(), self._consumer.stop(), self._http.aclose(), self._outside.aclose(), following
            await asyncio.gather(*ends, return_exceptions=True)

    async def _follow(self) -> None:
        async for record in self._consumer:
            headers = {name: value.decode() for name, value in record.headers}
            event = json.loads(record.value) | {"type": headers["ce_type"].removeprefix("tuntas.task.").removesuffix(".v1")}
            told = self.told(UUID(event["task_id"]))
            told.events.append(event)
            told.changed.set()
            self._changed()

    def told(self, task: UUID) -> Told:
        """Return what was told of a task."""
        return self.tasks.setdefault(task, Told())

    async def call(self, method: str, path: str, **options: Any) -> Document:
        """Call the HTTP door; a problem is an error of the demo."""
        answer = await self._http.request(method, path, **options)
        document: Document = answer.json() if answer.content else {}
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {document}")
        return document

    async def fault(self, world: str, operation: str, kind: str, *, task: UUID | None, **more: Any) -> None:
        """Ask a world to misbehave towards one task."""
        match = {"reference_prefix": str(task)} if task else {}
        match |= more.pop("match", {})
        await self.world(world, "POST", "/faults", json={"operation": operation, "kind": kind, "match": match, **more})

    async def world(self, world: str, method: str, path: str, **options: Any) -> Document:
        """Talk to a world directly, as its own staff would."""
        answer = await self._outside.request(method, self._worlds[world] + path, **options)
        answer.raise_for_status()
        found: Document = answer.json() if answer.content else {}
        return found

    async def mandate(self, person: str, per_task: dict[str, int]) -> None:
        """Give a person's standing consent."""
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        mandate = {"goal_types": DOMAINS, "per_task": per_task, "budget": {"IDR": 10**14, "CNY": 10**14}, "expires_at": until}
        await self.call("PUT", f"/v1/people/{person}/mandate", json={"mandate": mandate})

    async def ask(self, name: str, text: str, asker: Document) -> None:
        """Submit words over HTTP."""
        await self.call("POST", "/v1/tasks", json={"text": text, "asker": asker}, headers={"Idempotency-Key": name})

    async def publish(self, name: str, body: bytes, *, headers: dict[str, str] | None = None) -> None:
        """Submit an intent event with a plain Kafka client."""
        found = publishing.headers(self.profile, body, source=SOURCE, submission=name, valid=timedelta(hours=1)) | (headers or {})
        pairs = [(key, value.encode()) for key, value in found.items() if value]
        await self._producer.send_and_wait(INTENTS.name, body, key=name.encode(), headers=pairs)

    async def send(self, topic: str, body: bytes) -> None:
        """Publish a bare record, as somebody would who should not."""
        await self._producer.send_and_wait(topic, body)

    def identity(self, name: str, *, words: bool) -> UUID:
        """Return the id of a task before it is submitted."""
        return task_id(self.profile.tenant, "http" if words else SOURCE, name)


@dataclass(frozen=True)
class Play:
    """One task on the stage."""

    stage: Stage
    task: UUID
    person: str

    @property
    def told(self) -> Told:
        """Return what was told of it."""
        return self.stage.told(self.task)

    async def until(
        self, *names: str, times: int = 1, step: str | None = None, state: str | None = None, seconds: float = 60.0
    ) -> Document:
        """Wait for the n-th event of these names, or for a step to be told in a state; return it."""
        async with asyncio.timeout(seconds):
            while True:
                self.told.changed.clear()
                found = [e for e in self.told.events if e["type"] in names and (step is None or e.get("steps", {}).get(step) == state)]
                if len(found) >= times:
                    return found[times - 1]
                await self.told.changed.wait()

    async def cancel(self) -> None:
        """Cancel it as the person."""
        await self.stage.call("POST", f"/v1/tasks/{self.task}/cancel")

    async def give_up(self, *goals: str) -> None:
        """Give up some goals of what is completed, at the price that is quoted for it."""
        path = f"/v1/tasks/{self.task}/undo"
        quoted = await self.stage.call("POST", f"{path}/quote", json={"goals": goals})
        order = {"goals": goals, "fee_limit": quoted["cost"], "version": quoted["version"]}
        await self.stage.call("POST", path, json=order)

    async def approve(self, *, yes: bool = True) -> None:
        """Answer the question for approval."""
        await self.stage.call("POST", f"/v1/tasks/{self.task}/approve", json={"approved": yes})

    async def answer(self, text: str) -> None:
        """Answer the open question."""
        await self.stage.call("POST", f"/v1/tasks/{self.task}/answer", json={"text": text})

    async def fault(self, operation: str, kind: str, **more: Any) -> None:
        """Ask the world to misbehave towards this task."""
        await self.stage.fault(WORLD_OF.get(operation.partition(".")[0], "travel"), operation, kind, task=self.task, **more)

    async def forgive(self) -> None:
        """Take back the travel world's standing faults towards this task."""
        found: Any = await self.stage.world("travel", "GET", "/faults")
        for fault in found["faults"]:
            if fault["match"].get("reference_prefix") == str(self.task):
                await self.stage.world("travel", "DELETE", f"/faults/{fault['fault_id']}")

    async def receipt(self) -> Document:
        """Return the receipt as the public door gives it."""
        return await self.stage.call("GET", f"/v1/tasks/{self.task}/receipt")
