"""A booking provider's HTTP protocol, for flights and hotels alike: search, hold, confirm, ask by reference, quote a cancellation, cancel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuntas.contracts.connectors import Clocks, Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind, UndoTerms
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish

_GONE = frozenset({"cancelled", "expired", "cancelled_by_provider"})
Document = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What differs between flights and hotels: names on the wire, and how a wish is searched and shown."""

    name: str
    goal_type: str
    path: str
    collection: str
    identifier: str
    confirmed: str
    evidence: str


FLIGHTS = Kind("flight", "travel.flight.book", "/flights/orders", "orders", "order_id", "ticketed", "ticket_number")
HOTELS = Kind("hotel", "travel.hotel.book", "/hotels/bookings", "bookings", "booking_id", "confirmed", "confirmation_number")


class Bookings:
    """One provider of one kind.

    A hold and its confirm are one object at the provider; which of the two is asked about follows from the action.
    """

    def __init__(self, kind: Kind, spec: ProviderSpec, client: Client) -> None:
        self.kind, self.spec, self._client = kind, spec, client

    async def quote(self, wish: Wish) -> list[Offer]:
        """Search, and return this provider's offers, cheapest first."""
        if wish.goal.type != self.kind.goal_type:
            return []
        reply = await self._client.call("GET", f"/{self.kind.name}s/search", params=_query(wish), traceparent=wish.traceparent)
        found: Any = reply.body.get("offers", []) if reply.ok else []
        own = [o for o in found if o["provider"] == self.spec.name and o["hold"]["allowed"] and _fits(o, wish)]
        return [self._offer(o) for o in sorted(own, key=lambda o: o["price"]["amount_minor"])]

    def _offer(self, found: Document) -> Offer:
        price = Money.model_validate(found["price"])
        refund = found["refund"]
        terms = _terms(refund, price)
        pivot = not refund["allowed"]
        confirm = OfferStep(
            name="confirm",
            action=f"{self.kind.name}.confirm",
            kind=StepKind.PIVOT if pivot else StepKind.COMPENSATABLE,
            phase=Phase.PIVOT if pivot else Phase.CONFIRM,
            acts_on="hold",
            obliges=True,
            undo=terms,
        )
        passengers = found.get("passengers", found.get("guests", 1))
        hold = OfferStep(
            name="hold",
            action=f"{self.kind.name}.hold",
            kind=StepKind.COMPENSATABLE,
            phase=Phase.HOLD,
            input={"offer_id": found["offer_id"], "people": passengers},
        )
        return Offer(
            offer_id=found["offer_id"],
            provider=self.spec.name,
            payee=self.spec.name,
            title=_title(found),
            price=price,
            expires_at=found["expires_at"],
            steps=(hold, confirm),
            details={k: found[k] for k in _SHOWN if k in found},
        )

    async def act(self, request: Request) -> ActionAnswer:
        """Hold or confirm."""
        if request.action.endswith(".hold"):
            reply = await self._client.call("POST", self.kind.path, request=request, json=self._hold(request))
        else:
            body = {"reference": request.reference, "amount": request.amount.model_dump() if request.amount else None}
            reply = await self._client.call("POST", f"{self.kind.path}/{request.object_reference}/confirm", request=request, json=body)
        return self._answer(request, reply.body) if reply.ok else _refusal(reply)

    def _hold(self, request: Request) -> Document:
        count = request.input.get("people", 1)
        names = [*request.travellers, *(f"Traveller {n + 1}" for n in range(9))][: count if isinstance(count, int) else 1]
        people = "passengers" if self.kind is FLIGHTS else "guests"
        body: Document = {"offer_id": request.input["offer_id"], people: [{"name": n} for n in names], "reference": request.reference}
        return body | ({"callback_url": request.callback_url} if request.callback_url else {})

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Find the object by our reference, or by the hold's when a confirm is asked about."""
        found = await self._find(request)
        return None if found is None else self._answer(request, found)

    async def _find(self, request: Request) -> Document | None:
        known = request.object_reference or request.own_reference
        if known:
            reply = await self._client.call("GET", f"{self.kind.path}/{known}", request=request)
            return reply.body if reply.ok else None
        reply = await self._client.call("GET", self.kind.path, request=request, params={"reference": request.reference})
        found: Any = reply.body.get(self.kind.collection) if reply.ok else None
        return found[0] if found else None

    def _answer(self, request: Request, found: Document) -> ActionAnswer:
        """Read an object's status as the outcome of this action: a hold is done while held or confirmed, a confirm only when confirmed."""
        status, confirming = found["status"], request.action.endswith(".confirm")
        facts: Document = {
            "reference": found[self.kind.identifier],
            "amount": found["price"],
            "evidence": {k: found[k] for k in ("status", self.kind.evidence) if found.get(k)},
        }
        if status in _GONE:
            if confirming and found.get("confirm_reference") is None:
                return ActionAnswer(outcome=Outcome.REFUSED, code="hold_expired" if status == "expired" else "cancelled", **facts)
            code = "hold_expired" if status == "expired" else status
            return ActionAnswer(outcome=Outcome.UNDONE, code=code, refund=found.get("refund"), **facts)
        if status == "pending":
            return ActionAnswer(outcome=Outcome.PENDING, **facts)
        if confirming and status != self.kind.confirmed:
            return _held(facts)
        if not confirming:
            facts["clocks"] = (
                Clocks(space_until=found.get("space_until"), price_until=found.get("price_until")) if status == "held" else Clocks()
            )
        return ActionAnswer(outcome=Outcome.DONE, **facts)

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Ask what cancelling would cost now."""
        reply = await self._client.call("POST", f"{self.kind.path}/{self._object(request)}/cancellation-quote", request=request, json={})
        if not reply.ok:
            return UndoQuote(allowed=reply.code == "not_alive", code=reply.code)
        body: Any = reply.body
        return UndoQuote(allowed=body["allowed"], fee=body["fee"], refund=body["refund"], quote_id=body["quote_id"])

    async def undo(self, request: Request) -> UndoAnswer:
        """Cancel; without a known object, cancel by our reference, which binds what may arrive later."""
        target = self._object(request)
        if target is None:
            body: Document = {"reference": request.reference, "provider": self.spec.name}
            reply = await self._client.call("POST", f"{self.kind.path}/cancel-by-reference", request=request, json=body)
            return _cancelled(reply)
        body = {"reference": f"{request.reference}:undo"} | ({"quote_id": request.quote_id} if request.quote_id else {})
        return _cancelled(await self._client.call("POST", f"{self.kind.path}/{target}/cancel", request=request, json=body))

    @staticmethod
    def _object(request: Request) -> str | None:
        return request.own_reference or request.object_reference


_SHOWN = (
    *("airline", "flight_number", "origin", "destination", "depart_at", "arrive_at", "cabin"),
    *("hotel", "address", "city", "country", "stars", "lat", "lon", "check_in", "check_out", "rooms"),
)


def _held(facts: Document) -> ActionAnswer:
    """A confirm that did not happen yet: the object is only held. Nothing is known of a request still on its way."""
    return ActionAnswer(outcome=Outcome.UNKNOWN, code="not_confirmed", evidence=facts["evidence"])


def _query(wish: Wish) -> Document:
    p: Any = wish.goal.parameters
    if wish.goal.type == FLIGHTS.goal_type:
        cabin = p.get("cabin_class", "economy")
        query = {
            "origin": p["origin"],
            "destination": p["destination"],
            "date": p["depart_date"],
            "passengers": _people(p.get("passengers"), wish),
        }
        return query | {"cabin": cabin if cabin == "business" else "economy"}
    query = {"city": p["city"], "check_in": p["check_in"], "check_out": p["check_out"], "rooms": p.get("rooms", 1)}
    return query | {"guests": _people(p.get("guests"), wish)} | ({"country": p["country"]} if "country" in p else {})


def _people(found: Any, wish: Wish) -> int:
    counted = sum(int(n) for n in found.values()) if isinstance(found, dict) else 0
    return counted or max(1, len(wish.travellers))


def _fits(offer: Document, wish: Wish) -> bool:
    p: Any = wish.goal.parameters
    if p.get("refundable") and not offer["refund"]["allowed"]:
        return False
    wanted = str(p.get("airline", "")).casefold()
    return not wanted or wanted in str(offer.get("airline", "")).casefold()


def _terms(refund: Document, price: Money) -> UndoTerms:
    if not refund["allowed"]:
        return UndoTerms(fee=price)
    until = datetime.fromisoformat(refund["until"]) if refund.get("until") else None
    return UndoTerms(fee=Money(amount_minor=refund["fee_minor"], currency=price.currency), until=until)


def _title(found: Document) -> str:
    if "airline" in found:
        return f"{found['airline']} {found['flight_number']} {found['origin']}-{found['destination']} {found['depart_at'][:16]}"
    return f"{found['hotel']}, {found['city']}, {found['check_in']} to {found['check_out']}"


def _refusal(reply: Reply) -> ActionAnswer:
    return ActionAnswer(outcome=Outcome.REFUSED, code=reply.code, reason=str(reply.body.get("message", ""))[:200])


def _cancelled(reply: Reply) -> UndoAnswer:
    if reply.status == 404:  # noqa: PLR2004
        return UndoAnswer(outcome=Outcome.UNDONE, gone=True)
    if not reply.ok:
        code = "fee_grown" if reply.code == "quote_expired" else reply.code
        return UndoAnswer(outcome=Outcome.REFUSED, code=code)
    body: Any = reply.body
    return UndoAnswer(
        outcome=Outcome.UNDONE,
        fee=body.get("fee"),
        refund=body.get("refund"),
        reference=body.get("cancel_reference"),
        gone=body.get("status") == "expired" or not body.get("status"),
        evidence={"status": body.get("status", "cancelled")},
    )
