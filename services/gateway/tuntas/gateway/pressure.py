"""Whether the platform can take more: the door refuses new tasks early, so that what was accepted is finished."""

import asyncio
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tuntas.kit.errors import Rejected

EARLY_SECONDS = 2.0
LATE_SECONDS = 8.0
"""When some service reads records that are so old, none and all of the new tasks are refused; in between, a share that grows evenly."""
MOST_OPEN = 200
"""So many submissions are looked after at once by a replica; with more, each would only wait."""
LONGEST_SECONDS = 60

_LOOK_SECONDS = 1.0
_AFTERWARDS = ["billing", "engines"]
"""They read what is over: nobody waits for them."""

_DELAY = """select coalesce(max((detail ->> 'delay')::float8), 0) from ops.heartbeats
    where at > now() - interval '10 seconds' and service <> all($1::text[])"""


class Overloaded(Rejected):
    """A new task that is not taken now. Nothing of it was kept, and the same request may be repeated after so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__("overloaded", "a new task would wait too long")
        self.retry_after = seconds


@dataclass
class Pressure:
    """How far behind the platform is, as its services say with their signs of life.

    `delay` is how old, in seconds, the records were that the latest of them took of late. `dice` are for the share.
    """

    pool: Any
    dice: random.Random = field(default_factory=random.Random)
    delay: float = 0.0
    open: int = 0

    async def step(self) -> None:
        """Look at the signs of life, and wait a little."""
        self.delay = await self.pool.fetchval(_DELAY, _AFTERWARDS)
        await asyncio.sleep(_LOOK_SECONDS)

    def refuses(self) -> bool:
        """Say whether a new task is refused."""
        share = (self.delay - EARLY_SECONDS) / (LATE_SECONDS - EARLY_SECONDS)
        return self.open >= MOST_OPEN or self.dice.random() < share

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Count a submission while it is looked after.

        Raises:
            Overloaded: it is not taken.
        """
        if self.refuses():
            raise Overloaded(min(LONGEST_SECONDS, max(1, math.ceil(self.delay))))
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
