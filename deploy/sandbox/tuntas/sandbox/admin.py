"""The addresses for those who watch or disturb the world: faults, effects, operations."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tuntas.sandbox import faults, items, planting
from tuntas.sandbox.desk import Desk, lapse
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import NewFault, OtherSideCancels, OtherSideMoves, Plant
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import manifest
from tuntas.sandbox.values import money, now
from tuntas.sandbox.web import body_of, id_of

_OPERATIONS = (
    "SELECT seq, at, operation, provider, reference, object_id, key, traceparent, outcome, status, code, fault FROM operations"
    " WHERE ($1 = '' OR starts_with(reference, $1)) AND ($2 = '' OR operation = $2) ORDER BY seq"
)


def _effect(item: Item, alive: bool) -> dict[str, Any]:
    amount = item.remaining_minor if item.kind == "capture" else item.amount_minor
    effect = {
        "provider": item.provider,
        "kind": item.kind,
        "object_id": item.object_id,
        "parent_id": item.parent_id,
        "reference": item.reference,
        "confirm_reference": item.confirm_reference,
        "undo_reference": item.undo_reference,
        "state": item.state,
        "alive": alive,
        "amount": money(amount, item.currency),
        "updated_at": item.updated_at.isoformat(),
    }
    return effect | ({"fee": money(item.fee_minor, item.currency)} if item.state == "cancelled" else {})


class Admin:
    """What an outside auditor and a tester of failures ask of a world."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pool = desk.pool

    def routes(self) -> list[Route]:
        """Every address that no provider would have."""
        return [
            Route("/healthz", self.healthz),
            Route("/providers", self.providers),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.list_faults, methods=["GET"]),
            Route("/faults/{id}", self.remove_fault, methods=["DELETE"]),
            Route("/effects", self.effects, methods=["GET"]),
            Route("/effects/plant", self.plant, methods=["POST"]),
            Route("/operations", self.operations, methods=["GET"]),
            Route("/objects/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/objects/{id}/move", self.move, methods=["POST"]),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Whether the world can reach its memory."""
        await self._pool.fetchval("SELECT 1")
        return JSONResponse({"status": "ok", "world": self._desk.world.name})

    async def providers(self, _request: Request) -> Response:
        """What each provider promises."""
        return JSONResponse(manifest(self._desk.world.kinds))

    async def add_fault(self, request: Request) -> Response:
        """Disturb requests to come."""
        asked = await body_of(request, NewFault)
        async with self._pool.acquire() as tx:
            return JSONResponse(await faults.add(tx, asked, now()), 201)

    async def list_faults(self, _request: Request) -> Response:
        """The faults there are, with how often each was met."""
        async with self._pool.acquire() as tx:
            return JSONResponse({"faults": await faults.listed(tx)})

    async def remove_fault(self, request: Request) -> Response:
        """Disturb no more."""
        async with self._pool.acquire() as tx:
            if not await faults.remove(tx, id_of(request)):
                raise Refusal(404, "not_found", "there is no such fault")
        return Response(status_code=204)

    async def effects(self, request: Request) -> Response:
        """What the providers really hold, whatever inquiries are shown."""
        prefix = _parameter(request, "reference_prefix")
        await self._lapse_all()
        async with self._pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
            at = now()
            held = [_effect(item, item.alive(at)) for item in await items.all_items(tx, prefix) if item.kind in self._desk.world.item_kinds]
            postings = await planting.postings(tx, self._desk.world, prefix)
        return JSONResponse({"effects": held, "postings": postings})

    async def _lapse_all(self) -> None:
        async with self._pool.acquire() as tx:
            due = [row["object_id"] for row in await tx.fetch("SELECT object_id FROM items WHERE expires_at <= $1", now())]
            for object_id in due:
                async with tx.transaction():
                    await lapse(tx, self._desk.world, object_id, now())

    async def plant(self, request: Request) -> Response:
        """Make an object nobody asked for."""
        asked = await body_of(request, Plant)
        if asked.kind not in self._desk.world.item_kinds:
            raise Refusal(422, "invalid", f"this world has no {asked.kind}")
        async with self._pool.acquire() as tx, tx.transaction():
            return JSONResponse(_effect(await planting.plant(tx, asked, now()), alive=True), 201)

    async def operations(self, request: Request) -> Response:
        """Every request that callers made, in order."""
        rows = await self._pool.fetch(_OPERATIONS, _parameter(request, "reference_prefix"), _parameter(request, "operation"))
        shown = [{**row, "at": row["at"].isoformat(), "idempotency_key": row["key"]} for row in map(dict, rows)]
        for each in shown:
            del each["key"]
        return JSONResponse({"operations": shown})

    async def cancel(self, request: Request) -> Response:
        """The other side cancels what it had granted."""
        asked = await body_of(request, OtherSideCancels)
        return JSONResponse(await self._desk.end_by_provider(id_of(request), asked.reason))

    async def move(self, request: Request) -> Response:
        """The other side lets it take place at another time."""
        asked = await body_of(request, OtherSideMoves)
        return JSONResponse(await self._desk.move_by_provider(id_of(request), asked.minutes))


def _parameter(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if "\x00" in value:
        raise Refusal(422, "invalid", f"{name} is not plain text")
    return value
