"""Trust's clocks, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """How long things may take.

    `approval_seconds`: a person has to answer. `start_seconds`: an approved plan may wait for its start. `forward_seconds`: it may go on.
    `grace_seconds`: a capture and the end may take longer, because clocks differ and messages travel.
    `backstop_seconds`: between two reminders to the coordinator that a task is overdue.
    """

    approval_seconds: float = 600
    start_seconds: float = 120
    forward_seconds: float = 600
    grace_seconds: float = 30
    backstop_seconds: float = 60
