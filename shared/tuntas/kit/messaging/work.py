"""Calls that leave the process: from a durable work table, bounded per party, with a deadline and a breaker; answers enter the batch."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.kit.decision import Answered, Call
from tuntas.kit.errors import NotSent, TuntasError
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.fold import Event, answered
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

Perform = Callable[[Call, Event], Awaitable[Document]]
"""Makes one call. Raises NotSent if nothing left the process; any other error means that it may have acted."""

Admit = Callable[[Call, Event], None]
"""Looked at before each call. Raises NotSent if it may not leave, which says nothing about the party."""


@dataclass(slots=True)
class Breaker:
    """Fails fast after `limit` failures in a row, lets one call through again after `rest_seconds`."""

    limit: int = 8
    rest_seconds: float = 2.0
    failures: int = 0
    opened_at: float | None = None

    def allows(self, now: float) -> bool:
        """Say whether a call may leave at this monotonic time; an open breaker lets a probe through after its rest."""
        if self.opened_at is None:
            return True
        if now - self.opened_at < self.rest_seconds:
            return False
        self.opened_at = now
        return True

    def record(self, ok: bool, now: float) -> None:
        """Count an outcome."""
        self.failures = 0 if ok else self.failures + 1
        if ok:
            self.opened_at = None
        elif self.failures >= self.limit:
            self.opened_at = now


@dataclass(slots=True)
class Desk:
    """Runs calls of one service. `wake` is called when an answer is ready to be taken."""

    service: str
    perform: Perform
    metrics: Metrics
    log: Log
    wake: Callable[[], None]
    admit: Admit | None = None
    per_party: int = 16
    outstanding: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    finished: list[Event] = field(default_factory=list)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    limits: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def start(self, event: Event, call: Call, identity: UUID) -> None:
        """Begin a call whose row is committed; the same call is never run twice at once here."""
        if identity not in self.outstanding:
            self.outstanding[identity] = asyncio.create_task(self._run(event, call, identity))
            self.metrics.of("tuntas_calls_outstanding").set(len(self.outstanding))

    def take(self) -> list[Event]:
        """Take the answers that are ready."""
        ready, self.finished = self.finished, []
        return ready

    async def drain(self, seconds: float) -> None:
        """Wait for calls that are out, for at most this long; what is left is found by its lease."""
        if self.outstanding:
            await asyncio.wait(self.outstanding.values(), timeout=seconds)

    async def _run(self, event: Event, call: Call, identity: UUID) -> None:
        answer = await self._answer(event, call)
        pass_point(self.service, "answered")
        self.finished.append(answered(event.task_id, event.tenant, answer, event.traceparent))
        del self.outstanding[identity]
        self.metrics.of("tuntas_calls_outstanding").set(len(self.outstanding))
        self.wake()

    async def _answer(self, event: Event, call: Call) -> Answered:
        breaker = self.breakers.setdefault(call.party, Breaker())
        limit = self.limits.setdefault(call.party, asyncio.Semaphore(self.per_party))
        async with limit:
            if refusal := self._refusal(event, call):
                return self._count(call, refusal)
            clock = asyncio.get_running_loop().time
            if not breaker.allows(clock()):
                return self._count(call, Answered(call, code="breaker_open"))
            begun = time.monotonic()
            answer = await self._attempt(event, call)
            self.metrics.of("tuntas_call_seconds", party=call.party).observe(time.monotonic() - begun)
            breaker.record(not (answer.lost or answer.code), clock())
            self.metrics.of("tuntas_breaker_open", party=call.party).set(breaker.opened_at is not None)
            return self._count(call, answer)

    def _refusal(self, event: Event, call: Call) -> Answered | None:
        try:
            if self.admit:
                self.admit(call, event)
        except NotSent as error:
            return Answered(call, code=error.code, reason=error.reason[:400])
        return None

    async def _attempt(self, event: Event, call: Call) -> Answered:
        try:
            async with asyncio.timeout(call.deadline_seconds):
                return Answered(call, result=await self.perform(call, event))
        except NotSent as error:
            return Answered(call, code=error.code, reason=error.reason[:400])
        except TuntasError as error:
            return Answered(call, code=error.code, reason=error.reason[:400], lost=True)
        except Exception as error:  # noqa: BLE001 - whatever it was, the call may have acted
            self.log.warning("call.failed", kind=call.kind, party=call.party, error=repr(error), task_id=str(event.task_id))
            return Answered(call, code="no_answer", reason=type(error).__name__, lost=True)

    def _count(self, call: Call, answer: Answered) -> Answered:
        outcome = "lost" if answer.lost else answer.code or "answered"
        self.metrics.of("tuntas_calls_total", party=call.party, kind=call.kind, outcome=outcome).inc()
        return answer
