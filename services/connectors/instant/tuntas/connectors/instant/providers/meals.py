"""Those who bring meals."""

from typing import Any

from tuntas.connectors.instant.actions import FOOD, FOOD_SEARCH
from tuntas.connectors.instant.providers.offers import offer_of
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

WORDS = Words("/meals/orders", "orders", "order_id", "people", "placed", "order_number", named=False)
Document = dict[str, Any]
_SHOWN = ("restaurant", "cuisine", "items", "delivery_minor", "minutes", "metres")


class Meals(Bookings):
    """One courier service with its kitchens."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return what its kitchens would bring, cheapest first.

        Raises:
            Rejected: `unknown_place`.
        """
        if wish.goal.type not in {FOOD.name, FOOD_SEARCH.name}:
            return []
        reply = await self._client.call("GET", "/meals/search", params=_query(wish.goal.parameters), traceparent=wish.traceparent)
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        found: Any = reply.body["offers"]
        made = [_offer(each) for each in found if each["provider"] == self.spec.name]
        if wish.goal.type == FOOD_SEARCH.name:
            return [offer.model_copy(update={"steps": ()}) for offer in made]
        return made


def _query(asked: Any) -> Document:
    items = [f"{each.get('quantity', 1)}*{each['item']}" for each in asked.get("items", ())]
    if "item" in asked:
        items.append(f"{asked.get('quantity', 1)}*{asked['item']}")
    named = {name: asked[name] for name in ("address", "restaurant", "cuisine", "deliver_at") if name in asked}
    return {name: str(value)[:200] for name, value in named.items()} | ({"items": "|".join(items)[:400]} if items else {})


def _offer(found: Any) -> Offer:
    dishes = ", ".join(f"{each['count']} {each['name']}" for each in found["items"])
    title = f"{dishes} from {found['restaurant']}, about {found['minutes']} min"
    return offer_of("meal", found, title, {name: found[name] for name in _SHOWN})
