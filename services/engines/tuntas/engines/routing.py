"""Which route an order takes next: decided from what the routes did of late. Clocks are given; nothing here waits or calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tuntas.engines.faults import EngineFault, Kind
from tuntas.kit.messaging.work import Breaker

OFF_SECONDS = 300.0
"""How long a route rests that has no money, no key or no model: nothing but an operator mends it, and each try may cost."""

_OFF = frozenset({Kind.STARVED, Kind.CREDENTIAL, Kind.GONE})
_ITS_FAULT = frozenset({Kind.TRANSIENT, Kind.SILENT, Kind.BAD_OUTPUT})
_CALLERS = frozenset({Kind.REFUSED, Kind.BAD_REQUEST})
_THROTTLED_SECONDS = 1.0


class Next(StrEnum):
    """What follows a fault."""

    AGAIN = "again"
    REPAIR = "repair"
    OTHER = "other"
    STOP = "stop"


def after(fault: EngineFault, tries: int) -> Next:
    """Return what follows the fault of the n-th try at one route."""
    if fault.kind in _CALLERS:
        return Next.STOP
    if tries == 1 and fault.kind is Kind.TRANSIENT:
        return Next.AGAIN
    return Next.REPAIR if tries == 1 and fault.kind is Kind.BAD_OUTPUT else Next.OTHER


@dataclass(slots=True)
class Route:
    """One route's condition. `shut_until` is a clock of the process: of a throttled route, or of one that is off until somebody acts."""

    name: str
    breaker: Breaker = field(default_factory=lambda: Breaker(limit=5, rest_seconds=5.0))
    shut_until: float = 0.0
    code: str = ""

    def heard(self, fault: EngineFault | None, now: float) -> None:
        """Take note of an attempt's end. A new clock never shortens an older one; what the caller caused says nothing about the route."""
        if fault is None or fault.kind in _ITS_FAULT:
            self.breaker.record(ok=fault is None, now=now)
        if fault is None:
            self.shut_until, self.code = 0.0, ""
        elif (pause := _pause(fault)) is not None:
            self.shut_until, self.code = max(self.shut_until, now + pause), fault.kind.value

    def opens_at(self, now: float) -> float:
        """Return from when on the route may be tried: now, or the end of its clocks."""
        rests = self.breaker.opened_at
        return max(now, self.shut_until, 0.0 if rests is None else rests + self.breaker.rest_seconds)


def _pause(fault: EngineFault) -> float | None:
    if fault.kind is Kind.THROTTLED:
        return _THROTTLED_SECONDS if fault.wait_seconds is None else fault.wait_seconds
    return OFF_SECONDS if fault.kind in _OFF else None


@dataclass(slots=True)
class Choice:
    """A route to take after a pause of `seconds`, or none, with the earliest moment at which one would open."""

    route: Route | None
    seconds: float


def choose(routes: Sequence[Route], done: Callable[[Route], bool], now: float, deadline: float) -> Choice:
    """Return the first route that is open; if all are shut, the one that opens first, if that is in time. `done` ones are not looked at."""
    left = [route for route in routes if not done(route)]
    opening = min(left, key=lambda route: route.opens_at(now), default=None)
    if opening is None:
        return Choice(None, 0.0)
    seconds = opening.opens_at(now) - now
    ready = next((route for route in left if route.opens_at(now) <= now), None)
    if ready is not None:
        return Choice(ready, 0.0)
    return Choice(opening if now + seconds < deadline else None, seconds)
