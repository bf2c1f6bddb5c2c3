"""From a goal to a search, and from what was found to offers: typed facts in, typed facts out."""

import asyncio
import json
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import airportsdata

from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, OfferStep, Phase, Place, StepKind, UndoTerms, Window
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

Document = dict[str, Any]

LEAD_MINUTES: Final = 90
"""How long before its departure one has to be at the airport."""

TAIL_MINUTES: Final = 30
"""How long after its arrival one is out of the airport."""

NEAR_MINUTES: Final = 180
"""How far from a wished departure time a flight may leave."""

_CABINS: Final = frozenset({"economy", "business"})
_REFUSALS: Final = frozenset({"unknown_airport", "same_airport", "unknown_city", "invalid_stay", "too_many_guests"})
_SHOWN: Final = {
    name: name
    for name in (
        *("airline", "flight_number", "origin", "destination", "cabin", "passengers"),
        *("hotel", "address", "city", "country", "stars", "lat", "lon", "check_in", "check_out", "rooms", "guests"),
    )
} | {"depart_at": "departs_at", "arrive_at": "arrives_at"}


class Searches:
    """Searches at one system. Providers behind it that ask the same at once are answered by one search."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._out: dict[str, asyncio.Task[Reply]] = {}

    async def find(self, path: str, query: Document, traceparent: str) -> Reply:
        """Search, or wait for the same search that is out already. Raises what Client.call raises."""
        same = json.dumps([path, query, traceparent], sort_keys=True)
        if same not in self._out:
            self._out[same] = asyncio.create_task(self._client.call("GET", path, params=query, traceparent=traceparent))
            self._out[same].add_done_callback(lambda _: self._out.pop(same))
        return await asyncio.shield(self._out[same])


def flight_query(wish: Wish) -> Document:
    """Return the search for a flight.

    Raises:
        Rejected: `cabin_unavailable`: nobody here sells that cabin, and another one is not what was asked for.
    """
    p: Any = wish.goal.parameters
    cabin = p.get("cabin_class", "economy")
    if cabin not in _CABINS:
        raise Rejected("cabin_unavailable", cabin)
    route = {"origin": p["origin"], "destination": p["destination"], "date": p["depart_date"]}
    return route | {"passengers": _people(p.get("passengers"), wish), "cabin": cabin}


def hotel_query(wish: Wish) -> Document:
    """Return the search for a room."""
    p: Any = wish.goal.parameters
    stay = {"city": p["city"], "country": p["country"], "check_in": p["check_in"], "check_out": p["check_out"]}
    return stay | {"rooms": p.get("rooms", 1), "guests": _people(p.get("guests"), wish)}


def _people(found: Any, wish: Wish) -> int:
    counted = sum(int(n) for n in found.values()) if isinstance(found, dict) else 0
    return counted or max(1, len(wish.travellers))


def refused_search(reply: Reply) -> Rejected:
    """Return why a search was refused: what was asked for does not exist, or is not possible."""
    return Rejected(reply.code if reply.code in _REFUSALS else "refused", str(reply.body.get("message", ""))[:200])


def fits(offer: Document, wish: Wish) -> bool:
    """Say whether an offer is what was asked for."""
    p: Any = wish.goal.parameters
    if p.get("refundable") and not _refundable(offer):
        return False
    return _named(offer, p) and _in_time(offer, p.get("depart_time")) and _worth(offer, p)


def _named(offer: Document, p: Any) -> bool:
    airline = f"{offer.get('airline', '')} {offer.get('flight_number', '')}".casefold()
    hotel = str(offer.get("hotel", "")).casefold()
    return str(p.get("airline", "")).casefold() in airline and str(p.get("hotel", "")).casefold() in hotel


def _in_time(offer: Document, wished: Any) -> bool:
    if wished is None or "depart_at" not in offer:
        return True
    leaves = _minutes(str(offer["depart_at"])[11:16])
    if isinstance(wished, str):
        return abs(_minutes(wished) - leaves) <= NEAR_MINUTES
    start, end = _minutes(wished.get("start") or "00:00"), _minutes(wished.get("end") or "24:00")
    return start <= leaves <= end if start <= end else leaves >= start or leaves <= end


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _worth(offer: Document, p: Any) -> bool:
    limit = p.get("night_limit")
    if int(offer.get("stars", 5)) < int(p.get("stars", 0)):
        return False
    if limit is None or "check_in" not in offer:
        return True
    nights = (datetime.fromisoformat(offer["check_out"]) - datetime.fromisoformat(offer["check_in"])).days * int(offer["rooms"])
    price = offer["price"]
    return bool(price["currency"] == limit["currency"] and price["amount_minor"] <= limit["amount_minor"] * nights)


def offer_of(kind: str, found: Document) -> Offer:
    """Return a seller's offer as ours: hold it free of charge, then buy it; without a refund, buying can't be undone."""
    refundable = _refundable(found)
    hold = OfferStep(
        name="hold",
        action=f"{kind}.hold",
        kind=StepKind.COMPENSATABLE,
        phase=Phase.HOLD,
        input={"offer_id": found["offer_id"], "people": found.get("passengers", found.get("guests", 1))},
    )
    confirm = OfferStep(
        name="confirm",
        action=f"{kind}.confirm",
        kind=StepKind.COMPENSATABLE if refundable else StepKind.PIVOT,
        phase=Phase.CONFIRM if refundable else Phase.PIVOT,
        acts_on="hold",
        obliges=True,
        undo=_terms(found),
    )
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=found["provider"],
        title=_title(found)[:200],
        price=Money.model_validate(found["price"]),
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(hold, confirm),
        details={ours: found[theirs] for theirs, ours in _SHOWN.items() if theirs in found} | {"refundable": refundable},
        window=window_of(found),
    )


def window_of(found: Document) -> Window | None:
    """Return when and where a flight takes place; a stay has no hour that others would have to meet."""
    if "depart_at" not in found:
        return None
    ends = {name: _airport(str(found[name])) for name in ("origin", "destination")}
    times = {"start": found["depart_at"], "end": found["arrive_at"]}
    return Window.model_validate({**times, "lead_minutes": LEAD_MINUTES, "tail_minutes": TAIL_MINUTES, **ends})


def _airport(code: str) -> Place | None:
    found: Any = airports().get(code)
    return Place(name=f"{found['name']} ({code})", lat=found["lat"], lon=found["lon"], tz=found["tz"]) if found else None


@lru_cache(maxsize=1)
def airports() -> dict[str, Any]:
    """Return the airports of the world by their IATA code."""
    known: dict[str, Any] = airportsdata.load("IATA")
    return known


def _refundable(found: Document) -> bool:
    """A refund that runs out before the offer does is none: by the time of buying it may be over."""
    until = found["refund"].get("until")
    return bool(found["refund"]["allowed"]) and (until is None or _instant(until) > _instant(found["expires_at"]))


def _terms(found: Document) -> UndoTerms:
    price, refund = Money.model_validate(found["price"]), found["refund"]
    if not _refundable(found):
        return UndoTerms(fee=price)
    until = _instant(refund["until"]) if refund.get("until") else None
    return UndoTerms(fee=Money(amount_minor=refund["fee_minor"], currency=price.currency), until=until)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _title(found: Document) -> str:
    if "airline" in found:
        leaves = str(found["depart_at"])[:16].replace("T", " ")
        return f"{found['airline']} {found['flight_number']} {found['origin']}-{found['destination']} {leaves}"
    return f"{found['hotel']}, {found['city']}, {found['check_in']} to {found['check_out']}"
