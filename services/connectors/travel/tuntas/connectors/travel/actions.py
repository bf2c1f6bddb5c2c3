"""What the travel connector can do: its goal types, their schemas, how words fill them, and the actions that reach them."""

from typing import Any

from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, SlotMapping

OBLIGING = frozenset({"flight.confirm", "hotel.confirm"})

_DATE: Any = {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_MONEY: Any = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {"amount_minor": {"type": "integer", "minimum": 1}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
}
_PEOPLE: Any = {
    "type": "object",
    "properties": {"adults": {"type": "integer", "minimum": 1, "maximum": 9}, "children": {"type": "integer", "minimum": 0, "maximum": 8}},
}
_CLOCK: Any = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}
_TIME: Any = {
    "anyOf": [_CLOCK, {"type": "object", "properties": {end: {"anyOf": [_CLOCK, {"type": "null"}]} for end in ("start", "end")}}],
}
_AIRPORT: Any = {"type": "string", "pattern": "^[A-Z]{3}$"}


def _actions(kind: str) -> tuple[ActionSpec, ...]:
    cancel = f"{kind}.cancel"
    return (
        ActionSpec(action=f"{kind}.hold", kinds=(StepKind.COMPENSATABLE,), phase=Phase.HOLD, inquire="by our reference", undo=cancel),
        ActionSpec(
            action=f"{kind}.confirm",
            kinds=(StepKind.COMPENSATABLE, StepKind.PIVOT),
            phase=Phase.CONFIRM,
            inquire="by our reference",
            undo=cancel,
        ),
    )


FLIGHT = GoalType(
    name="travel.flight.book",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["origin", "destination", "depart_date"],
        "properties": {
            "origin": _AIRPORT,
            "destination": _AIRPORT,
            "depart_date": _DATE,
            "passengers": _PEOPLE,
            "depart_time": _TIME,
            "cabin_class": {"enum": ["economy", "premium_economy", "business", "first"]},
            "airline": {"type": "string", "maxLength": 60},
            "refundable": {"type": "boolean"},
            "budget": _MONEY,
        },
    },
    mapping={
        "origin": SlotMapping(
            slots=("origin",),
            path="code",
            required=True,
            ask={"en": "Where do you fly from?", "id": "Berangkat dari mana?", "zh": "您从哪里出发？"},
        ),
        "destination": SlotMapping(
            slots=("destination",),
            path="code",
            required=True,
            ask={"en": "Where do you fly to?", "id": "Mau terbang ke mana?", "zh": "您要飞往哪里？"},
        ),
        "depart_date": SlotMapping(
            slots=("depart_date",), required=True, ask={"en": "On which day?", "id": "Berangkat tanggal berapa?", "zh": "哪一天出发？"}
        ),
        "depart_time": SlotMapping(slots=("depart_time",)),
        "passengers": SlotMapping(slots=("passengers", "guests")),
        "cabin_class": SlotMapping(slots=("cabin_class",)),
        "airline": SlotMapping(slots=("airline",)),
        "budget": SlotMapping(slots=("budget",)),
    },
    quote={"provider": "search by route and date"},
    actions=_actions("flight"),
    charges=True,
)

HOTEL = GoalType(
    name="travel.hotel.book",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["city", "country", "check_in", "check_out"],
        "properties": {
            "city": {"type": "string", "minLength": 1, "maxLength": 80},
            "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
            "check_in": _DATE,
            "check_out": _DATE,
            "rooms": {"type": "integer", "minimum": 1, "maximum": 9},
            "guests": _PEOPLE,
            "hotel": {"type": "string", "minLength": 1, "maxLength": 80},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "night_limit": _MONEY,
            "refundable": {"type": "boolean"},
            "budget": _MONEY,
        },
    },
    mapping={
        "city": SlotMapping(
            slots=("location", "destination"),
            path="name",
            required=True,
            ask={"en": "In which city?", "id": "Hotelnya di kota mana?", "zh": "在哪个城市？"},
        ),
        "country": SlotMapping(slots=("location", "destination"), path="country"),
        "check_in": SlotMapping(
            slots=("check_in", "date"), required=True, ask={"en": "From which day?", "id": "Check-in tanggal berapa?", "zh": "哪天入住？"}
        ),
        "check_out": SlotMapping(
            slots=("check_out",), required=True, ask={"en": "Until which day?", "id": "Check-out tanggal berapa?", "zh": "哪天退房？"}
        ),
        "rooms": SlotMapping(slots=("rooms",), path="count"),
        "guests": SlotMapping(slots=("guests", "passengers")),
        "hotel": SlotMapping(slots=("hotel",), path="name"),
        "stars": SlotMapping(slots=("hotel",), path="stars"),
        "night_limit": SlotMapping(slots=("price_range",), path="max"),
        "budget": SlotMapping(slots=("budget",)),
    },
    quote={"provider": "search by city and nights"},
    actions=_actions("hotel"),
    charges=True,
)
