"""The planner's numbers. Percentages are whole, because money is."""

from dataclasses import dataclass

PASSING = frozenset({"breaker_open", "unreachable", "overloaded", "rate_limited", "unavailable", "no_answer"})
"""What a quote fails with while its provider is away or busy: in a moment the answer may be another."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How quotes are gathered and offers are weighed.

    `quote_seconds`: how long connectors have to answer; enough for one that dies twice while it asks (a lost read takes up to 18 s to be
    found and is asked again). `pause_seconds`: how long after a failure that passes the question is put anew; it doubles with each time.
    `min_validity_seconds`: an offer that expires sooner is dropped.
    `alternatives`: how many are kept for each leg. `headroom_percent`: how much dearer than the chosen offer one may be, 25 is a quarter.
    `undo_weight_percent`: how much of the worst undo fee is added to a price when offers are compared. `meeting_minutes`: how far apart
    in time the alternatives of a leg may be that another one meets.
    """

    quote_seconds: int = 45
    pause_seconds: int = 1
    min_validity_seconds: int = 30
    alternatives: int = 3
    headroom_percent: int = 25
    undo_weight_percent: int = 10
    meeting_minutes: int = 10
