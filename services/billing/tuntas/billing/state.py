"""What was used of one subject: a task, or a call that was made for none."""

from typing import Literal
from uuid import UUID

from tuntas.contracts.base import Contract, Instant


class Usage(Contract):
    """One fact, recorded once and for ever. `number` is the closing or the attempt that told it, `month` the one in which it happened.

    `quantity` is in units, in minor units of the currency, or for engines in its millionths; what `supersedes` a fact takes it back.
    """

    id: UUID
    subject: UUID
    task: UUID | None = None
    meter: str
    party: str = ""
    item: str = ""
    currency: str = ""
    quantity: int
    number: int
    price: str = ""
    month: str
    at: Instant
    supersedes: UUID | None = None


class Subject(Contract):
    """A subject's row. `booked` is what its newest closing counted; `fresh` what this batch has to record, which is not kept."""

    status: Literal["used", "answered", "completed", "compensated"] = "used"
    closing: int = 0
    booked: tuple[Usage, ...] = ()
    fresh: tuple[Usage, ...] = ()
