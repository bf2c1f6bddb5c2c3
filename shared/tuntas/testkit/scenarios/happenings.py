"""What happens beside the steps, each at its time: to messages, to services, at providers, by people."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from tuntas.contracts.base import Code
from tuntas.testkit.scenarios.words import Length, Minor, Name, Plain, Word


class _At(Word):
    """`at`: how long after the plan was approved (with trust: proposed)."""

    at: Length = 0.0


class Cancel(_At):
    """Somebody wants the task undone; of another `tenant`, it is a foreign record."""

    do: Literal["cancel"]
    by: Literal["person", "revoked", "expired"] = "person"
    tenant: Plain | None = None


class GiveUp(_At):
    """The person gives up these legs of a completed task and keeps the others: for up to `fee_limit`, else for the fees that were quoted.

    `version` is that of the saga that they looked at.
    """

    do: Literal["give_up"]
    legs: Annotated[tuple[Plain, ...], Field(min_length=1)]
    fee_limit: Minor | None = None
    version: int | None = None


class Decide(_At):
    """The person answers the question whether the plan may run."""

    do: Literal["decide"]
    approved: bool


class Propose(_At):
    """The planner proposes the plan once more, as the next revision."""

    do: Literal["propose"]


class End(_At):
    """The other side ends what a step did. `refund` is what it gives back, all unless said; nobody is told unless there is a hint."""

    do: Literal["end"]
    step: Name
    code: Code = "cancelled_by_provider"
    refund: Minor | None = None


class Hint(_At):
    """The provider's webhook about a step arrives."""

    do: Literal["hint"]
    step: Name


class Prove(_At):
    """The person does at the provider what it asked for."""

    do: Literal["prove"]
    step: Name


class Park(_At):
    """A kill switch: no call leaves to this provider."""

    do: Literal["park"]
    provider: Plain


class Unpark(_At):
    """The kill switch is lifted."""

    do: Literal["unpark"]
    provider: Plain


class Repair(_At):
    """An operator decides."""

    do: Literal["repair"]
    action: Literal["retry", "skip", "mark_done", "accept_fee", "force"]
    step: Name | None = None
    evidence: dict[str, JsonValue] = Field(default_factory=dict)


class Hold(_At):
    """Nothing of a topic, such as `executor.events`, is delivered any more; `to` names one reader."""

    do: Literal["hold"]
    topic: str
    to: Plain | None = None


class Release(_At):
    """What was held is delivered, in order."""

    do: Literal["release"]
    topic: str
    to: Plain | None = None


class _Record(_At):
    """A record by its message type, such as `step.replied`, and where it has one by its step; `to` names one reader."""

    message: str
    step: Name | None = None
    to: Plain | None = None


class Delay(_Record):
    """The next such record is delivered later, others overtake it."""

    do: Literal["delay"]
    by: Length


class Damage(_Record):
    """The next such record arrives with these parts of its body changed; dots lead into parts."""

    do: Literal["damage"]
    set: dict[str, JsonValue]


class Redeliver(_Record):
    """The last such record is delivered once more, as it was sent."""

    do: Literal["redeliver"]


class Stop(_At):
    """A service stops between two decisions; answers to its calls are lost."""

    do: Literal["stop"]
    service: Plain


class Crash(_At):
    """A service stops when its next decision is committed: its outputs are not published, what it read is not acknowledged."""

    do: Literal["crash"]
    service: Plain


class Start(_At):
    """Another process takes a stopped service over."""

    do: Literal["start"]
    service: Plain


class Republish(_At):
    """A process that was thought dead publishes all once more that the service ever published."""

    do: Literal["republish"]
    service: Plain


class Archive(_At):
    """A service's row of the task is archived away, with all that it counted."""

    do: Literal["archive"]
    service: Plain


Happening = Annotated[
    Cancel
    | GiveUp
    | Decide
    | Propose
    | End
    | Hint
    | Prove
    | Park
    | Unpark
    | Repair
    | Hold
    | Release
    | Delay
    | Damage
    | Redeliver
    | Stop
    | Crash
    | Start
    | Republish
    | Archive,
    Field(discriminator="do"),
]
