"""What goes wrong in a history."""

from collections.abc import Mapping
from random import Random

FAMILIES: Mapping[str, float] = {
    "again": 0.15,
    "crash": 0.05,
    "unpublished": 0.1,
    "lost": 0.2,
    "dropped": 0.1,
    "late": 0.2,
    "broken": 0.5,
    "unsent": 0.15,
    "refuse": 0.15,
    "pending": 0.25,
    "asks": 0.5,
    "expiry": 0.3,
    "other price": 0.4,
    "dear": 0.6,
    "stubborn": 0.5,
    "quoteless": 0.1,
    "slow": 0.3,
    "redriven": 0.05,
}
"""What may go wrong, and at most how often; a history has some of it."""

PROCESSES: Mapping[str, float] = {
    "severed": 0.05,
    "stop": 0.03,
    "moved": 0.03,
    "replicas": 1.0,
}
"""What may go wrong with processes that run as they do at work."""


class Moods:
    """What goes wrong in a history, and how often. `calm` ends it.

    `happened` counts what went wrong. Those whose numbers are in `muted` do not happen, although the same is drawn: so a history is made
    shorter.
    """

    def __init__(self, rng: Random, chances: Mapping[str, float], muted: frozenset[int] = frozenset()) -> None:
        self.rng, self.chances, self.muted, self.calm = rng, chances, muted, False
        self.happened = 0

    def roll(self, name: str) -> bool:
        """Say whether this goes wrong now."""
        chance = 0.0 if self.calm else self.chances.get(name, 0.0)
        if chance <= 0 or self.rng.random() >= chance:
            return False
        self.happened += 1
        return self.happened - 1 not in self.muted


def moods(rng: Random, *families: Mapping[str, float], muted: frozenset[int] = frozenset()) -> Moods:
    """Choose what goes wrong in a history."""
    chances = {name: most for family in (FAMILIES, *families) for name, most in family.items()}
    return Moods(rng, {name: most * rng.random() for name, most in chances.items() if rng.random() < 0.5}, muted)
