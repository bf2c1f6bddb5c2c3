"""Atlas: places by their names, and ways with the traffic of their hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tuntas.connectors.maps.actions import PLACE, TRAFFIC
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.http import Client, Reply
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish
from tuntas.kit.errors import Rejected

NAME = "atlas"
Document = dict[str, Any]
FRESH = timedelta(minutes=10)
"""For how long a way's time is told as it is: traffic moves on."""


class Atlas:
    """A router. It is only read, so there is nothing to do or undo."""

    spec = ProviderSpec(name=NAME, honours_keys=True, inquires=False, cancels_by_reference=False, settle_seconds=1)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def quote(self, wish: Wish) -> list[Offer]:
        """Answer what is asked.

        Raises:
            Rejected: `unknown_place`, `no_route`.
        """
        asked = wish.goal.parameters
        if wish.goal.type == PLACE.name:
            query = {"q": asked["place"]} | ({"near": asked["near"]} if "near" in asked else {})
            return [_place(each) for each in self._read(await self._get("/places", query, wish))["places"]]
        if wish.goal.type == TRAFFIC.name:
            there = {"place": _end(asked["place"])} | ({"at": asked["depart_at"]} if "depart_at" in asked else {})
            return [_traffic(self._read(await self._get("/traffic", there, wish)))]
        ends: Document = {name: _end(asked[name]) for name in ("origin", "destination")}
        more: Document = {name: asked[name] for name in ("mode", "depart_at") if name in asked}
        return [_way(self._read(await self._get("/route", ends | more, wish)))]

    async def _get(self, path: str, query: Document, wish: Wish) -> Reply:
        return await self._client.call("GET", path, params=query, traceparent=wish.traceparent)

    @staticmethod
    def _read(reply: Reply) -> Any:
        if not reply.ok:
            raise Rejected(reply.code, str(reply.body.get("message", ""))[:200])
        return reply.body

    async def act(self, _: Request) -> ActionAnswer:
        """Refuse: there is nothing to do."""
        return ActionAnswer(outcome=Outcome.REFUSED, code="invalid", reason="a map is only read")

    async def inquire(self, _: Request) -> ActionAnswer | None:
        """Nothing was ever done."""
        return None

    async def undo_quote(self, _: Request) -> UndoQuote:
        """Nothing costs nothing."""
        return UndoQuote()

    async def undo(self, _: Request) -> UndoAnswer:
        """Nothing is undone already."""
        return UndoAnswer(outcome=Outcome.UNDONE, gone=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _end(value: Any) -> str:
    return f"{value['lat']},{value['lon']}" if isinstance(value, dict) else str(value)[:200]


def _place(found: Document) -> Offer:
    return _told(f"{found['name']}, {found['city']}", found)


def _traffic(found: Any) -> Offer:
    return _told(f"Traffic is {found['traffic']} at {found['place']['name']}", found)


def _way(found: Any) -> Offer:
    minutes, km = round(found["seconds"] / 60), found["metres"] / 1000
    title = f"{minutes} min, {km:.1f} km by {found['mode']}, traffic {found['traffic']}"
    return _told(title, found).model_copy(update={"travel_seconds": found["seconds"]})


def _told(title: str, found: Document) -> Offer:
    return Offer(offer_id=NAME, provider=NAME, payee=NAME, title=title[:200], expires_at=datetime.now(UTC) + FRESH, details=found)
