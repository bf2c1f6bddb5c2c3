"""Payments: authorize, capture once (less releases the rest), void, refund in parts."""

from datetime import datetime, timedelta
from typing import Any

from tuntas.sandbox import items, ledger, webhooks
from tuntas.sandbox.database import Connection
from tuntas.sandbox.desk import Terms, World, lapse, shown
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Amount, Answer, Authorize, ByReference, Call, Decision, Reference
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import LONTAR
from tuntas.sandbox.values import money, new_id

_CAPTURE_WITHIN = timedelta(days=7)
_DECIDE_WITHIN = timedelta(minutes=15)
MERCHANT = "merchant"
_NEW = {"authorization": ("auth", "authorized"), "capture": ("cap", "captured"), "refund": ("rfd", "refunded")}
_ID_FIELDS = {"authorization": "authorization_id", "capture": "capture_id", "refund": "refund_id"}


def view(item: Item) -> dict[str, Any]:
    """An authorization, capture or refund as the provider shows it."""
    document = {
        _ID_FIELDS[item.kind]: item.object_id,
        "provider": item.provider,
        "status": item.state,
        "reference": item.reference,
        "amount": item.price,
        "updated_at": item.updated_at.isoformat(),
    }
    return document | _MORE[item.kind](item)


def _authorization_view(item: Item) -> dict[str, Any]:
    more = {"instrument": item.details["instrument"], "void_reference": item.undo_reference, "capture_id": item.details.get("capture_id")}
    if item.state == "requires_action":
        more["action_url"] = item.details["action_url"]
    return more | {"capture_before": item.details["capture_before"]}


def _capture_view(item: Item) -> dict[str, Any]:
    released = money(item.details["released_minor"], item.currency)
    refunded = money(item.details.get("refunded_minor", 0), item.currency)
    return {"authorization_id": item.parent_id, "released": released, "refunded": refunded}


def _refund_view(item: Item) -> dict[str, Any]:
    return {"capture_id": item.parent_id}


_MORE = {"authorization": _authorization_view, "capture": _capture_view, "refund": _refund_view}


def _new(kind: str, call: Call, price: tuple[int, str], at: datetime) -> Item:
    prefix, state = _NEW[kind]
    return Item(
        object_id=new_id(prefix),
        kind=kind,
        provider=LONTAR.provider,
        state=state,
        reference=call.reference,
        amount_minor=price[0],
        currency=price[1],
        created_at=at,
        updated_at=at,
    )


async def authorize(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Sets money aside, or asks for the payer (``requires_action``) when the instrument is ``card-3ds``."""
    asked = Authorize.model_validate(call.body)
    item = _new("authorization", call, (asked.amount_minor, asked.currency), terms.at)
    item.callback_url = asked.callback_url
    before = terms.at + (_CAPTURE_WITHIN if terms.hold_seconds is None else timedelta(seconds=terms.hold_seconds))
    item.details = {"instrument": asked.instrument, "payer": asked.payer, "capture_before": before.isoformat()}
    if asked.instrument == "card-3ds":
        item.state, item.expires_at = "requires_action", min(before, terms.at + _DECIDE_WITHIN)
        item.details["action_url"] = f"/actions/{item.object_id}"
    else:
        await ledger.reserve(tx, asked.instrument, item, terms.at)
        item.expires_at = before
    await items.insert(tx, item)
    return Answer(status=200 if item.state == "requires_action" else 201, body=view(item), object_id=item.object_id)


async def _locked(tx: Connection, call: Call, kind: str) -> Item:
    item = await items.find(tx, call.object_id or "", lock=True)
    if item is None or item.kind != kind:
        raise Refusal(404, "not_found", f"there is no such {kind}")
    return item


async def decide(tx: Connection, call: Call, terms: Terms) -> Answer:
    """What the payer said. Deciding again changes nothing."""
    item = await _locked(tx, call, "authorization")
    if item.state != "requires_action":
        return Answer(status=200, body=view(item))
    if Decision.model_validate(call.body).result == "denied":
        item.state, item.expires_at = "declined", None
    else:
        await ledger.reserve(tx, item.details["instrument"], item, terms.at)
        item.state, item.expires_at = "authorized", datetime.fromisoformat(item.details["capture_before"])
    await items.save(tx, item, terms.at)
    await webhooks.enqueue(tx, item, call.operation, terms.at)
    return Answer(status=200, body=view(item), object_id=item.object_id)


def _refuse_capture(authorization: Item, amount_minor: int) -> None:
    code = {"captured": "already_captured", items.ENDED_BY_PROVIDER: "voided"}.get(authorization.state, authorization.state)
    if authorization.state != "authorized":
        raise Refusal(409, code, f"the authorization is {authorization.state}", status_of_authorization=authorization.state)
    if amount_minor > authorization.amount_minor:
        raise Refusal(409, "amount", "more than was authorized", authorized=authorization.price)


async def _same_capture(tx: Connection, authorization: Item, reference: str) -> Item | None:
    if authorization.state != "captured":
        return None
    found = await items.children(tx, authorization.object_id, "capture")
    return next((each for each in found if each.reference == reference), None)


async def capture(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Takes what was set aside, or less and releases the rest. Once: the same reference answers as the first time."""
    asked, authorization = Amount.model_validate(call.body), await _locked(tx, call, "authorization")
    same = await _same_capture(tx, authorization, asked.reference)
    if same is not None and same.amount_minor == asked.amount_minor:
        return Answer(status=201, body=view(same), object_id=same.object_id)
    _refuse_capture(authorization, asked.amount_minor)
    item = await _capture(tx, call, authorization, asked.amount_minor, terms.at)
    return Answer(status=201, body=view(item), object_id=item.object_id)


async def _capture(tx: Connection, call: Call, authorization: Item, amount_minor: int, at: datetime) -> Item:
    instrument, released = authorization.details["instrument"], authorization.amount_minor - amount_minor
    item = _new("capture", call, (amount_minor, authorization.currency), at)
    item.parent_id, item.callback_url = authorization.object_id, authorization.callback_url
    item.details = {"instrument": instrument, "released_minor": released}
    await items.insert(tx, item)
    authorization.state, authorization.expires_at = "captured", None
    authorization.details = {**authorization.details, "capture_id": item.object_id}
    await items.save(tx, authorization, at)
    await ledger.open_instrument(tx, instrument, item.currency, at)
    lines = {ledger.held(instrument): -authorization.amount_minor, MERCHANT: amount_minor, ledger.available(instrument): released}
    await ledger.post(tx, item.reference, item.currency, lines, at)
    return item


async def void(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Gives back what was set aside. An authorization that is over already answers with how it ended."""
    asked, item = Reference.model_validate(call.body), await _locked(tx, call, "authorization")
    if item.state == "captured":
        raise Refusal(409, "already_captured", "what is captured is refunded, not voided", capture_id=item.details["capture_id"])
    if item.state in ("authorized", "requires_action"):
        item.undo_reference = asked.reference
        await release(tx, item, terms)
        item.state, item.expires_at = "voided", None
        await items.save(tx, item, terms.at)
    return Answer(status=200, body=view(item), object_id=item.object_id)


async def refund(tx: Connection, call: Call, terms: Terms) -> Answer:
    """Gives captured money back, whole or in parts."""
    asked, captured = Amount.model_validate(call.body), await _locked(tx, call, "capture")
    if asked.amount_minor > captured.remaining_minor:
        left = money(captured.remaining_minor, captured.currency)
        raise Refusal(409, "amount", "more than is left of the capture", remaining=left)
    item = _new("refund", call, (asked.amount_minor, captured.currency), terms.at)
    item.parent_id, item.callback_url = captured.object_id, captured.callback_url
    await items.insert(tx, item)
    captured.details = {**captured.details, "refunded_minor": captured.amount_minor - captured.remaining_minor + asked.amount_minor}
    captured.state = "captured" if captured.remaining_minor else "refunded"
    await items.save(tx, captured, terms.at)
    instrument = captured.details["instrument"]
    await ledger.open_instrument(tx, instrument, item.currency, terms.at)
    lines = {MERCHANT: -item.amount_minor, ledger.available(instrument): item.amount_minor}
    await ledger.post(tx, item.reference, item.currency, lines, terms.at)
    return Answer(status=201, body=view(item), object_id=item.object_id)


async def release(tx: Connection, item: Item, terms: Terms) -> None:
    """What an authorization's end gives back to its instrument; one that waits for its payer holds nothing."""
    if item.state != "authorized":
        return
    instrument = item.details["instrument"]
    await ledger.open_instrument(tx, instrument, item.currency, terms.at)
    lines = {ledger.held(instrument): -item.amount_minor, ledger.available(instrument): item.amount_minor}
    await ledger.post(tx, item.undo_reference or item.reference, item.currency, lines, terms.at)


async def query(tx: Connection, call: Call, terms: Terms) -> Answer:
    """One object by its id, or all of a kind that have the caller's reference; a capture is shown with its refunds."""
    kind = str(call.body["kind"])
    if call.object_id is None:
        return await _by_reference(tx, kind, ByReference.model_validate(call.body).reference, terms.at)
    item = await items.find(tx, call.object_id)
    seen = await _full(tx, item, terms.at) if item and item.kind == kind else None
    if seen is None:
        raise Refusal(404, "not_found", f"there is no such {kind}")
    return Answer(status=200, body=seen)


async def _full(tx: Connection, item: Item, at: datetime) -> dict[str, Any] | None:
    seen = shown(WORLD, item, at)
    if seen is None or item.kind != "capture":
        return seen
    refunds = [shown(WORLD, each, at) for each in await items.children(tx, item.object_id, "refund")]
    return {**seen, "refunds": [each for each in refunds if each]}


async def _by_reference(tx: Connection, kind: str, reference: str, at: datetime) -> Answer:
    for item in await items.by_reference(tx, reference, [kind]):
        await lapse(tx, WORLD, item.object_id, at)
    seen = [await _full(tx, item, at) for item in await items.by_reference(tx, reference, [kind])]
    named = [each for each in seen if each and reference in (each["reference"], each.get("void_reference"))]
    return Answer(status=200, body={f"{kind}s": named})


WORLD = World(
    name="payment",
    kinds=frozenset({"payment"}),
    item_kinds=("authorization", "capture"),
    layout=ledger.LAYOUT,
    actions={
        "payment.authorize": authorize,
        "payment.decide": decide,
        "payment.capture": capture,
        "payment.void": void,
        "payment.refund": refund,
        "payment.query": query,
    },
    view=view,
    release=release,
)
