"""A task at the gateway, told in short words; a door with two tenants and their keys."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import asdict

from tuntas.contracts.base import Message, utc
from tuntas.contracts.connectors import Outcome, StepReplied, StepUndone
from tuntas.contracts.gateway import SubmissionTaken, TaskSubmitted
from tuntas.contracts.ids import attempt_key, derive
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Approval
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.saga import Receipt, SagaEnded, SagaNeedsAttention, SagaOutcome
from tuntas.contracts.topics import INTENTS
from tuntas.contracts.trust import ApprovalAsked, PlanApproved
from tuntas.gateway.auth import Doorkeeper, Tokens
from tuntas.gateway.core import core
from tuntas.gateway.door import Door
from tuntas.gateway.gate import Gate
from tuntas.gateway.http import application
from tuntas.gateway.pressure import Pressure
from tuntas.gateway.progress import Watch
from tuntas.gateway.repairing import Target
from tuntas.gateway.repairs import Order, Repair
from tuntas.gateway.replying import Replies
from tuntas.gateway.state import Task
from tuntas.gateway.store import Happened, Stored, Taken
from tuntas.gateway.tenants import Directory, Tenant
from tuntas.kit.audit import Act
from tuntas.kit.decision import Send
from tuntas.kit.errors import Transient
from tuntas.kit.messaging.fold import Event, fold
from tuntas.kit.persistence.database import Row
from tuntas.kit.privacy import Digester, Person
from tuntas.kit.registry import Registry
from tuntas.kit.signing import public_hex, sign, submission_bytes
from tuntas.kit.telemetry.trace import Tracing
from tuntas.testkit.history import START, History

PRIVATE = {name: Ed25519PrivateKey.generate().private_bytes_raw().hex() for name in ("acme", "brio")}
GOAL = {"goal_id": "hotel", "type": "travel.hotel_stay", "parameters": {"city": "Bandung"}}
BODY = {"asker": {"person": "p-1", "reference": "order 7"}, "goals": [GOAL]}
UNTIL = START + timedelta(hours=1)
AMOUNTS = {"IDR": 120_000_00}


class Told(History[Task]):
    """One task, moved on by what other services say."""

    def submitted(self, digest: str = "k:d1", person: str = "p", **options: Any) -> list[Message]:
        task = TaskSubmitted(
            source="shop", source_id="s-1", reference="order 7", person=derive(person), instrument="wallet", tz="Asia/Jakarta", at=self.now
        )
        return self.given(SubmissionTaken(digest=digest, task=task), **options)

    def proposed(self, revision: int = 1) -> list[Message]:
        return self.given(
            PlanProposed(
                revision=revision,
                plan="{}",
                digest=f"plan{revision}",
                person=derive("p"),
                titles=("A room",),
                ceilings=AMOUNTS,
                worst_undo={},
            )
        )

    def asked(self, revision: int = 1) -> list[Message]:
        return self.given(
            ApprovalAsked(
                revision=revision, digest=f"plan{revision}", reasons=("no_mandate",), ceilings=AMOUNTS, worst_undo={}, until=UNTIL
            )
        )

    def approved(self, revision: int = 1) -> list[Message]:
        approval = Approval(statement="{}", key_id="k", signature="s")
        message = PlanApproved(revision=revision, plan="{}", digest=f"plan{revision}", approval=approval, start_by=UNTIL, forward_by=UNTIL)
        return self.given(message)

    def running(self) -> None:
        self.submitted()
        self.proposed()
        self.approved()

    def replied(self, step: str, outcome: Outcome = Outcome.DONE, seq: int = 1, attempt: int = 1, **facts: Any) -> list[Message]:
        key = attempt_key(self.task_id, step, attempt)
        return self.given(StepReplied(step_id=step, attempt=attempt, key=key, seq=seq, outcome=outcome, **facts))

    def undone(self, step: str, seq: int, attempt: int = 1, outcome: Outcome = Outcome.UNDONE) -> list[Message]:
        return self.given(StepUndone(step_id=step, key=attempt_key(self.task_id, step, attempt), number=1, seq=seq, outcome=outcome))

    def receipt(self, closing: int, outcome: SagaOutcome | None, **facts: Any) -> Receipt:
        return Receipt(
            task_id=self.task_id,
            tenant=self.tenant,
            closing=closing,
            outcome=outcome,
            code="ok",
            effects=(),
            postings=(),
            kept=AMOUNTS,
            **facts,
        )

    def ended(self, outcome: SagaOutcome = SagaOutcome.COMPLETED, closing: int = 1) -> list[Message]:
        receipt = self.receipt(closing, outcome)
        return self.given(SagaEnded(outcome=outcome, closing=closing, code="finished", kept=AMOUNTS, titles=("A room",), receipt=receipt))

    def resting(self) -> list[Message]:
        receipt = self.receipt(1, None, provisional=True)
        return self.given(SagaNeedsAttention(code="undo_refused", actions=("retry", "skip"), receipt=receipt))


@pytest.fixture
def task(request: pytest.FixtureRequest) -> Told:
    """A task of the tenant acme, whose events go to the shared topic."""
    return Told(core({"brio": "brio.events"}.get), "gateway", request.node.name)


@pytest.fixture
def brio_task(request: pytest.FixtureRequest) -> Told:
    """A task of the tenant brio, which has a topic of its own for its events."""
    return Told(core({"brio": "brio.events"}.get), "gateway", request.node.name, "brio")


@dataclass
class Letter:
    """A record as the client library delivers it."""

    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    topic: str = INTENTS.name
    partition: int = 3
    offset: int = 41
    key: bytes | None = b"any key"
    timestamp: int = 0


@dataclass
class Street:
    """A door, and letters for it. Tenants: acme signs; brio signs, too, and has a topic of its own."""

    door: Door
    expires_at: datetime = field(default=UNTIL)

    def letter(
        self,
        body: Any = None,
        *,
        raw: bytes | None = None,
        signer: str | None = "acme",
        signed_for: str | None = None,
        topic: str = INTENTS.name,
        drop: tuple[str, ...] = (),
        **changed: str,
    ) -> Letter:
        """Return a signed letter; `changed` headers are written after signing, `drop` takes headers away."""
        value = raw if raw is not None else json.dumps(BODY if body is None else body).encode()
        headers = {
            "ce_specversion": "1.0",
            "ce_type": "tuntas.intent.submitted.v1",
            "ce_source": "shop",
            "ce_id": "s-1",
            "ce_tenant": "acme",
            "ce_expirytime": utc(self.expires_at),
        }
        if signer:
            covered = submission_bytes(
                wire_type=headers["ce_type"],
                source=headers["ce_source"],
                submission=headers["ce_id"],
                tenant=signed_for or "acme",
                expires_at=self.expires_at,
                body=value,
            )
            headers |= {"ce_keyid": f"{signer}-1", "ce_signature": sign(PRIVATE[signer], covered)}
        kept = {name: text for name, text in (headers | changed).items() if name not in drop}
        return Letter(value, tuple((name, text.encode()) for name, text in kept.items()), topic)

    def brings(self, *args: Any, **options: Any) -> Event:
        """Read a letter."""
        return self.door.read(self.letter(*args, **options))


@pytest.fixture
def street() -> Street:
    """Return a door at the test's clock."""
    tenants = {
        "acme": Tenant(signing_keys={"acme-1": public_hex(PRIVATE["acme"])}),
        "brio": Tenant(signing_keys={"brio-1": public_hex(PRIVATE["brio"])}, door_topic="brio.intents", events_topic="brio.events"),
    }
    directory = Directory(tenants)
    return Street(Door(lambda: directory, frozenset({"tuntas.gateway.events.v1"}), now=lambda: START))


KEYS = {"acme": "acme-key", "brio": "brio-key", "operators": "operators-key"}


class Rows:
    """What the reader would find: rows as the fold left them, and their events. Implements the reader's methods."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Row[Task]] = {}
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise ConnectionRefusedError

    def _stored(self, row: Row[Task]) -> Stored:
        assert row.state is not None
        return Stored(row.task_id, row.tenant, row.state, START, START)

    async def taken(self, tasks: Iterable[UUID]) -> dict[UUID, Taken]:
        rows = {task: row for task in tasks if (row := self.rows.get(task))}
        return {t: Taken(r.tenant, r.state.person, r.state.digest) for t, r in rows.items() if r.state and r.state.person}

    async def task(self, task_id: UUID) -> Stored | None:
        self._check()
        row = self.rows.get(task_id)
        return self._stored(row) if row else None

    async def tasks(self, tenant: str | None, status: str | None, before: Any, limit: int) -> list[Stored]:
        found = [self._stored(row) for row in self.rows.values() if tenant in {None, row.tenant}]
        return [s for s in found if status in {None, s.task.status} and (before is None or s.task_id < before[1])][:limit]

    async def events(self, after: Mapping[UUID, int], limit: int = 1000) -> list[Happened]:
        self._check()
        told = [e for task in after for e in self.rows[task].state.recorded if e.seq > after[task]]  # type: ignore[union-attr]
        return [Happened(e.task_id, e.seq, e.wire_type, e.model_dump_json()) for e in told][:limit]


class Sealer:
    """A vault that keeps what it sealed in plain sight. `looks` are the persons of each look-up; the n-th key that is made is `n`."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.erased: list[Person] = []
        self.keys: dict[Person, Digester] = {}
        self.looks: list[set[Person]] = []
        self.made = 0

    async def seal(self, tenant: str, person: UUID, text: str) -> Personal:
        await self.digesters([(tenant, person)], create=True)
        self.plain.append(text)
        return Personal(f"sealed:v1:{person}:{len(self.plain)}")

    async def erase(self, tenant: str, person: UUID) -> None:
        self.erased.append((tenant, person))
        self.keys.pop((tenant, person), None)

    async def digesters(self, persons: Collection[Person], *, create: bool) -> dict[Person, Digester]:
        missing = set(persons) - self.keys.keys()
        if missing:
            self.looks.append(missing)
        for person in missing if create else ():
            self.made += 1
            self.keys[person] = Digester(str(self.made), bytes([self.made]))
        return {person: self.keys[person] for person in persons if person in self.keys}


class Views:
    """The operators' views. `tasks` are rows of the gateway's, each as a document; every service lives."""

    def __init__(self) -> None:
        self.tasks: dict[UUID, dict[str, Any]] = {}
        self.sagas: dict[UUID, dict[str, Any]] = {}
        self.broken = False

    async def fetch(self, query: str, wanted: Any = None) -> list[dict[str, Any]]:
        if self.broken:
            raise Transient("unavailable")
        if "heartbeats" in query:
            return [{"service": "intent", "at": START}, {"service": "planner", "at": START}]
        if "saga.ops_sagas" in query:
            return [{"task_id": t, "doc": json.dumps(self.sagas[t]), "updated_at": START} for t in self.sagas if t in wanted]
        if "gateway.ops_tasks" not in query:
            return []
        shown = [task for task in self.tasks if wanted in (None, task) or (isinstance(wanted, Collection) and task in wanted)]
        return [{"task_id": t, "tenant": "acme", "doc": json.dumps(self.tasks[t]), "updated_at": START} for t in shown]

    async def fetchval(self, query: str) -> datetime:
        del query
        return START + timedelta(seconds=5)


class Desk:
    """What operators ordered and did. Implements the methods of repairs and of the journal."""

    def __init__(self) -> None:
        self.orders: list[tuple[Order, list[Target], bool]] = []
        self.acts: list[Act] = []

    async def order(self, order: Order, targets: Sequence[Target], *, alone: bool) -> Repair:
        self.orders.append((order, list(targets), alone))
        state: Any = "running" if alone else "waiting"
        return Repair(**asdict(order), id=derive("repair", len(self.orders)), state=state, approved_by=None, created_at=START)

    async def note(self, act: Act) -> None:
        self.acts.append(act)


class House:
    """The HTTP door with the core behind it instead of Kafka and PostgreSQL."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        keys = {name: (hashlib.sha256(key.encode()).hexdigest(),) for name, key in KEYS.items()}
        directory = Directory({name: Tenant(api_keys=hashes) for name, hashes in keys.items()})
        self.reader, self.vault, self.core = Rows(), Sealer(), core(directory.events_topic)
        self.watch = Watch(self.reader)  # type: ignore[arg-type]
        self.sent: list[tuple[UUID, str, Message]] = []
        self.traces: list[str] = []
        self.deaf = False
        self.views = Views()
        self.desk = desk = Desk()
        doorkeeper = Doorkeeper(lambda: directory, tokens)
        tracing = Tracing("gateway", None, 1.0)
        backends: Any = (self.reader, self.vault, Registry(), self.watch, tracing, self._publish, self._views, Replies(None))
        self.pressure = Pressure(None)
        operators: Any = (desk, desk, {"IDR": 100}, self.pressure)
        self.gate = Gate(doorkeeper, *backends, *operators)
        transport = httpx2.ASGITransport(application(self.gate), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://gateway")

    @asynccontextmanager
    async def _views(self) -> AsyncIterator[Views]:
        yield self.views

    async def _publish(self, key: UUID, tenant: str, send: Send, traceparent: str) -> None:
        self.sent.append((key, tenant, send.message))
        self.traces.append(traceparent)
        if not self.deaf:
            self.tell(key, tenant, send.message)

    def tell(self, task: UUID, tenant: str, message: Message) -> None:
        """Let the core decide a message, as the batch would."""
        event = Event(task, tenant, derive("told", len(self.sent), message.model_dump_json()), message)
        unit = fold(self.core, "gateway", self.reader.rows, [event], START)
        self.reader.rows = unit.rows
        self.watch.committed(unit)

    async def call(self, method: str, path: str, *, key: str | None = "acme-key", **options: Any) -> httpx2.Response:
        """Make a request; `key` is the API key."""
        headers = ({"X-Api-Key": key} if key else {}) | options.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **options)

    async def submit(self, body: Any = None, *, idempotency: str = "k-1", **options: Any) -> httpx2.Response:
        """Submit a task."""
        headers = {"Idempotency-Key": idempotency, **options.pop("headers", {})}
        return await self.call("POST", "/v1/tasks", json=BODY if body is None else body, headers=headers, **options)

    async def submitted(self) -> UUID:
        """Submit a task and return its id."""
        return UUID((await self.submit()).json()["task_id"])


@pytest.fixture
def house() -> House:
    """Return an HTTP door."""
    return House()


@pytest.fixture
def house_with() -> Callable[[Tokens], House]:
    """Return what makes an HTTP door that takes bearer tokens."""
    return House
