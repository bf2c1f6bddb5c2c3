"""Chains of shops."""

from typing import Any

from tuntas.connectors.shopping.actions import BUY, SEARCH
from tuntas.connectors.shopping.providers.offers import offer_of
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

WORDS = Words("/baskets/orders", "orders", "order_id", "people", "placed", "order_number", named=False)
Document = dict[str, Any]


class Baskets(Bookings):
    """One chain with its shops; a goal is one basket at one of them."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return the baskets that its shops would bring, cheapest first, without a coupon and with each that applies.

        Raises:
            Rejected: `unknown_place`; `size_missing`: it comes in sizes and none is named; `invalid`.
        """
        if wish.goal.type not in {BUY.name, SEARCH.name}:
            return []
        reply = await self._client.call("GET", "/baskets/search", params=query(wish), traceparent=wish.traceparent)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        found: Any = reply.body["offers"]
        made = [offer_of(each) for each in found if each["provider"] == self.spec.name]
        if wish.goal.type == SEARCH.name:
            return [offer.model_copy(update={"steps": ()}) for offer in made if _within(offer, wish.goal.parameters.get("budget"))]
        return made


def _within(offer: Offer, budget: Any) -> bool:
    """Say whether an offer is for a budget: nobody plans an answer, so nobody else looks at it."""
    return not isinstance(budget, dict) or not offer.price or offer.price.amount_minor <= budget["amount_minor"]


def query(wish: Wish) -> Document:
    """Return the search for a basket; somebody who only asks and says no address means the city of their clock.

    Raises:
        Rejected: `invalid`: a quantity or a list is none.
    """
    asked: Any = wish.goal.parameters
    goods = [*_listed(asked.get("items", [])), *([asked] if "item" in asked else [])]
    address = asked.get("address") or wish.tz.rpartition("/")[2].replace("_", " ")
    named = {name: str(asked[name])[:200] for name in ("shop", "coupon", "deliver_by") if name in asked}
    flags = {"refundable": bool(asked.get("refundable")), "browse": wish.goal.type == SEARCH.name}
    told = {name: "true" for name, said in flags.items() if said}
    return {"address": str(address)[:200], "items": "|".join(map(_line, goods))[:1500]} | named | told


def _listed(goods: Any) -> list[Any]:
    if not isinstance(goods, list) or not all(isinstance(each, dict) for each in goods):
        raise Rejected("invalid", "items")
    return goods


def _line(goods: Any) -> str:
    """Write one wish as the shops read it: count and unit, name, brand, colour, size."""
    quantity = goods.get("quantity", {})
    if not isinstance(quantity, dict):
        raise Rejected("invalid", "quantity")
    count = f"{quantity.get('count', 1)} {_plain(quantity.get('unit') or '')}".strip()
    return "*".join((count, *(_plain(goods.get(name, "")) for name in ("item", "brand", "colour", "size"))))


def _plain(text: Any) -> str:
    return str(text).replace("*", " ").replace("|", " ").strip()
