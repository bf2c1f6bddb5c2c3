"""A router and a gazetteer: places by their names, ways with their times, and how the traffic is. Nothing here is kept or undone."""

import re
from datetime import datetime
from typing import Any

from tuntas.sandbox import places, roads
from tuntas.sandbox.database import Connection
from tuntas.sandbox.desk import Terms, World
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Answer, Call, PlaceSearch, RouteSearch, TrafficSearch
from tuntas.sandbox.places import Spot

_POINT = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")


def spot_of(text: str) -> Spot:
    """A point as ``lat,lon`` or as an address. Raises Refusal(422, unknown_place)."""
    found = _POINT.fullmatch(text)
    return places.at(float(found[1]), float(found[2])) if found else places.locate(text)


def shown(spot: Spot) -> dict[str, Any]:
    """A place as it is told."""
    return {"name": spot.name, "city": spot.city, "country": spot.country, "lat": spot.lat, "lon": spot.lon, "kind": spot.kind}


async def find(_tx: Connection, call: Call, _terms: Terms) -> Answer:
    """Places by words; with ``near`` those that lie nearest first."""
    asked = PlaceSearch.model_validate(call.body)
    found = places.search(asked.q)
    if asked.near:
        found = sorted(found, key=spot_of(asked.near).metres_to)
    return Answer(status=200, body={"places": [shown(spot) for spot in found]})


async def route(_tx: Connection, call: Call, terms: Terms) -> Answer:
    """The way between two points, with the traffic of its hour. Refusals: 422 ``unknown_place``, ``no_route``."""
    asked = RouteSearch.model_validate(call.body)
    origin, destination = spot_of(asked.origin), spot_of(asked.destination)
    leaves = asked.depart_at or terms.at
    found = roads.way(origin, destination, asked.mode, leaves)
    return Answer(status=200, body=_told(origin, destination, found, asked.mode, leaves))


async def traffic(_tx: Connection, call: Call, terms: Terms) -> Answer:
    """How the traffic is at a place."""
    asked = TrafficSearch.model_validate(call.body)
    place, at = spot_of(asked.place), asked.at or terms.at
    slower = roads.traffic(place.country, at, "car")
    return Answer(status=200, body={"place": shown(place), "traffic": _named(slower), "slower": slower, "at": at.isoformat()})


def _named(slower: float) -> str:
    return "heavy" if slower >= 1.6 else "slow" if slower > 1.1 else "free"  # noqa: PLR2004


def _told(origin: Spot, destination: Spot, found: roads.Way, mode: str, leaves: datetime) -> dict[str, Any]:
    return {
        "origin": shown(origin),
        "destination": shown(destination),
        "mode": mode,
        "metres": found.metres,
        "seconds": found.seconds,
        "passes": list(found.passes),
        "traffic": _named(found.slower),
        "slower": found.slower,
        "depart_at": leaves.isoformat(),
    }


def _nothing(_item: Item) -> dict[str, Any]:
    return {}


async def _release(_tx: Connection, _item: Item, _terms: Terms) -> None:
    return


WORLD = World(
    name="maps",
    kinds=frozenset({"map"}),
    item_kinds=(),
    layout="",
    actions={"map.search": find, "map.route.search": route, "map.traffic.search": traffic},
    view=_nothing,
    release=_release,
)
