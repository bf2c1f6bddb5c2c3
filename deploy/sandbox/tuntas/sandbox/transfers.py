"""Money sent to somebody and money asked of somebody: what a search offers, and how an offer is known again by its id."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuntas.sandbox import offers
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import RequestSearch, TransferSearch
from tuntas.sandbox.offers import LIFETIME, Offer, Pool
from tuntas.sandbox.payees import Payee, payee_of, payees
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import money, shelf_price, sold_in

_HOLD_MINUTES = 60
_ASKED_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class _Rail:
    """One way money goes: what it costs, the most it carries, and for how long it can be called back, at what fee (US cents)."""

    provider: str
    fee_cents: int
    limit_cents: int
    recall_minutes: int
    recall_cents: int


_RAILS = (
    _Rail("antar-dana", 16, 320_000, 60, 32),
    _Rail("kilat-dana", 40, 1_600_000, 0, 0),
)


def search(asked: TransferSearch, issued: datetime) -> list[Offer]:
    """Who would send it, cheapest first.

    Raises Refusal: 402 limit, or 422 unknown_recipient, ambiguous_recipient, recipient_mismatch, unsupported_currency.
    """
    payee = payee_of(asked.recipient, asked.account)
    if not sold_in(asked.currency):
        raise Refusal(422, "unsupported_currency", "nobody here sends this currency")
    able = [rail for rail in _RAILS if asked.amount_minor <= shelf_price(rail.limit_cents, asked.currency)]
    if not able:
        raise Refusal(402, "limit", "more than anybody sends at once")
    return [_transfer(payee, rail, asked, rank, issued) for rank, rail in enumerate(able, 1)]


def _named(token: str) -> str:
    return token.removeprefix("-")


def _transfer(payee: Payee, rail: _Rail, asked: TransferSearch, rank: int, issued: datetime) -> Offer:
    fee, token = shelf_price(rail.fee_cents, asked.currency), asked.token or "-"
    parts = ("t", payee.payee_id, _RAILS.index(rail), asked.amount_minor, asked.currency, token, rank, offers.issued_mark(issued))
    details = {"payee": payee.document(), "sent": money(asked.amount_minor, asked.currency), "fee": money(fee, asked.currency)}
    return Offer(
        offer_id=offers.signed(".".join(map(str, parts))),
        kind="transfer",
        provider=rail.provider,
        rank=rank,
        units=1,
        amount_minor=asked.amount_minor + fee,
        currency=asked.currency,
        fee_minor=shelf_price(rail.recall_cents, asked.currency) if rail.recall_minutes else 0,
        refundable=rail.recall_minutes > 0,
        refund_until=issued + timedelta(minutes=_HOLD_MINUTES + rail.recall_minutes),
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=issued + LIFETIME,
        expires_at=issued + LIFETIME,
        stock=(Pool(f"rail/{rail.provider}/{issued:%Y%m%d}", 1_000_000),),
        details=details | ({"note": asked.token} if asked.token else {}),
    )


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, payee_id, rail, amount, currency, token, rank, mark = offers.unsigned(offer_id, 8)
        payee = next(each for each in payees() if each.payee_id == payee_id)
        asked = TransferSearch(amount_minor=int(amount), currency=currency, token=_named(token))
        return offers.pick([_transfer(payee, _RAILS[int(rail)], asked, int(rank), offers.issued_at(mark, now))], offer_id)
    except (ValueError, IndexError, StopIteration, OverflowError, OSError) as error:
        raise offers.unknown() from error


def charge(item: Item, at: datetime) -> int | None:
    """What taking it back costs once it was sent; None: nobody can any more."""
    terms = item.details["refund"]
    return min(int(terms["fee_minor"]), item.amount_minor) if terms["allowed"] and at <= datetime.fromisoformat(terms["until"]) else None


def ask_search(asked: RequestSearch, issued: datetime) -> list[Offer]:
    """The request as it would be sent. Raises Refusal(422): unknown_recipient, ambiguous_recipient, recipient_mismatch."""
    return [_request(payee_of(asked.recipient, asked.account), asked, issued)]


def _request(payee: Payee, asked: RequestSearch, issued: datetime) -> Offer:
    parts = ("q", payee.payee_id, asked.amount_minor, asked.currency, asked.token or "-", offers.issued_mark(issued))
    details = {"payee": payee.document(), "asked": money(asked.amount_minor, asked.currency)}
    return Offer(
        offer_id=offers.signed(".".join(map(str, parts))),
        kind="request",
        provider="tagih",
        rank=1,
        units=1,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        fee_minor=0,
        refundable=True,
        refund_until=issued + timedelta(minutes=_ASKED_MINUTES),
        hold_minutes=_ASKED_MINUTES,
        price_minutes=_ASKED_MINUTES,
        starts_at=issued + LIFETIME,
        expires_at=issued + LIFETIME,
        stock=(Pool(f"requests/{issued:%Y%m%d}", 1_000_000),),
        details=details | ({"note": asked.token} if asked.token else {}),
    )


def ask_resolve(offer_id: str, now: datetime) -> Offer:
    """The request that was offered under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, payee_id, amount, currency, token, mark = offers.unsigned(offer_id, 6)
        payee = next(each for each in payees() if each.payee_id == payee_id)
        asked = RequestSearch(amount_minor=int(amount), currency=currency, token=_named(token))
        return offers.pick([_request(payee, asked, offers.issued_at(mark, now))], offer_id)
    except (ValueError, StopIteration, OverflowError, OSError) as error:
        raise offers.unknown() from error
