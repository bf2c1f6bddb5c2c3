"""What the instant connector can do: its goal types, their schemas, how words fill them, and the actions that reach them."""

from typing import Any

from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, SlotMapping, Travels

OBLIGING = frozenset({"meal.confirm", "ride.confirm"})

_ADDRESS: Any = {"type": "string", "minLength": 1, "maxLength": 2000, "x-personal": True}
_MONEY: Any = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {"amount_minor": {"type": "integer", "minimum": 1}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
}
_PEOPLE: Any = {
    "type": "object",
    "properties": {"adults": {"type": "integer", "minimum": 1}, "children": {"type": "integer", "minimum": 0}},
}
_INSTANT: Any = {"type": "string", "format": "date-time"}
_DATE: Any = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_CLOCK: Any = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}
_COUNT: Any = {"type": "integer", "minimum": 1, "maximum": 50}
_NAME: Any = {"type": "string", "minLength": 1, "maxLength": 80}
_COUNTED: Any = {
    "type": "array",
    "minItems": 1,
    "maxItems": 20,
    "items": {
        "type": "object",
        "required": ["item"],
        "properties": {"item": _NAME, "quantity": _COUNT},
    },
}


def _actions(kind: str) -> tuple[ActionSpec, ...]:
    facts: Any = {"kinds": (StepKind.COMPENSATABLE,), "inquire": "by our reference", "undo": f"{kind}.cancel"}
    return (
        ActionSpec(action=f"{kind}.hold", phase=Phase.HOLD, **facts),
        ActionSpec(action=f"{kind}.confirm", phase=Phase.CONFIRM, **facts),
    )


def _food(name: str, *, informs: bool) -> GoalType:
    where = SlotMapping(
        slots=("address", "place"),
        path="name",
        required=True,
        ask={"en": "Where should it be brought?", "id": "Diantar ke mana?", "zh": "送到哪里？"},
    )
    return GoalType(
        name=name,
        parameters={
            "type": "object",
            "additionalProperties": False,
            "required": ["address"],
            "properties": {
                "address": _ADDRESS,
                "restaurant": _NAME,
                "cuisine": _NAME,
                "item": _NAME,
                "items": _COUNTED,
                "quantity": _COUNT,
                "deliver_at": _INSTANT,
                "budget": _MONEY,
            },
        },
        mapping={
            "address": where,
            "restaurant": SlotMapping(slots=("restaurant",), path="name"),
            "cuisine": SlotMapping(slots=("cuisine",)),
            "item": SlotMapping(slots=("item",), path="name"),
            "quantity": SlotMapping(slots=("quantity",), path="count"),
            "budget": SlotMapping(slots=("budget", "price_range")),
        },
        actions=() if informs else _actions("meal"),
        charges=not informs,
        informs=informs,
    )


FOOD = _food("food.order", informs=False)
FOOD_SEARCH = _food("food.search", informs=True)
RIDE = GoalType(
    name="ride.book",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "origin": _ADDRESS,
            "destination": _ADDRESS,
            "pickup_at": _INSTANT,
            "pickup_date": _DATE,
            "pickup_time": _CLOCK,
            "ride_type": {"enum": ["bike", "car", "xl", "taxi"]},
            "passengers": _PEOPLE,
            "budget": _MONEY,
        },
    },
    mapping={
        "origin": SlotMapping(
            slots=("origin", "address"),
            path="name",
            required=True,
            ask={"en": "Where should you be picked up?", "id": "Dijemput di mana?", "zh": "在哪里上车？"},
        ),
        "destination": SlotMapping(
            slots=("destination", "place"), path="name", required=True, ask={"en": "Where to?", "id": "Mau ke mana?", "zh": "要去哪里？"}
        ),
        "pickup_date": SlotMapping(slots=("date", "depart_date")),
        "pickup_time": SlotMapping(slots=("pickup_time", "time", "depart_time")),
        "ride_type": SlotMapping(slots=("ride_type",)),
        "passengers": SlotMapping(slots=("passengers", "guests")),
        "budget": SlotMapping(slots=("budget", "price_range")),
    },
    actions=_actions("ride"),
    charges=True,
    travels=Travels(origin="origin", destination="destination"),
)
RESERVE = GoalType(
    name="food.reserve",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["restaurant", "date", "time"],
        "properties": {"restaurant": _NAME, "near": _ADDRESS, "date": _DATE, "time": _CLOCK, "guests": _PEOPLE},
    },
    mapping={
        "restaurant": SlotMapping(
            slots=("restaurant",),
            path="name",
            required=True,
            ask={"en": "At which restaurant?", "id": "Di restoran mana?", "zh": "哪家餐厅？"},
        ),
        "near": SlotMapping(slots=("address",), path="name"),
        "date": SlotMapping(slots=("date",), required=True, ask={"en": "On which day?", "id": "Hari apa?", "zh": "哪天？"}),
        "time": SlotMapping(slots=("time",), required=True, ask={"en": "At what time?", "id": "Jam berapa?", "zh": "几点？"}),
        "guests": SlotMapping(slots=("guests", "passengers")),
    },
    actions=_actions("table")[:1],
)
GOAL_TYPES = (FOOD, FOOD_SEARCH, RESERVE, RIDE)
