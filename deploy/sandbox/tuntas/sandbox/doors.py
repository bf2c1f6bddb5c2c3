"""The addresses that callers of the providers use."""

from functools import partial
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tuntas.sandbox import booking, instant, paying, shopping, travel
from tuntas.sandbox.booking import Kind
from tuntas.sandbox.desk import Desk
from tuntas.sandbox.models import (
    Amount,
    Answer,
    Authorize,
    BalanceSearch,
    ByReference,
    Call,
    Cancel,
    CancelByReference,
    Confirm,
    Decision,
    Hold,
    Nothing,
    PlaceSearch,
    Reference,
    RouteSearch,
    Stock,
    TrafficSearch,
)
from tuntas.sandbox.providers import LONTAR
from tuntas.sandbox.values import now
from tuntas.sandbox.web import body_of, id_of, key_of, plain_header, query_of, respond

_ACTION_PAGE = """<!doctype html><html lang="en"><title>Lontar Pay</title><h1>Lontar Pay asks: is this you?</h1>
<button onclick="say('approved')">Approve</button> <button onclick="say('denied')">Deny</button> <p id="said"></p>
<script>async function say(result) {
  const answer = await fetch(location.pathname, {method: 'POST', body: JSON.stringify({result})});
  document.getElementById('said').textContent = (await answer.json()).status;
}</script></html>"""


class Door:
    """Turns requests into calls, and answers into responses."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def _serve(self, request: Request, call: Call) -> Answer:
        shared = {"traceparent": plain_header(request, "traceparent"), "reference": call.reference or plain_header(request, "x-task") or ""}
        return await self._desk.serve(call.model_copy(update=shared))

    async def _ask(self, request: Request, operation: str, model: type[BaseModel]) -> Response:
        body = query_of(request, model).model_dump(mode="json")
        return respond(await self._serve(request, Call(operation=operation, body=body, reference=body.get("reference", ""))))

    async def _act_on(self, request: Request, operation: str, model: type[BaseModel]) -> Response:
        body = (await body_of(request, model)).model_dump(mode="json")
        call = Call(operation=operation, object_id=id_of(request), reference=body.get("reference", ""), key=key_of(request), body=body)
        return respond(await self._serve(request, call))


class BookingDoor(Door):
    """The addresses of one kind of booking."""

    def __init__(self, desk: Desk, words: Kind) -> None:
        super().__init__(desk)
        self._words = words

    def routes(self) -> list[Route]:
        """Search, hold, inquire, confirm, extend, quote and cancel."""
        root, one = self._words.root, self._words.root + "/{id}"
        return [
            Route(f"/{self._words.kind}s/search", self.search),
            Route(root, self.hold, methods=["POST"]),
            Route(root, self.by_reference, methods=["GET"]),
            Route(one, self.read, methods=["GET"]),
            Route(f"{one}/confirm", self.confirm, methods=["POST"]),
            Route(f"{one}/extend", self.extend, methods=["POST"]),
            Route(f"{one}/cancellation-quote", self.quote_cancel, methods=["POST"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
        ]

    def _named(self, action: str) -> str:
        return f"{self._words.kind}.{action}"

    async def search(self, request: Request) -> Response:
        """What could be had."""
        return await self._ask(request, self._named("search"), self._words.asked)

    async def hold(self, request: Request) -> Response:
        """Keep an offer."""
        asked = await body_of(request, Hold, (self._words.people_field, "people"))
        offer = self._words.resolve(asked.offer_id, now())
        call = Call(
            operation=self._named("hold"),
            provider=offer.provider,
            reference=asked.reference,
            key=key_of(request),
            rank=offer.rank,
            body=asked.model_dump(mode="json"),
        )
        return respond(await self._serve(request, call))

    async def by_reference(self, request: Request) -> Response:
        """All bookings with the caller's reference."""
        return await self._ask(request, self._named("query"), ByReference)

    async def read(self, request: Request) -> Response:
        """One booking."""
        return respond(await self._serve(request, Call(operation=self._named("query"), object_id=id_of(request))))

    async def confirm(self, request: Request) -> Response:
        """Buy what is held."""
        return await self._act_on(request, self._named("confirm"), Confirm)

    async def extend(self, request: Request) -> Response:
        """Hold longer."""
        return await self._act_on(request, self._named("extend"), Nothing)

    async def quote_cancel(self, request: Request) -> Response:
        """What would cancelling cost?"""
        return await self._act_on(request, self._named("quote_cancel"), Nothing)

    async def cancel(self, request: Request) -> Response:
        """Give up."""
        return await self._act_on(request, self._named("cancel"), Cancel)


class CancelByReferenceDoor(Door):
    """The address that some sellers have for giving up what was never answered."""

    def __init__(self, desk: Desk, words: Kind) -> None:
        super().__init__(desk)
        self._words = words

    def routes(self) -> list[Route]:
        """One address."""
        return [Route(f"{self._words.root}/cancel-by-reference", self.cancel, methods=["POST"])]

    async def cancel(self, request: Request) -> Response:
        """Give up whatever has, or will have, a reference."""
        asked = await body_of(request, CancelByReference)
        call = Call(
            operation=f"{self._words.kind}.cancel_by_reference",
            provider=asked.provider or "",
            reference=asked.reference,
            key=key_of(request),
            body=asked.model_dump(mode="json"),
        )
        return respond(await self._serve(request, call))


class PaymentDoor(Door):
    """The addresses of the payment provider."""

    def routes(self) -> list[Route]:
        """Authorize, capture, void, refund, inquire, and the payer's own page."""
        routes = [
            Route("/authorizations", self.authorize, methods=["POST"]),
            Route("/authorizations/{id}/capture", self.capture, methods=["POST"]),
            Route("/authorizations/{id}/void", self.void, methods=["POST"]),
            Route("/captures/{id}/refund", self.refund, methods=["POST"]),
            Route("/actions/{id}", self.page, methods=["GET"]),
            Route("/actions/{id}", self.decide, methods=["POST"]),
            Route("/balance", self.balance),
        ]
        for kind in ("authorization", "capture", "refund"):
            query = partial(self.query, kind=kind)
            routes += [Route(f"/{kind}s", query, methods=["GET"]), Route(f"/{kind}s/{{id}}", query, methods=["GET"])]
        return routes

    async def authorize(self, request: Request) -> Response:
        """Set money aside."""
        asked = await body_of(request, Authorize)
        call = Call(
            operation="payment.authorize",
            provider=LONTAR.provider,
            reference=asked.reference,
            key=key_of(request),
            body=asked.model_dump(mode="json"),
        )
        return respond(_absolute(await self._serve(request, call), request))

    async def capture(self, request: Request) -> Response:
        """Take what was set aside."""
        return await self._act_on(request, "payment.capture", Amount)

    async def void(self, request: Request) -> Response:
        """Give back what was set aside."""
        return await self._act_on(request, "payment.void", Reference)

    async def refund(self, request: Request) -> Response:
        """Give back what was taken."""
        return await self._act_on(request, "payment.refund", Amount)

    async def decide(self, request: Request) -> Response:
        """The payer's yes or no."""
        return await self._act_on(request, "payment.decide", Decision)

    async def balance(self, request: Request) -> Response:
        """What an instrument holds."""
        return await self._ask(request, "balance.query", BalanceSearch)

    async def page(self, _request: Request) -> Response:
        """Where the payer says yes or no."""
        return HTMLResponse(_ACTION_PAGE)

    async def query(self, request: Request, *, kind: str) -> Response:
        """One object, or all of a kind with the caller's reference."""
        if "id" in request.path_params:
            call = Call(operation="payment.query", object_id=id_of(request), body={"kind": kind})
        else:
            reference = query_of(request, ByReference).reference
            call = Call(
                operation="payment.query",
                provider=LONTAR.provider,
                reference=reference,
                body={"kind": kind, "reference": reference},
            )
        return respond(_absolute(await self._serve(request, call), request))


def _absolute(answer: Answer, request: Request) -> Answer:
    base = str(request.base_url).rstrip("/")

    def complete(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"action_url": base + document["action_url"]} if "action_url" in document else document

    body = complete(answer.body)
    if "authorizations" in body:
        body = {"authorizations": [complete(each) for each in body["authorizations"]]}
    return answer.model_copy(update={"body": body})


def travel_routes(desk: Desk) -> list[Route]:
    """Every address of the travel world's sellers."""
    return [*CancelByReferenceDoor(desk, travel.FLIGHT).routes(), *sold(desk, travel.FLIGHT, travel.HOTEL)]


def sold(desk: Desk, *kinds: Kind) -> list[Route]:
    """Every address of these kinds of bookings, and of things of any other."""
    return [route for words in (*kinds, booking.THING) for route in BookingDoor(desk, words).routes()]


def instant_routes(desk: Desk) -> list[Route]:
    """Every address of those who bring meals and drive."""
    kinds = (instant.MEAL, instant.RIDE, instant.TABLE)
    return [*(route for words in kinds for route in CancelByReferenceDoor(desk, words).routes()), *sold(desk, *kinds)]


class StockDoor:
    """The address at which a shop's staff fill or empty shelves, or end a coupon."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """One address."""
        return [Route("/stock", self.plant, methods=["POST"])]

    async def plant(self, request: Request) -> Response:
        """From now on there is so much of something."""
        asked = await body_of(request, Stock)
        async with self._desk.pool.acquire() as tx:
            await booking.set_stock(tx, asked.stock_key, asked.capacity)
        return JSONResponse(asked.model_dump(), 201)


def shopping_routes(desk: Desk) -> list[Route]:
    """Every address of the shops."""
    by_reference = CancelByReferenceDoor(desk, shopping.BASKET).routes()
    return [*by_reference, *sold(desk, shopping.BASKET), *StockDoor(desk).routes()]


class MapDoor(Door):
    """The addresses of the router."""

    def routes(self) -> list[Route]:
        """Places and ways."""
        return [Route("/places", self.places), Route("/route", self.route), Route("/traffic", self.traffic)]

    async def places(self, request: Request) -> Response:
        """Places by their names."""
        return await self._ask(request, "map.search", PlaceSearch)

    async def route(self, request: Request) -> Response:
        """The way between two points."""
        return await self._ask(request, "map.route.search", RouteSearch)

    async def traffic(self, request: Request) -> Response:
        """How the traffic is."""
        return await self._ask(request, "map.traffic.search", TrafficSearch)


def map_routes(desk: Desk) -> list[Route]:
    """Every address of the router."""
    return MapDoor(desk).routes()


def payment_routes(desk: Desk) -> list[Route]:
    """Every address of those who move money."""
    by_reference = [route for kind in (paying.TRANSFER, paying.REQUEST) for route in CancelByReferenceDoor(desk, kind).routes()]
    return [*PaymentDoor(desk).routes(), *by_reference, *sold(desk, paying.TRANSFER, paying.BILL, paying.REQUEST)]
