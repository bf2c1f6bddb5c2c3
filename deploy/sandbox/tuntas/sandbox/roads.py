"""A small road graph of each city, made of its places: the way between two points and how long it takes at an hour of the day."""

import heapq
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from tuntas.sandbox.places import Spot, spots
from tuntas.sandbox.problems import Refusal

Mode = Literal["car", "motorbike", "walk", "transit"]
_NEIGHBOURS = 4
_DETOUR = 1.3
"""How much longer a road is than the crow's way."""

_KMH: dict[str, float] = {"car": 34, "motorbike": 30, "walk": 4.8, "transit": 24}
_ZONES = {"ID": "Asia/Jakarta", "SG": "Asia/Singapore", "CN": "Asia/Shanghai", "GB": "Europe/London", "US": "America/New_York"}
_LONGEST_M = {"walk": 30_000}
_RUSH = {7: 1.6, 8: 1.8, 9: 1.4, 12: 1.2, 16: 1.4, 17: 1.9, 18: 2.0, 19: 1.5}
"""How much slower motor traffic is, by the local hour; other hours flow."""


@dataclass(frozen=True)
class Way:
    """A way: metres, seconds, the places it passes, and how much slower than in free traffic."""

    metres: int
    seconds: int
    passes: tuple[str, ...]
    slower: float


@lru_cache(maxsize=64)
def _graph(city: str) -> dict[Spot, tuple[Spot, ...]]:
    found = [spot for spot in spots() if spot.city == city]
    edges: dict[Spot, set[Spot]] = {spot: set() for spot in found}
    for spot in found:
        for other in sorted((s for s in found if s != spot), key=spot.metres_to)[:_NEIGHBOURS]:
            edges[spot].add(other)
            edges[other].add(spot)
    return {spot: tuple(sorted(near, key=lambda s: s.name)) for spot, near in edges.items()}


def traffic(country: str, at: datetime, mode: str) -> float:
    """How much slower it goes at an instant."""
    hour = at.astimezone(ZoneInfo(_ZONES.get(country, "UTC"))).hour
    slower = _RUSH.get(hour, 1.0)
    return {"car": slower, "motorbike": 1 + (slower - 1) / 3}.get(mode, 1.0)


def way(origin: Spot, destination: Spot, mode: Mode, at: datetime) -> Way:
    """The way between two points of one city. Raises Refusal(422, no_route) between cities, and for walks that nobody takes."""
    if origin.city != destination.city:
        raise Refusal(422, "no_route", "there is no road between these cities here")
    metres, passed = _shortest(origin, destination)
    if metres > _LONGEST_M.get(mode, 10**9):
        raise Refusal(422, "no_route", "that is too far to walk")
    slower = traffic(origin.country, at, mode)
    seconds = metres / (_KMH[mode] * 1000 / 3600) * slower + (420 if mode == "transit" else 60)
    return Way(round(metres), round(seconds), passed, slower)


def _shortest(origin: Spot, destination: Spot) -> tuple[float, tuple[str, ...]]:
    """A* from point to point; the ends join the graph at the places nearest to them, and may be joined directly."""
    graph = dict(_graph(origin.city))
    ends = (origin, destination)
    for end in ends:
        near = sorted((s for s in graph if s not in ends), key=end.metres_to)[:2]
        graph[end] = (*graph.get(end, ()), *near)
        for spot in near:
            graph[spot] = (*graph[spot], end)
    direct = origin.metres_to(destination) * _DETOUR
    if direct < 2_000:  # noqa: PLR2004 - round the corner
        return direct, ()
    return _a_star(graph, origin, destination) or (direct, ())


def _a_star(graph: dict[Spot, tuple[Spot, ...]], origin: Spot, destination: Spot) -> tuple[float, tuple[str, ...]] | None:
    counter, best = 0, {origin: 0.0}
    queue: list[tuple[float, int, float, Spot, tuple[str, ...]]] = [(0.0, 0, 0.0, origin, ())]
    while queue:
        _, _, gone, spot, passed = heapq.heappop(queue)
        if spot == destination:
            return gone, passed
        for other in graph.get(spot, ()):
            length = gone + spot.metres_to(other) * _DETOUR
            if length < best.get(other, float("inf")):
                best[other], counter = length, counter + 1
                via = passed if other == destination else (*passed, other.name)
                heapq.heappush(queue, (length + other.metres_to(destination), counter, length, other, via))
    return None
