"""The numbers that steer a rollback."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds. An undo is sent `undo_sends` times with growing pauses before its effect waits for a person.

    `grace_seconds` after the last `forward_by` the coordinator asks by itself; `replan_lost` lets the executor replace what the
    other side took back after the end, for `reopen_seconds`; without it, the rest is undone.
    """

    undo_first_seconds: float = 5.0
    undo_factor: float = 2.0
    undo_cap_seconds: float = 300.0
    undo_sends: int = 12
    halt_seconds: float = 10.0
    grace_seconds: float = 30.0
    reopen_seconds: float = 3600.0
    replan_lost: bool = True

    def undo_pause(self, sends: int) -> float:
        """Return the seconds to wait after this many sends of one undo."""
        return min(self.undo_cap_seconds, self.undo_first_seconds * self.undo_factor ** min(sends - 1, 64))
