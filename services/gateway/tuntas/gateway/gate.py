"""What every route of the HTTP door stands on: the caller, the trace, the backends, and the rows a caller may see."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from tuntas.contracts.base import Message
from tuntas.contracts.money import Amounts
from tuntas.contracts.planner import Told
from tuntas.gateway.auth import Caller, Doorkeeper
from tuntas.gateway.journal import Journal
from tuntas.gateway.models import Found
from tuntas.gateway.pressure import Pressure
from tuntas.gateway.progress import Watch
from tuntas.gateway.repairs import Repairs
from tuntas.gateway.replying import Replies
from tuntas.gateway.store import Reader, Stored
from tuntas.gateway.submission import contradicts
from tuntas.kit.decision import Send
from tuntas.kit.errors import Rejected
from tuntas.kit.privacy import Vault
from tuntas.kit.registry import Registry
from tuntas.kit.telemetry.trace import Tracing

APPEAR_SECONDS = 3.0
"""How long a submission waits for its task's row before it answers `pending`."""

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Gate:
    """The HTTP door's backends.

    `publish` sends one message under a key and a tenant, and returns when it is in the log. `views` gives one connection of the
    operators' role: their requests are few, and none must wait for the gateway's own pool. `alone` is how much money at risk, in minor
    units per currency, one operator may decide about. `pressure` says whether new tasks are taken.
    """

    doorkeeper: Doorkeeper
    reader: Reader
    vault: Vault
    registry: Registry
    watch: Watch
    tracing: Tracing
    publish: Callable[[UUID, str, Send, str], Awaitable[None]]
    views: Callable[[], AbstractAsyncContextManager[Any]]
    replies: Replies
    journal: Journal
    repairs: Repairs
    alone: Amounts
    pressure: Pressure

    async def seen(self, caller: Caller, task_id: UUID) -> Stored:
        """Return a task that the caller may see.

        Raises:
            Rejected: `not_found`, for another tenant's task too.
        """
        found = await self.reader.task(task_id)
        if found is None or not caller.sees(found.tenant):
            raise Rejected("not_found", "no such task")
        return found

    async def open(self, caller: Caller, task_id: UUID) -> Stored:
        """Return a task that has not ended.

        Raises:
            Rejected: `not_found` or `ended`.
        """
        found = await self.seen(caller, task_id)
        if found.task.ended:
            raise Rejected("ended", found.task.status)
        return found

    async def appeared(self, task_id: UUID) -> Stored | None:
        """Wait for a task's row, which this replica or another writes; None if that takes too long."""
        until = monotonic() + APPEAR_SECONDS
        found = await self.reader.task(task_id)
        while found is None and monotonic() < until:
            await self.watch.change(task_id, _LOOK_SECONDS)
            found = await self.reader.task(task_id)
        return found

    async def same(self, found: Stored, fingerprint: str) -> bool:
        """Say whether a task was made of this body; once its person is erased nobody can tell, and any body is taken for a repeat."""
        person = found.task.person
        digesters = await self.vault.digesters([(found.tenant, person)], create=False) if person else {}
        return not any(contradicts(found.task.digest, digest(fingerprint)) for digest in digesters.values())

    async def opened(self, tenant: str, told: Told) -> Found:
        """Return what was found for a goal that only asks; nothing once its person is erased."""
        try:
            text = await self.vault.open(tenant, told.found)
        except Rejected:
            text = "[]"
        return Found(goal_id=told.goal_id, type=told.type, found=json.loads(text))

    async def tell(self, stored: Stored, trace: str, *messages: Message) -> None:
        """Publish messages about a task, under its own tenant."""
        for message in messages:
            await self.publish(stored.task_id, stored.tenant, Send(message), trace)


async def _gate(request: Request) -> Gate:  # a plain function would be run in a thread, for each request
    found: Gate = request.app.state.gate
    return found


Gated = Annotated[Gate, Depends(_gate)]
_API_KEY = APIKeyHeader(name="X-Api-Key", auto_error=False, description="A tenant's API key")
_BEARER = HTTPBearer(auto_error=False, description="An OIDC bearer token with the tenant's claim")


async def _caller(
    gate: Gated,
    api_key: Annotated[str | None, Security(_API_KEY)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    return gate.doorkeeper.recognise(api_key, bearer.credentials if bearer else None)


Called = Annotated[Caller, Depends(_caller)]


async def _operator(caller: Called) -> Caller:
    if not caller.operator:
        raise Rejected("forbidden")
    return caller


Operated = Annotated[Caller, Depends(_operator)]


async def _trace(request: Request, gate: Gated, traceparent: Annotated[str, Header(max_length=200)] = "") -> str:
    return gate.tracing.start(f"{request.method} {request.scope['route'].path}", traceparent)


Traced = Annotated[str, Depends(_trace)]
