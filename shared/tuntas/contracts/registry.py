"""What a connector declares of itself; gateway, intent and planner learn their goal types from it, without an edit."""

from msgspec import field

from tuntas.contracts.base import Contract, Document, Message
from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.topics import REGISTRY


class SlotMapping(Contract):
    """How a parameter is filled from what a person said. `slots` are tried in order; `ask` is the question per language.

    `path` names the part of the slot's canonical value that is meant, with dots between its steps; empty: the whole value. What is
    required is not missing if a parameter before it that `unless` names is there.
    """

    slots: tuple[str, ...]
    path: str = ""
    required: bool = False
    unless: tuple[str, ...] = ()
    ask: dict[str, str] = field(default_factory=dict)


class ActionSpec(Contract):
    """One action with its compensation. `inquire` and `undo` say how its outcome is asked for and how it is undone."""

    action: str
    kinds: tuple[StepKind, ...]
    phase: Phase
    inquire: str
    undo: str


class Travels(Contract):
    """Which parameters of a goal type name where a way begins and ends; text, or `{lat, lon}`."""

    origin: str
    destination: str


class GoalType(Contract):
    """A goal the connector can reach: its JSON Schema, how words fill it, and which actions reach it.

    `charges` says that its price is paid through the plan's payment leg; `settles` that it is such a payment leg; `informs` that the
    quote is the answer and nothing is done; `travels` that it goes from somewhere to somewhere. A text property of `parameters` marked
    `"x-personal": true` is sealed on its way and opened for the provider only.
    """

    name: str
    version: int = 1
    parameters: Document
    mapping: dict[str, SlotMapping] = field(default_factory=dict)
    quote: Document = field(default_factory=dict)
    actions: tuple[ActionSpec, ...]
    charges: bool = False
    settles: bool = False
    informs: bool = False
    travels: Travels | None = None


class ProviderSpec(Contract):
    """What a provider's interface offers for resolving doubt (protocol R5). Durations in seconds."""

    name: str
    honours_keys: bool
    inquires: bool
    cancels_by_reference: bool
    settle_seconds: float


class ConnectorRegistered(Message, name="connector.registered", topic=REGISTRY):
    """A connector's manifest; keyed by the connector's name on a compacted topic."""

    connector: str
    goal_types: tuple[GoalType, ...]
    providers: tuple[ProviderSpec, ...]
