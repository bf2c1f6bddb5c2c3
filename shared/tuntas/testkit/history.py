"""A test language for one core: given a message, expect these outputs. Runs the production fold with a clock of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from msgspec.structs import replace

from tuntas.contracts.base import MESSAGES, Document, Frozen, Message
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.ids import derive
from tuntas.kit.decision import Answered, Call, Core
from tuntas.kit.messaging.fold import Event, Unit, answered, arrived, fired, fold
from tuntas.kit.persistence.database import Row

S = TypeVar("S", bound=Frozen)
M = TypeVar("M", bound=Message)

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


class History(Generic[S]):
    """One task's history at one service. The task's id is derived from the test's name, so that any line names its test."""

    def __init__(self, core: Core[S], service: str, name: str, tenant: str = "acme") -> None:
        self.core, self.service, self.tenant = core, service, tenant
        self.task_id = derive("test", name)
        self.now = START
        self.rows: dict[UUID, Row[S]] = {}
        self.timers: dict[str, datetime] = {}
        self.calls: list[Call] = []
        self.sent: list[Message] = []
        self.topics: list[str] = []
        self.refused: list[str] = []
        self._count = 0

    @property
    def state(self) -> Any:
        """Return the state now."""
        return self.rows[self.task_id].state

    def given(
        self, message: Message, *, expires_at: datetime | None = None, tenant: str | None = None, repeat: bool = False
    ) -> list[Message]:
        """Feed a message and return what was sent because of it; `repeat` delivers the message before it once more, unchanged."""
        self._count += not repeat
        envelope = Envelope(
            id=derive("given", self.task_id, self._count),
            type=message.wire_type,
            source="test",
            time=self.now,
            tenant=tenant or self.tenant,
            task_id=self.task_id,
            cause=derive("cause", self._count),
            expires_at=expires_at,
        )
        return self._run(arrived(envelope, message))

    def answer(self, call: Call, result: Document | None = None, *, code: str | None = None, lost: bool = False) -> list[Message]:
        """Answer an outgoing call."""
        self.calls.remove(call)
        return self._run(answered(self.task_id, self.tenant, Answered(call, result, code, "", lost), ""))

    def fire(self, purpose: str) -> list[Message]:
        """Let time pass until this timer is due, and fire it."""
        due = self.timers.pop(purpose)
        self.now = max(self.now, due)
        return self._run(fired(self.task_id, self.tenant, purpose, due, ""))

    def advance(self, seconds: float) -> list[Message]:
        """Let time pass and fire what becomes due, in order."""
        until, sent = self.now + timedelta(seconds=seconds), []
        while due := min(((at, p) for p, at in self.timers.items() if at <= until), default=None):
            sent += self.fire(due[1])
        self.now = until
        return sent

    def last(self, kind: type[M]) -> M:
        """Return the last message of a type that was sent."""
        return next(m for m in reversed(self.sent) if isinstance(m, kind))

    def _run(self, event: Event) -> list[Message]:
        unit: Unit[S] = fold(self.core, self.service, self.rows, [replace(event)], self.now)
        self.rows = {key: Row(r.task_id, r.tenant, r.version + 1, r.state, r.seen | set(r.fresh)) for key, r in unit.rows.items()}
        for (_, purpose), (_, at) in unit.timers.items():
            self.timers.pop(purpose, None)
            if at is not None:
                self.timers[purpose] = at
        self.calls += [call for _, call in unit.calls]
        self.refused += [error.code for _, error in unit.refused]
        sent = [MESSAGES[r.headers["ce_type"]].model_validate_json(r.body) for r in unit.records]
        self.topics += [r.topic for r in unit.records]
        self.sent += sent
        return sent
