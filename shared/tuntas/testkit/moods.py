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
    "cheaper": 0.4,
    "dear": 0.6,
    "stubborn": 0.5,
    "quoteless": 0.1,
    "slow": 0.3,
}
"""What may go wrong, and at most how often; a history has some of it."""


class Moods:
    """What goes wrong in a history, and how often. `calm` ends it."""

    def __init__(self, rng: Random, chances: Mapping[str, float]) -> None:
        self.rng, self.chances, self.calm = rng, chances, False

    def roll(self, name: str) -> bool:
        """Say whether this goes wrong now."""
        chance = 0.0 if self.calm else self.chances.get(name, 0.0)
        return chance > 0 and self.rng.random() < chance


def moods(rng: Random) -> Moods:
    """Choose what goes wrong in a history."""
    return Moods(rng, {name: most * rng.random() for name, most in FAMILIES.items() if rng.random() < 0.5})
