"""Where every request to a provider passes: repeats, faults, the act itself, what is told afterwards, and the log of it all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tuntas.sandbox import answers, faults, items, webhooks
from tuntas.sandbox.background import Ticker
from tuntas.sandbox.database import Connection, Pool
from tuntas.sandbox.faults import Fault
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Answer, Call
from tuntas.sandbox.problems import Refusal, SeveredError, status_of
from tuntas.sandbox.values import now


@dataclass(frozen=True)
class Terms:
    """The instant an action happens at, and how long a hold it grants lasts when that is not the usual time."""

    at: datetime
    hold_seconds: float | None = None


Action = Callable[[Connection, Call, Terms], Awaitable[Answer]]


@dataclass(frozen=True)
class World:
    """What one kind of providers does: its actions by operation name, how items look, end, and are given up by the provider."""

    name: str
    kinds: frozenset[str]
    item_kinds: tuple[str, ...]
    layout: str
    actions: Mapping[str, Action]
    view: Callable[[Item], dict[str, Any]]
    release: Callable[[Connection, Item, Terms], Awaitable[None]]


def shown(world: World, item: Item, at: datetime) -> dict[str, Any] | None:
    """What inquiries see of an item at that instant; None while it cannot be found."""
    hidden = item.hidden_until is not None and item.hidden_until > at
    return item.hidden_view if hidden else world.view(item)


def _refusal_of(fault: Fault) -> Refusal:
    code = fault.code or "refused"
    return Refusal(status_of(code), code, f"refused on request ({fault.fault_id})")


def _later(instant: str, minutes: int) -> str:
    return (datetime.fromisoformat(instant) + timedelta(minutes=minutes)).isoformat()


async def lapse(tx: Connection, world: World, object_id: str, at: datetime) -> None:
    """Says of one item that it is over, if its time is over."""
    for item in await items.over(tx, at, object_id):
        await world.release(tx, item, Terms(at))
        item.state = "expired"
        await items.save(tx, item, at)


class Desk:
    """Serves the calls of one world. Every act is one transaction together with its stored answer, its mask and its webhooks."""

    def __init__(self, pool: Pool, world: World, messenger: webhooks.Messenger) -> None:
        self.pool = pool
        self.world = world
        self.letters = Ticker(messenger.deliver_due)
        self.late = Ticker(self._act_on_due)

    async def serve(self, call: Call) -> Answer:
        """The answer to one call. Raises SeveredError when the caller is to get none."""
        call = await self._addressed(call)
        outcome, answer, fault = await self._disturbed(call)
        await self._log(call, outcome, answer, fault)
        if outcome in ("lost", "closed"):
            raise SeveredError
        assert answer is not None  # noqa: S101 - only severed calls go without
        return answer

    async def _addressed(self, call: Call) -> Call:
        if call.object_id is None:
            return call
        async with self.pool.acquire() as tx:
            item = await items.find(tx, call.object_id)
        if item is None:
            return call
        return call.model_copy(update={"provider": item.provider, "reference": call.reference or item.reference})

    async def _disturbed(self, call: Call) -> tuple[str, Answer | None, Fault | None]:
        async with self.pool.acquire() as tx:
            try:
                stored = await answers.stored(tx, call)
            except Refusal as refusal:
                return "answered", Answer(status=refusal.status, body=refusal.document()), None
            fault = await faults.take(tx, call, now(), replay=stored is not None)
        return *await self._through(call, fault), fault

    async def _through(self, call: Call, fault: Fault | None) -> tuple[str, Answer | None]:
        match fault.kind if fault else "none":
            case "down" if fault and fault.code == "closed":
                return "closed", None
            case "down":
                return "answered", Answer(status=503, body=Refusal(503, "unavailable", "the provider is down").document())
            case "act_late" if fault:
                await self._postpone(call, fault.seconds)
                return "closed", None
            case "slow" if fault:
                await asyncio.sleep(fault.seconds)
            case "lose_answer":
                return "lost", await self._act(call, fault)
        return "answered", await self._act(call, fault)

    async def _act(self, call: Call, fault: Fault | None) -> Answer:
        async with self.pool.acquire() as tx, tx.transaction():
            answer = await self._carry_out(tx, call, fault)
        self.letters.wake()
        return answer

    async def _carry_out(self, tx: Connection, call: Call, fault: Fault | None) -> Answer:
        if call.reference:
            await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", call.reference)
        at = now()
        try:
            stored = await answers.claim(tx, call, at)
            if stored is not None:
                return stored
            answer = await self._done(tx, call, fault, at)
        except Refusal as refusal:
            answer = Answer(status=refusal.status, body=refusal.document())
            if refusal.code == "key_reused":
                return answer
        await answers.keep(tx, call, answer)
        return answer

    async def _done(self, tx: Connection, call: Call, fault: Fault | None, at: datetime) -> Answer:
        if fault and fault.kind == "refuse":
            raise _refusal_of(fault)
        if call.object_id:
            await lapse(tx, self.world, call.object_id, at)
        before = await self._seen(tx, call.object_id, at)
        seconds = fault.seconds if fault and fault.kind == "hold_seconds" else None
        answer = await self.world.actions[call.operation](tx, call, Terms(at, seconds))
        return await self._after(tx, call, fault, answer, before) if fault else answer

    async def _seen(self, tx: Connection, object_id: str | None, at: datetime) -> dict[str, Any] | None:
        item = await items.find(tx, object_id) if object_id else None
        return shown(self.world, item, at) if item else None

    async def _after(self, tx: Connection, call: Call, fault: Fault, answer: Answer, before: dict[str, Any] | None) -> Answer:
        item = await items.find(tx, answer.object_id) if answer.object_id else None
        if item is None:
            return answer
        due = item.updated_at + timedelta(seconds=fault.seconds)
        if fault.kind == "lose_answer":
            await items.mask(tx, item.object_id, due, before if call.object_id == item.object_id else None)
            await self._keep_as_it_was(tx, call, item, due, before)
            await webhooks.enqueue(tx, item, call.operation, due)
        elif fault.kind == "pending":
            answer = answer.model_copy(update={"status": 202, "body": {**answer.body, "status": "pending"}})
            await items.mask(tx, item.object_id, due, answer.body)
            await self._keep_as_it_was(tx, call, item, due, before)
            await webhooks.enqueue(tx, item, call.operation, due)
        elif fault.kind == "answer_twice":
            await webhooks.enqueue(tx, item, call.operation, item.updated_at, copies=2)
        return answer

    async def _keep_as_it_was(self, tx: Connection, call: Call, item: Item, until: datetime, before: dict[str, Any] | None) -> None:
        if call.object_id and call.object_id != item.object_id:
            await items.mask(tx, call.object_id, until, before)

    async def _postpone(self, call: Call, seconds: float) -> None:
        await self.pool.execute(
            "INSERT INTO late_calls (call, due_at) VALUES ($1, $2)", call.model_dump(mode="json"), now() + timedelta(seconds=seconds)
        )
        self.late.wake()

    async def _act_on_due(self) -> datetime | None:
        while await self._act_on_one():
            self.letters.wake()
        due: datetime | None = await self.pool.fetchval("SELECT min(due_at) FROM late_calls WHERE done_at IS NULL")
        return due

    async def _act_on_one(self) -> bool:
        async with self.pool.acquire() as tx, tx.transaction():
            row = await tx.fetchrow(
                "SELECT seq, call FROM late_calls WHERE done_at IS NULL AND due_at <= $1 ORDER BY due_at, seq LIMIT 1 FOR UPDATE", now()
            )
            if row is None:
                return False
            call = Call.model_validate(row["call"])
            answer = await self._carry_out(tx, call, None)
            await self._tell(tx, call, answer)
            await tx.execute("UPDATE late_calls SET done_at = $2 WHERE seq = $1", row["seq"], now())
        await self._log(call, "late", answer, None)
        return True

    async def _tell(self, tx: Connection, call: Call, answer: Answer) -> None:
        item = await items.find(tx, answer.object_id) if answer.object_id else None
        if item is not None and not answer.replayed:
            await webhooks.enqueue(tx, item, call.operation, item.updated_at)

    async def end_by_provider(self, object_id: str, reason: str) -> dict[str, Any]:
        """The other side cancels what it had granted: full refund, webhook. Raises Refusal(404 not_found, 409 not_alive)."""
        at = now()
        async with self.pool.acquire() as tx, tx.transaction():
            item = await items.find(tx, object_id, lock=True)
            if item is None:
                raise Refusal(404, "not_found", "there is no such object")
            if not item.alive(at) or item.kind == "capture":
                raise Refusal(409, "not_alive", "there is nothing left to cancel", state=item.state)
            await self.world.release(tx, item, Terms(at))
            item.state, item.expires_at, item.details = items.ENDED_BY_PROVIDER, None, {**item.details, "reason": reason}
            await items.save(tx, item, at)
            await webhooks.enqueue(tx, item, f"{item.kind}.{items.ENDED_BY_PROVIDER}", at)
        self.letters.wake()
        return self.world.view(item)

    async def move_by_provider(self, object_id: str, minutes: int) -> dict[str, Any]:
        """The other side lets something take place earlier or later: webhook. Raises Refusal(404 not_found, 409 not_alive)."""
        at = now()
        async with self.pool.acquire() as tx, tx.transaction():
            item = await items.find(tx, object_id, lock=True)
            if item is None:
                raise Refusal(404, "not_found", "there is no such object")
            timed = item.details.get("item") or {}
            if not item.alive(at) or not {"depart_at", "arrive_at"} <= timed.keys():
                raise Refusal(409, "not_alive", "there is nothing that could take place at another time", state=item.state)
            times = {name: _later(timed[name], minutes) for name in ("depart_at", "arrive_at")}
            item.details = {**item.details, "item": {**timed, **times}}
            await items.save(tx, item, at)
            await webhooks.enqueue(tx, item, f"{item.kind}.moved", at)
        self.letters.wake()
        return self.world.view(item)

    async def _log(self, call: Call, outcome: str, answer: Answer | None, fault: Fault | None) -> None:
        replayed = answer is not None and answer.replayed and outcome == "answered"
        await self.pool.execute(
            "INSERT INTO operations (at, operation, provider, reference, object_id, key, traceparent, outcome, status, code, fault)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            now(),
            call.operation,
            call.provider,
            call.reference,
            (answer.object_id if answer else None) or call.object_id,
            call.key,
            call.traceparent,
            "replayed" if replayed else outcome,
            answer.status if answer else None,
            answer.body.get("code") if answer else None,
            fault.kind if fault else None,
        )
