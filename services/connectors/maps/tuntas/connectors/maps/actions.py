"""What the maps connector can answer: its goal types, their schemas, and how words fill them. None of them does anything."""

from typing import Any

from tuntas.contracts.registry import GoalType, SlotMapping, Travels

_ADDRESS: Any = {"type": "string", "minLength": 1, "maxLength": 2000, "x-personal": True}
_POINT: Any = {
    "type": "object",
    "required": ["lat", "lon"],
    "properties": {"lat": {"type": "number", "minimum": -90, "maximum": 90}, "lon": {"type": "number", "minimum": -180, "maximum": 180}},
}
_END: Any = {"type": ["string", "object"], "anyOf": [_ADDRESS, _POINT], "x-personal": True}
_MODE: Any = {"enum": ["car", "motorbike", "walk", "transit"]}
_FROM = SlotMapping(
    slots=("origin", "origin_station"),
    path="name",
    required=True,
    ask={"en": "From where?", "id": "Dari mana?", "zh": "从哪里出发？"},
)
_TO = SlotMapping(
    slots=("destination", "destination_station", "place", "location"),
    path="name",
    required=True,
    ask={"en": "To where?", "id": "Ke mana?", "zh": "要去哪里？"},
)


def _between(name: str) -> GoalType:
    return GoalType(
        name=name,
        parameters={
            "type": "object",
            "additionalProperties": False,
            "required": ["origin", "destination"],
            "properties": {"origin": _END, "destination": _END, "mode": _MODE, "depart_at": {"type": "string", "format": "date-time"}},
        },
        mapping={"origin": _FROM, "destination": _TO},
        actions=(),
        informs=True,
        travels=Travels(origin="origin", destination="destination"),
    )


ROUTE = _between("map.route")
DISTANCE = _between("map.distance")
TRAFFIC = GoalType(
    name="map.traffic",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["place"],
        "properties": {"place": _END, "depart_at": {"type": "string", "format": "date-time"}},
    },
    mapping={"place": _TO.model_copy(update={"ask": {"en": "Where?", "id": "Di mana?", "zh": "哪里？"}})},
    actions=(),
    informs=True,
)
PLACE = GoalType(
    name="map.place",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["place"],
        "properties": {"place": {"type": "string", "minLength": 1, "maxLength": 200}, "near": _ADDRESS},
    },
    mapping={
        "place": SlotMapping(
            slots=("place", "destination", "location"),
            path="name",
            required=True,
            ask={"en": "Which place?", "id": "Tempat apa?", "zh": "什么地点？"},
        ),
        "near": SlotMapping(slots=("location", "address"), path="name"),
    },
    actions=(),
    informs=True,
)
GOAL_TYPES = (PLACE, ROUTE, DISTANCE, TRAFFIC)
