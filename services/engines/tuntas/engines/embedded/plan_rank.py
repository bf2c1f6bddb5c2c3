"""`plan.rank`: offers in the order of typed criteria: price with a part of the worst undo fee, then the earlier departure."""

from datetime import UTC, datetime
from typing import Any

from tuntas.contracts.base import Document

_FAR = datetime.max.replace(tzinfo=UTC)


def answer(document: Document) -> Document:
    """Return the ids of each leg's offers, best first; what is equal stays in the order it came in."""
    asked: Any = document
    weight = asked["undo_weight_percent"]
    return {"legs": [{"leg": leg["leg"], "order": _order(leg["offers"], weight)} for leg in asked["legs"]]}


def _order(offers: list[dict[str, Any]], weight: int) -> list[Any]:
    ranked = sorted(offers, key=lambda offer: (offer["price_minor"] * 100 + offer["undo_minor"] * weight, _departure(offer)))
    return [offer["id"] for offer in ranked]


def _departure(offer: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(offer["departs_at"]) if "departs_at" in offer else _FAR
