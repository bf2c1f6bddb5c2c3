"""What the shopping connector can do: its goal types, their schemas, how words fill them, and the actions that reach them."""

from typing import Any

from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, SlotMapping

OBLIGING = frozenset({"basket.confirm"})
MOST_GOODS = 12
"""How many kinds of goods a basket holds."""

_ADDRESS: Any = {"type": "string", "minLength": 1, "maxLength": 2000, "x-personal": True}
_MONEY: Any = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {"amount_minor": {"type": "integer", "minimum": 1}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
}
_WORDS: Any = {"type": "string", "minLength": 1, "maxLength": 80}
_QUANTITY: Any = {
    "type": "object",
    "required": ["count"],
    "properties": {
        "count": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "unit": {"type": ["string", "null"], "maxLength": 20},
    },
}
_GOODS: Any = {"item": _WORDS, "quantity": _QUANTITY, "brand": _WORDS, "colour": _WORDS, "size": _WORDS}
_LIST: Any = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_GOODS,
    "items": {"type": "object", "additionalProperties": False, "required": ["item"], "properties": _GOODS},
}
_WHERE = {"en": "Where should it be delivered?", "id": "Dikirim ke mana?", "zh": "送到哪里？"}
_WHAT = {"en": "What would you like to buy?", "id": "Mau beli apa?", "zh": "想买什么？"}
_HOLD = ActionSpec(
    action="basket.hold", phase=Phase.HOLD, kinds=(StepKind.COMPENSATABLE,), inquire="by our reference", undo="basket.cancel"
)
_CONFIRM = ActionSpec(
    action="basket.confirm",
    phase=Phase.CONFIRM,
    kinds=(StepKind.COMPENSATABLE, StepKind.PIVOT),
    inquire="by our reference",
    undo="basket.cancel",
)


def _shop(name: str, *, informs: bool) -> GoalType:
    return GoalType(
        name=name,
        parameters={
            "type": "object",
            "additionalProperties": False,
            "required": [] if informs else ["address"],
            "anyOf": [{"required": ["item"]}, {"required": ["items"]}],
            "properties": {
                **_GOODS,
                "items": _LIST,
                "address": _ADDRESS,
                "shop": _WORDS,
                "coupon": _WORDS,
                "deliver_by": {"type": "string", "format": "date-time"},
                "refundable": {"type": "boolean"},
                "budget": _MONEY,
            },
        },
        mapping={
            "item": SlotMapping(slots=("item",), path="name", required=True, ask=_WHAT),
            "address": SlotMapping(slots=("place", "address"), path="name", required=not informs, ask=_WHERE),
            "quantity": SlotMapping(slots=("quantity",)),
            "brand": SlotMapping(slots=("brand",), path="name"),
            "colour": SlotMapping(slots=("colour",)),
            "size": SlotMapping(slots=("size",)),
            # What is yet to be ordered has no order number: a code in such a sentence is a coupon's.
            "coupon": SlotMapping(slots=("order_id",)),
            "budget": SlotMapping(slots=("budget", "price_range")),
        },
        actions=() if informs else (_HOLD, _CONFIRM),
        charges=not informs,
        informs=informs,
    )


BUY = _shop("shop.buy", informs=False)
SEARCH = _shop("shop.search", informs=True)
GOAL_TYPES = (BUY, SEARCH)
