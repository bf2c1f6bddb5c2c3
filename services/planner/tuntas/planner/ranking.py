"""Asking for a better order: the offers that typed criteria have already accepted for a leg, told apart by typed facts alone.

An engine may put them in another order, which changes neither a ceiling nor what undoing costs at worst. It sees no words of a provider and
no id of one, so that no provider can talk to it.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue, ValidationError

from tuntas.contracts.base import Contract, Document
from tuntas.contracts.ids import derive
from tuntas.contracts.plan import Leg, Offer, Plan
from tuntas.kit.decision import Call, Context
from tuntas.planner.choosing import Candidates, departure, fees, price
from tuntas.planner.intents import PAYMENT
from tuntas.planner.policy import Policy
from tuntas.planner.state import Planning

ENGINES = "engines"
RANK_SECONDS = 2.0

_FACTS = ("stars", "rating", "stops", "minutes", "seconds", "metres", "seats", "delivery_minor", "discount_minor", "refundable")
"""Details that are numbers or yes and no by what they mean; where somebody is or what they are called is none of them."""


class _Id(Contract):
    id: str


class _Asked(Contract):
    leg: str
    offers: tuple[_Id, ...]


class _Ranked(Contract):
    leg: str
    order: tuple[str, ...]


class _Question(Contract):
    legs: tuple[_Asked, ...]


class _Answer(Contract):
    legs: tuple[_Ranked, ...]


def contested(plan: Plan, state: Planning) -> tuple[Leg, ...]:
    """Return the legs of a plan that were chosen just now from two offers or more; not who is paid, nor what other goals meet."""
    return tuple(leg for leg in plan.legs if _open(leg, state))


def rank_call(legs: Sequence[Leg], revision: int, context: Context, policy: Policy) -> Call:
    """Return the call that asks for an order of these legs' offers."""
    body: Document = {"undo_weight_percent": policy.undo_weight_percent, "legs": [_leg(leg) for leg in legs]}
    return Call(derive("rank", context.task_id), revision, "rank", ENGINES, body, RANK_SECONDS)


def _open(leg: Leg, state: Planning) -> bool:
    quote = state.quoted(leg.leg_id)
    return leg.leg_id != PAYMENT and len(leg.offers) > 1 and quote is not None and not quote.pinned


def _leg(leg: Leg) -> JsonValue:
    offers: list[JsonValue] = [_offer(place, offer) for place, offer in enumerate(leg.offers)]
    return {"leg": leg.leg_id, "goal": leg.goal_type[:64], "offers": offers}


def _offer(place: int, offer: Offer) -> JsonValue:
    found: dict[str, JsonValue] = {"id": f"o{place}", "price_minor": price(offer), "undo_minor": sum(fees(offer).values())}
    if offer.price:
        found["currency"] = offer.price.currency
    if (leaves := departure(offer)) is not None:
        found["departs_at"] = leaves.isoformat()
    if offer.window:
        found |= {"starts_at": offer.window.start.isoformat(), "ends_at": offer.window.end.isoformat()}
    facts: dict[str, JsonValue] = {n: v for n in _FACTS if isinstance(v := offer.details.get(n), int | float)}
    return found | ({"facts": facts} if facts else {})


def orders(found: object, asked: Document) -> dict[str, tuple[int, ...]] | None:
    """Return each leg's offers by their places, best first; None unless every leg that was asked about has all its offers, each once."""
    try:
        answer = _Answer.model_validate(found)
    except ValidationError:
        return None
    known = {each.leg: sorted(offer.id for offer in each.offers) for each in _Question.model_validate(asked).legs}
    if len(answer.legs) != len(known) or any(sorted(each.order) != known.get(each.leg) for each in answer.legs):
        return None
    return {each.leg: tuple(int(name.removeprefix("o")) for name in each.order) for each in answer.legs}


def named(places: Mapping[str, Sequence[int]], ranking: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the ids of offers that were asked about by their places."""
    return {leg: tuple(ranking[leg][place] for place in order) for leg, order in places.items()}


def in_order(legs: Sequence[Candidates], wanted: Mapping[str, Sequence[str]]) -> tuple[Candidates, ...]:
    """Return the legs with their offers in the order that was wanted, where that is still an order of the same offers."""
    return tuple(_in_order(leg, wanted.get(leg.leg_id, ())) for leg in legs)


def _in_order(leg: Candidates, ids: Sequence[str]) -> Candidates:
    offers = {offer.offer_id: offer for offer in leg.offers}
    if leg.kept or len(offers) != len(leg.offers) or sorted(ids) != sorted(offers):
        return leg
    return Candidates(leg.leg_id, tuple(offers[offer_id] for offer_id in ids))
