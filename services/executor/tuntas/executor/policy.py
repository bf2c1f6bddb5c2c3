"""How patient the executor is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from tuntas.contracts.plan import StepKind

_TRIES = MappingProxyType({StepKind.COMPENSATABLE: 4, StepKind.PIVOT: 8, StepKind.RETRIABLE: 20})


@dataclass(frozen=True, slots=True)
class Policy:
    """Waits in seconds, limits as counts.

    A silent attempt is asked again after `first_seconds`, then each time `factor` longer up to `cap_seconds`, `tries` times for its kind
    since the last sign of life and `tries_in_all` times at most. A pending one is asked again every `pending_seconds`. A hold is renewed
    `margin_seconds` before its clock runs out. Per task: `amendments`; per leg: `reholds` of the same offer. A new revision is awaited for
    `amend_seconds`, which is longer than a person has to approve it; an operator's retry has at least `reopen_seconds` to go forward.
    """

    first_seconds: float = 5.0
    factor: float = 2.0
    cap_seconds: float = 60.0
    tries: Mapping[StepKind, int] = field(default_factory=lambda: _TRIES)
    tries_in_all: int = 60
    pending_seconds: float = 30.0
    margin_seconds: float = 2.0
    amendments: int = 1
    reholds: int = 1
    amend_seconds: float = 660.0
    reopen_seconds: float = 600.0

    @property
    def margin(self) -> timedelta:
        """Return how long before a clock runs out its effect counts as lapsed."""
        return timedelta(seconds=self.margin_seconds)

    def backoff(self, count: int) -> timedelta:
        """Return the wait after the `count`-th sending in a row."""
        return timedelta(seconds=min(self.cap_seconds, self.first_seconds * self.factor ** max(0, count - 1)))
