"""The JSON protocol that a foreign API speaks: a quote, an action, a question, what undoing costs, an undo."""

from typing import Any, TypeVar
from urllib.parse import quote as escaped

from pydantic import BaseModel, Field, ValidationError

from tuntas.connectors.http.manifest import Goals, Manifest
from tuntas.contracts.base import Document, Instant, Text
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, StepKind, UndoTerms, Window
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish
from tuntas.kit.errors import InDoubt, Rejected

M = TypeVar("M", bound=BaseModel)


class Quoted(BaseModel, frozen=True):
    """One offer of the API. `undo` are the terms of undoing its last step; `input` is handed back with each action."""

    offer_id: str = Field(min_length=1, max_length=200)
    title: Text
    price: Money | None = None
    expires_at: Instant
    undo: UndoTerms = UndoTerms()
    input: Document = Field(default_factory=dict)
    details: Document = Field(default_factory=dict)
    window: Window | None = None
    travel_seconds: int | None = None


class _Offers(BaseModel, frozen=True):
    offers: tuple[Quoted, ...]


class Api:
    """The provider behind a manifest. A status of 400 and more with a `code` is a refusal; 5xx and what does not fit leave doubt."""

    def __init__(self, manifest: Manifest, client: Client) -> None:
        self.spec, self._manifest, self._client = manifest.spec, manifest, client

    async def quote(self, wish: Wish) -> list[Offer]:
        """Ask for offers.

        Raises:
            Rejected: the API's own code.
        """
        goal = self._manifest.goal(wish.goal.type)
        if goal is None:
            return []
        body = wish.model_dump(mode="json", include={"task_id", "goal", "travellers", "instrument", "lang", "timing"})
        reply = await self._call(self._manifest.endpoints.quote, wish.traceparent, json=body)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        return [self._offer(goal, each) for each in _fits(_Offers, reply.body).offers]

    def _offer(self, goal: Goals, found: Quoted) -> Offer:
        name = self._manifest.provider.name
        last = goal.steps[-1].name if goal.steps else ""
        steps = tuple(
            OfferStep(
                **step.model_dump(include={"name", "action", "kind", "phase", "acts_on", "obliges", "moves_money"}),
                input={"offer_id": found.offer_id, **found.input},
                undo=found.undo if step.name == last and step.kind is not StepKind.PIVOT else UndoTerms(),
            )
            for step in goal.steps
        )
        facts = found.model_dump(exclude={"undo", "input", "window", "price"})
        payee = self._manifest.provider.payee or name
        return Offer(**facts, provider=name, payee=payee, price=found.price, steps=steps, window=found.window)

    async def act(self, request: Request) -> ActionAnswer:
        """Do the action."""
        body = request.model_dump(
            mode="json", include={"action", "reference", "input", "amount", "object_reference", "travellers", "callback_url"}
        )
        reply = await self._asked(self._manifest.endpoints.act, request, json=body)
        if reply.ok:
            return _fits(ActionAnswer, reply.body)
        return ActionAnswer(outcome=Outcome.REFUSED, code=reply.code, reason=str(reply.body.get("message", ""))[:200])

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Ask what became of an action, by our reference; 404 is the API's way to know nothing of it."""
        if self._manifest.endpoints.inquire is None:
            return None
        reply = await self._asked(self._manifest.endpoints.inquire, request)
        return _fits(ActionAnswer, reply.body) if reply.ok else None

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Ask what undoing would cost now."""
        if self._manifest.endpoints.undo_quote is None:
            return UndoQuote()
        reply = await self._asked(self._manifest.endpoints.undo_quote, request, json=_named(request))
        if reply.ok:
            return _fits(UndoQuote, reply.body)
        return UndoQuote() if reply.missing else UndoQuote(allowed=False, code=reply.code)

    async def undo(self, request: Request) -> UndoAnswer:
        """Undo by our reference. An API that cancels by reference must remember one that it never saw."""
        body = _named(request) | {"reference": request.reference, "quote_id": request.quote_id}
        reply = await self._asked(self._manifest.endpoints.undo, request, json=body)
        if reply.ok:
            return _fits(UndoAnswer, reply.body)
        if not reply.missing:
            return UndoAnswer(outcome=Outcome.REFUSED, code=reply.code)
        known = request.own_reference is not None
        return UndoAnswer(outcome=Outcome.UNDONE, gone=True) if known else UndoAnswer(outcome=Outcome.PENDING, code="not_found")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _asked(self, endpoint: str, request: Request, **options: Any) -> Reply:
        return await self._call(endpoint, request.traceparent, request, **options)

    async def _call(self, endpoint: str, traceparent: str, request: Request | None = None, **options: Any) -> Reply:
        method, path = endpoint.split(" ", 1)
        if request:
            object_ = request.own_reference or request.object_reference or ""
            path = path.replace("{reference}", escaped(request.reference, safe="")).replace("{action}", escaped(request.action, safe=""))
            path = path.replace("{object}", escaped(object_, safe=""))
        return await self._client.call(method, path, request=request, traceparent=traceparent, **options)


def _named(request: Request) -> Document:
    return request.model_dump(mode="json", include={"action", "reference", "own_reference", "object_reference", "amount"})


def _fits(kind: type[M], body: Document) -> M:
    """Read an answer; one that can't be read says nothing about what happened."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InDoubt("no_answer", f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
