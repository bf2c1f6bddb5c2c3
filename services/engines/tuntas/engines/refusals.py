"""What a caller is told who gets no answer: a stable code, words, and every attempt that was made."""

from collections.abc import Sequence

from tuntas.contracts.engines import EngineUsed
from tuntas.engines.faults import EngineFault, Kind
from tuntas.kit.errors import Rejected

_CODES = {
    Kind.REFUSED: "content_refused",
    Kind.BAD_REQUEST: "invalid_request",
    Kind.TOO_LONG: "context_too_long",
    Kind.THROTTLED: "rate_limited",
}


class Refused(Rejected):
    """No answer. `wait_seconds` says when to come again, if that helps."""

    def __init__(self, code: str, reason: str = "", attempts: Sequence[EngineUsed] = (), wait_seconds: float | None = None) -> None:
        super().__init__(code, reason)
        self.attempts, self.wait_seconds = tuple(attempts), wait_seconds


def told(fault: EngineFault, attempts: Sequence[EngineUsed]) -> Refused:
    """Return what a caller is told of a fault after which nothing else is tried."""
    return Refused(_CODES.get(fault.kind, "exhausted"), _words(fault), attempts, fault.wait_seconds)


def exhausted(faults: Sequence[EngineFault], attempts: Sequence[EngineUsed], wait_seconds: float | None = None) -> Refused:
    """Return what a caller is told when no route is left: why the first and the last one failed. A reason that all share is the code."""
    kinds = {fault.kind for fault in faults}
    if len(kinds) == 1 and (kind := next(iter(kinds))) in _CODES:
        return Refused(_CODES[kind], _words(faults[-1]), attempts, faults[-1].wait_seconds)
    if not faults:
        return Refused("exhausted", "every route is shut", attempts, wait_seconds)
    first, last = _words(faults[0]), _words(faults[-1])
    return Refused("exhausted", first if len(faults) == 1 else f"first {first}; last {last}", attempts, wait_seconds)


def _words(fault: EngineFault) -> str:
    return f"{fault.kind.value}: {fault.reason}" if fault.reason else fault.kind.value
