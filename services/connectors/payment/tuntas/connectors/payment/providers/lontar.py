"""Lontar Pay's HTTP protocol: authorize, capture, void, refund, and asking by our reference."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tuntas.connectors.payment.actions import BALANCE, CHARGE
from tuntas.connectors.payment.providers.orders import with_own
from tuntas.contracts.connectors import Clocks, Outcome, UserAction
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind, UndoTerms
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish
from tuntas.kit.errors import Rejected

NAME = "lontar-pay"
QUOTE_MINUTES = 30
CHALLENGE_MINUTES = 15
"""How long the provider lets the payer decide."""

_GONE = {"voided": "authorization_voided", "expired": "authorization_expired", "cancelled_by_provider": "cancelled_by_provider"}
Document = dict[str, Any]


class Lontar:
    """One payment provider. Authorizing holds money, capturing takes it once; voiding is free, a refund gives back what was taken."""

    spec = ProviderSpec(name=NAME, honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=2)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def quote(self, wish: Wish) -> list[Offer]:
        """Offer to charge the instrument, the amount is the plan's; or tell what it holds.

        Raises:
            Rejected: `other_instrument`, or the provider's own code.
        """
        if wish.goal.type == BALANCE.name:
            return await self._balance(wish)
        if wish.goal.type != CHARGE.name:
            return []
        authorize = OfferStep(
            name="authorize",
            action="payment.authorize",
            kind=StepKind.COMPENSATABLE,
            phase=Phase.AUTHORIZE,
            input={"instrument": wish.goal.parameters["instrument"]},
            obliges=True,
            moves_money=True,
        )
        capture = OfferStep(
            name="capture",
            action="payment.capture",
            kind=StepKind.RETRIABLE,
            phase=Phase.CAPTURE,
            acts_on="authorize",
            obliges=True,
            moves_money=True,
            undo=UndoTerms(partly=True),
        )
        offer = Offer(
            offer_id=f"{NAME}:{wish.task_id}",
            provider=NAME,
            payee=NAME,
            title=f"Pay with {wish.goal.parameters['instrument']}",
            expires_at=datetime.now(UTC) + timedelta(minutes=QUOTE_MINUTES),
            steps=(authorize, capture),
        )
        return [offer]

    async def _balance(self, wish: Wish) -> list[Offer]:
        with_own(wish)
        reply = await self._client.call("GET", "/balance", params={"instrument": wish.instrument}, traceparent=wish.traceparent)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        found: Any = reply.body["balances"]
        title = ", ".join(str(Money.model_validate(each["available"])) for each in found)
        fresh = datetime.now(UTC) + timedelta(minutes=QUOTE_MINUTES)
        return [Offer(offer_id=NAME, provider=NAME, payee=NAME, title=title[:200], expires_at=fresh, details={"balances": found})]

    async def act(self, request: Request) -> ActionAnswer:
        """Authorize or capture."""
        if request.amount is None:
            return ActionAnswer(outcome=Outcome.REFUSED, code="amount", reason="money is moved in an amount")
        amount: Document = request.amount.model_dump()
        if _authorizes(request):
            body = amount | {"reference": request.reference, "instrument": request.input["instrument"], "payer": str(request.task_id)}
            body |= {"callback_url": request.callback_url} if request.callback_url else {}
            reply = await self._client.call("POST", "/authorizations", request=request, json=body)
            return _authorized(reply.body) if reply.ok else _refusal(reply)
        body = {"reference": request.reference, "amount_minor": amount["amount_minor"]}
        reply = await self._client.call("POST", f"/authorizations/{request.object_reference}/capture", request=request, json=body)
        return _captured(reply.body) if reply.ok else _refusal(reply)

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Ask by our reference, or by the provider's where it is known; None if nothing is known of the action."""
        found = await self._find(request)
        if found is not None:
            return _authorized(found) if _authorizes(request) else _captured(found)
        return None if _authorizes(request) else await self._impossible(request)

    async def _impossible(self, request: Request) -> ActionAnswer | None:
        """A capture that is not found can't happen any more once its authorization is gone."""
        reply = await self._client.call("GET", f"/authorizations/{request.object_reference}", request=request)
        code = _GONE.get(str(reply.body.get("status"))) if reply.ok else None
        return ActionAnswer(outcome=Outcome.REFUSED, code=code) if code else None

    async def _find(self, request: Request) -> Document | None:
        collection = "authorizations" if _authorizes(request) else "captures"
        if request.own_reference:
            reply = await self._client.call("GET", f"/{collection}/{request.own_reference}", request=request)
            return reply.body if reply.ok else None
        reply = await self._client.call("GET", f"/{collection}", request=request, params={"reference": request.reference})
        listed: Any = reply.body.get(collection) if reply.ok else None
        return next((o for o in listed or () if o["reference"] == request.reference), None)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Voiding and refunding are free here."""
        return UndoQuote() if _authorizes(request) else UndoQuote(refund=request.part or request.amount)

    async def undo(self, request: Request) -> UndoAnswer:
        """Void an authorization; refund a capture, or a part of it."""
        found = {} if request.own_reference else await self._find(request)
        if found is None:
            return UndoAnswer(outcome=Outcome.PENDING, code="not_found")
        if _authorizes(request):
            return await self._void(request, request.own_reference or found["authorization_id"])
        return await self._refund(request, request.own_reference or found["capture_id"])

    async def _void(self, request: Request, identity: str) -> UndoAnswer:
        body = {"reference": f"{request.reference}:undo"}
        reply = await self._client.call("POST", f"/authorizations/{identity}/void", request=request, json=body)
        if reply.missing:
            return UndoAnswer(outcome=Outcome.UNDONE, gone=True)
        if not reply.ok:
            return UndoAnswer(outcome=Outcome.REFUSED, code=reply.code)
        status = str(reply.body.get("status"))
        if status not in {*_GONE, "declined"}:
            return UndoAnswer(outcome=Outcome.PENDING)
        reference = reply.body.get("void_reference")
        return UndoAnswer(outcome=Outcome.UNDONE, gone=status != "voided", reference=reference, evidence={"status": status})

    async def _refund(self, request: Request, identity: str) -> UndoAnswer:
        refund = request.part or request.amount
        body = {"reference": f"{request.reference}:undo", "amount_minor": refund.amount_minor if refund else 0}
        reply = await self._client.call("POST", f"/captures/{identity}/refund", request=request, json=body)
        if not reply.ok:
            return await self._refused_refund(request, identity, reply)
        if reply.body["status"] == "pending" and not await self._arrived(request, identity, str(reply.body["refund_id"])):
            return UndoAnswer(outcome=Outcome.PENDING)
        return UndoAnswer(
            outcome=Outcome.UNDONE, refund=refund, reference=reply.body["refund_id"], evidence={"status": reply.body["status"]}
        )

    async def _arrived(self, request: Request, identity: str, refund_id: str) -> bool:
        """Look whether a refund is through by now: a repeat is answered as the first time."""
        reply = await self._client.call("GET", f"/captures/{identity}", request=request)
        refunds: Any = reply.body.get("refunds") if reply.ok else None
        return any(each["refund_id"] == refund_id and each["status"] == "refunded" for each in refunds or ())

    async def _refused_refund(self, request: Request, identity: str, refusal: Reply) -> UndoAnswer:
        """A refund that is refused because all was given back already is done."""
        reply = await self._client.call("GET", f"/captures/{identity}", request=request)
        if reply.ok and reply.body.get("status") == "refunded":
            return UndoAnswer(outcome=Outcome.UNDONE, refund=reply.body["refunded"], evidence={"status": "refunded"})
        return UndoAnswer(outcome=Outcome.REFUSED, code=refusal.code)


def _authorizes(request: Request) -> bool:
    return request.action == "payment.authorize"


def _authorized(found: Document) -> ActionAnswer:
    status = found["status"]
    facts: Document = {"reference": found["authorization_id"], "amount": found["amount"], "evidence": {"status": status}}
    if status == "requires_action":
        return ActionAnswer(outcome=Outcome.NEEDS_USER, code="authentication_required", action=_challenge(found), **facts)
    if status in _GONE:
        return ActionAnswer(outcome=Outcome.UNDONE, code=_GONE[status], **facts)
    if status == "declined":
        return ActionAnswer(outcome=Outcome.REFUSED, code="declined", **facts)
    if status not in {"authorized", "captured"}:
        return ActionAnswer(outcome=Outcome.PENDING, **facts)
    return ActionAnswer(outcome=Outcome.DONE, clocks=Clocks.model_validate({"authorized_until": found.get("capture_before")}), **facts)


def _challenge(found: Document) -> UserAction:
    until = datetime.fromisoformat(found["updated_at"]) + timedelta(minutes=CHALLENGE_MINUTES)
    return UserAction(url=str(found.get("action_url", "")), reason="authentication_required", until=until)


def _captured(found: Document) -> ActionAnswer:
    amount, status = Money.model_validate(found["amount"]), found["status"]
    facts: Document = {"reference": found["capture_id"], "amount": amount, "evidence": {"status": status}}
    if status == "refunded":
        return ActionAnswer(outcome=Outcome.UNDONE, code="refunded", refund=amount, **facts)
    return ActionAnswer(outcome=Outcome.DONE if status == "captured" else Outcome.PENDING, **facts)


def _refusal(reply: Reply) -> ActionAnswer:
    code = {"expired": "authorization_expired", "voided": "authorization_voided"}.get(reply.code, reply.code)
    return ActionAnswer(outcome=Outcome.REFUSED, code=code, reason=str(reply.body.get("message", ""))[:200])
