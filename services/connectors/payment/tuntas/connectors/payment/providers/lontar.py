"""Lontar Pay's HTTP protocol: authorize, capture, void, refund, and asking by our reference."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tuntas.connectors.payment.actions import CHARGE
from tuntas.contracts.connectors import Clocks, Outcome, UserAction
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, StepKind
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish

NAME = "lontar-pay"
QUOTE_MINUTES = 30
CHALLENGE_MINUTES = 10
Document = dict[str, Any]


class Lontar:
    """One payment provider. Authorizing holds money, capturing takes it once; voiding is free, a refund gives back what was taken."""

    spec = ProviderSpec(name=NAME, honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=2)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def quote(self, wish: Wish) -> list[Offer]:
        """Offer to charge the instrument; the amount is the plan's."""
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

    async def act(self, request: Request) -> ActionAnswer:
        """Authorize or capture."""
        amount: Document = request.amount.model_dump() if request.amount else {}
        if request.action == "payment.authorize":
            body = amount | {"reference": request.reference, "instrument": request.input["instrument"], "payer": str(request.task_id)}
            body |= {"callback_url": request.callback_url} if request.callback_url else {}
            reply = await self._client.call("POST", "/authorizations", request=request, json=body)
            return _authorized(reply.body) if reply.ok else _refusal(reply)
        body = {"reference": request.reference, "amount_minor": amount["amount_minor"]}
        reply = await self._client.call("POST", f"/authorizations/{request.object_reference}/capture", request=request, json=body)
        return _captured(reply.body) if reply.ok else _refusal(reply)

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Ask by our reference, or by the provider's where it is known."""
        collection = "authorizations" if request.action == "payment.authorize" else "captures"
        read = _authorized if request.action == "payment.authorize" else _captured
        if request.own_reference:
            reply = await self._client.call("GET", f"/{collection}/{request.own_reference}", request=request)
            return read(reply.body) if reply.ok else None
        reply = await self._client.call("GET", f"/{collection}", request=request, params={"reference": request.reference})
        found: Any = reply.body.get(collection) if reply.ok else None
        return read(found[0]) if found else None

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Voiding and refunding are free here."""
        return UndoQuote(refund=request.amount)

    async def undo(self, request: Request) -> UndoAnswer:
        """Void an authorization, refund a capture whole."""
        reference = f"{request.reference}:undo"
        if request.action == "payment.authorize":
            reply = await self._client.call(
                "POST", f"/authorizations/{request.own_reference}/void", request=request, json={"reference": reference}
            )
        else:
            amount = request.amount.amount_minor if request.amount else 0
            body = {"reference": reference, "amount_minor": amount}
            reply = await self._client.call("POST", f"/captures/{request.own_reference}/refund", request=request, json=body)
        return _undone(request, reply)


def _authorized(found: Document) -> ActionAnswer:
    status = found["status"]
    facts: Document = {"reference": found["authorization_id"], "amount": found["amount"], "evidence": {"status": status}}
    if status == "requires_action":
        until = datetime.now(UTC) + timedelta(minutes=CHALLENGE_MINUTES)
        action = UserAction(url=str(found.get("action_url", "")), reason="authentication_required", until=until)
        return ActionAnswer(outcome=Outcome.NEEDS_USER, code="authentication_required", action=action, **facts)
    if status in {"voided", "expired"}:
        return ActionAnswer(outcome=Outcome.UNDONE, code=f"authorization_{status}", **facts)
    if status == "declined":
        return ActionAnswer(outcome=Outcome.REFUSED, code="declined", **facts)
    if status == "pending":
        return ActionAnswer(outcome=Outcome.PENDING, **facts)
    return ActionAnswer(outcome=Outcome.DONE, clocks=Clocks(authorized_until=found.get("capture_before")), **facts)


def _captured(found: Document) -> ActionAnswer:
    amount, refunded = Money.model_validate(found["amount"]), found.get("refunded")
    returned = refunded["amount_minor"] if isinstance(refunded, dict) else int(refunded or 0)
    facts: Document = {"reference": found["capture_id"], "amount": amount, "evidence": {"status": found["status"]}}
    if returned >= amount.amount_minor:
        return ActionAnswer(outcome=Outcome.UNDONE, code="refunded", refund=amount, **facts)
    return ActionAnswer(outcome=Outcome.PENDING if found["status"] == "pending" else Outcome.DONE, **facts)


def _refusal(reply: Reply) -> ActionAnswer:
    return ActionAnswer(outcome=Outcome.REFUSED, code=reply.code, reason=str(reply.body.get("message", ""))[:200])


def _undone(request: Request, reply: Reply) -> UndoAnswer:
    if reply.status == 404 or (not reply.ok and reply.code in {"expired", "voided", "declined"}):  # noqa: PLR2004
        return UndoAnswer(outcome=Outcome.UNDONE, gone=True)
    if not reply.ok:
        return UndoAnswer(outcome=Outcome.REFUSED, code=reply.code)
    body: Any = reply.body
    reference = body.get("refund_id") or body.get("void_reference")
    refund = request.amount if request.action == "payment.capture" else None
    pending = body["status"] == "pending" and request.action == "payment.authorize"
    return UndoAnswer(
        outcome=Outcome.PENDING if pending else Outcome.UNDONE, refund=refund, reference=reference, evidence={"status": body["status"]}
    )
