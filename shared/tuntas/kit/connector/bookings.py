"""A seller's booking protocol over HTTP, in the shape of OCTO: hold, confirm, ask, quote a cancellation, cancel.

What is searched, and what an offer is, differs from seller to seller and is left to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuntas.contracts.connectors import Clocks, Outcome
from tuntas.contracts.plan import Window
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote

Document = dict[str, Any]
_GONE = {"cancelled": "cancelled", "expired": "hold_expired", "cancelled_by_provider": "cancelled_by_provider"}


@dataclass(frozen=True)
class Words:
    """What differs from seller to seller on the wire, and whom it is sold to.

    A seat is sold to the traveller who sits in it (`all_named`), a room to one of its guests, a meal to whoever opens (`named` is False).
    """

    path: str
    collection: str
    identifier: str
    people: str
    confirmed: str
    evidence: str
    all_named: bool = False
    named: bool = True

    def unnamed(self, people: int, names: Sequence[str]) -> int:
        """Return how many names are missing."""
        wanted = people if self.all_named else 1
        return max(0, wanted - len(names)) if self.named else 0


class Bookings:
    """One seller.

    A hold and its confirm are one object at the seller; which of the two is asked about follows from the action.
    """

    def __init__(self, words: Words, spec: ProviderSpec, client: Client) -> None:
        self.words, self.spec, self._client = words, spec, client

    def window(self, found: Document) -> Window | None:
        """Return when and where a booking takes place as of now, if others may have to meet it."""
        del found
        return None

    async def act(self, request: Request) -> ActionAnswer:
        """Hold or confirm."""
        if _holds(request):
            if self.words.unnamed(_people(request), request.travellers):
                return ActionAnswer(outcome=Outcome.REFUSED, code="travellers_missing", reason="nobody is invented")
            reply = await self._client.call("POST", self.words.path, request=request, json=self._hold(request))
        else:
            if request.amount is None:
                return ActionAnswer(outcome=Outcome.REFUSED, code="amount", reason="a booking is bought at a price")
            path = f"{self.words.path}/{request.object_reference}/confirm"
            reply = await self._client.call("POST", path, request=request, json=self.purchase(request))
        if not reply.ok:
            return _refusal(reply)
        return self._answer(request, reply.body) or ActionAnswer(outcome=Outcome.PENDING, reference=str(reply.body[self.words.identifier]))

    def purchase(self, request: Request) -> Document:
        """Return what is bought: our reference and the price that was agreed."""
        return {"reference": request.reference, "amount": request.amount.model_dump() if request.amount else None}

    def _hold(self, request: Request) -> Document:
        body: Document = {
            "offer_id": request.input["offer_id"],
            self.words.people: [
                {"name": name} for name in request.travellers[: _people(request)] or (() if self.words.named else ("customer",))
            ],
            "reference": request.reference,
        }
        return body | ({"callback_url": request.callback_url} if request.callback_url else {})

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Find the object by our reference, or by the hold's when a confirm is asked about; None if nothing is known of the action."""
        found = await self._find(request)
        return None if found is None else self._answer(request, found)

    async def _find(self, request: Request) -> Document | None:
        known = self._object(request)
        if known and (self.spec.honours_keys or not _holds(request)):
            reply = await self._client.call("GET", f"{self.words.path}/{known}", request=request)
            return reply.body if reply.ok else None
        found = await self._named(request)
        if not self.spec.honours_keys:
            await self._give_up(request, found[1:])
        return found[0] if found else None

    async def _named(self, request: Request) -> list[Document]:
        """Return the objects with our reference, those that are alive first, and of these the one we know."""
        reply = await self._client.call("GET", self.words.path, request=request, params={"reference": request.reference})
        listed: Any = reply.body.get(self.words.collection) if reply.ok else None
        found = [o for o in listed or () if o["reference"] == request.reference]
        return sorted(found, key=lambda o: (o["status"] in _GONE, o[self.words.identifier] != request.own_reference))

    async def _give_up(self, request: Request, surplus: list[Document]) -> None:
        """Without keys a late request can make a second hold; nobody wants it, and it is given up as soon as it is seen."""
        for each in surplus:
            if each["status"] == "held":
                path = f"{self.words.path}/{each[self.words.identifier]}/cancel"
                await self._client.call("POST", path, request=request, json={"reference": f"{request.reference}:surplus"})

    def _answer(self, request: Request, found: Document) -> ActionAnswer | None:
        """Read an object's status as the outcome of this action: a hold is done while held or confirmed, a confirm if it bought it."""
        status, mine = found["status"], _holds(request) or found.get("confirm_reference") == request.reference
        facts: Document = {
            "reference": found[self.words.identifier],
            "amount": found["price"],
            "evidence": {k: found[k] for k in ("status", self.words.evidence) if found.get(k)},
            "window": self.window(found),
        }
        if not mine:
            return self._not_mine(status, facts)
        if status in _GONE:
            return ActionAnswer(outcome=Outcome.UNDONE, code=_GONE[status], refund=found.get("refund"), **facts)
        if status == "pending":
            return ActionAnswer(outcome=Outcome.PENDING, **facts)
        if status == "held":
            facts["clocks"] = Clocks.model_validate({clock: found.get(clock) for clock in ("space_until", "price_until")})
        return ActionAnswer(outcome=Outcome.DONE, **facts)

    def _not_mine(self, status: str, facts: Document) -> ActionAnswer | None:
        """A confirm that bought nothing: it can't any more, or (None) nothing is known of it and it may be on its way."""
        code = _GONE.get(status) or ("already_confirmed" if status == self.words.confirmed else None)
        return ActionAnswer(outcome=Outcome.REFUSED, code=code, evidence=facts["evidence"]) if code else None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Ask what cancelling would cost now; nothing for what is over already."""
        target = self._object(request)
        if target is None:
            return UndoQuote()
        reply = await self._client.call("POST", f"{self.words.path}/{target}/cancellation-quote", request=request, json={})
        if not reply.ok:
            over = reply.missing or reply.code == "not_alive"
            return UndoQuote() if over else UndoQuote(allowed=False, code=reply.code)
        body: Any = reply.body
        return UndoQuote(allowed=body["allowed"], fee=body["fee"], refund=body["refund"], quote_id=body["quote_id"])

    async def undo(self, request: Request) -> UndoAnswer:
        """Cancel; without a known object, cancel by our reference, which binds what may arrive later."""
        target = self._object(request)
        if target is None and self.spec.cancels_by_reference:
            body: Document = {"reference": request.reference, "provider": self.spec.name}
            return self._bound(await self._client.call("POST", f"{self.words.path}/cancel-by-reference", request=request, json=body))
        if target is None:
            found = await self._named(request)
            if not found:
                return UndoAnswer(outcome=Outcome.PENDING, code="not_found")
            target = found[0][self.words.identifier]
        body = {"reference": f"{request.reference}:undo"} | ({"quote_id": request.quote_id} if request.quote_id else {})
        return _cancelled(await self._client.call("POST", f"{self.words.path}/{target}/cancel", request=request, json=body))

    def _bound(self, reply: Reply) -> UndoAnswer:
        """Read the answer to a cancellation by reference: what it ended, or that nothing can come of the reference any more."""
        ended: Any = reply.body.get(self.words.collection)
        if not reply.ok or ended:
            return _cancelled(Reply(reply.status, ended[0] if ended else reply.body))
        done = reply.body.get("status") == "cancelled"
        return UndoAnswer(outcome=Outcome.UNDONE if done else Outcome.PENDING, evidence={"status": "reference cancelled"} if done else {})

    @staticmethod
    def _object(request: Request) -> str | None:
        return request.own_reference or request.object_reference


def _holds(request: Request) -> bool:
    return request.action.endswith(".hold")


def _people(request: Request) -> int:
    found = request.input.get("people")
    return found if isinstance(found, int) else 1


def _refusal(reply: Reply) -> ActionAnswer:
    price = {"price": reply.body["price"]} if "price" in reply.body else {}
    return ActionAnswer(
        outcome=Outcome.REFUSED, code=reply.code, reason=str(reply.body.get("message", ""))[:200], evidence={"status": reply.status} | price
    )


def _cancelled(reply: Reply) -> UndoAnswer:
    if reply.missing:
        return UndoAnswer(outcome=Outcome.UNDONE, gone=True)
    if not reply.ok:
        code = "fee_grown" if reply.code == "quote_expired" else reply.code
        return UndoAnswer(outcome=Outcome.REFUSED, code=code)
    body: Any = reply.body
    status = body.get("status")
    if status not in _GONE:
        return UndoAnswer(outcome=Outcome.PENDING)
    return UndoAnswer(
        outcome=Outcome.UNDONE,
        fee=body.get("fee"),
        refund=body.get("refund"),
        reference=body.get("cancel_reference"),
        gone=status == "expired",
        evidence={"status": status},
    )
