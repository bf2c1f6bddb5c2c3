"""Every topic: owner, kind, key. The names here are without the deployment's prefix, which the kit puts before them."""

from dataclasses import dataclass, field
from enum import StrEnum

PARTITIONS = 6
"""Partitions of every keyed topic. Equal everywhere (protocol R9) and never changed in place."""

CONNECTORS = ("instant", "maps", "payment", "shopping", "travel")
"""The connectors that a deployment has unless it names its own (`TUNTAS_CONNECTORS`)."""


class Kind(StrEnum):
    """What travels on a topic."""

    EVENTS = "events"
    COMMANDS = "commands"
    REPLIES = "replies"
    DOOR = "door"
    STATE = "state"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's name and kind. State topics are compacted and read whole by every replica, without a group."""

    name: str
    kind: Kind
    compacted: bool = field(init=False)
    """Whether only the last record of a key is kept."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "compacted", self.kind is Kind.STATE)


def _owned(owner: str, kind: Kind) -> Topic:
    return Topic(f"tuntas.{owner}.{kind.value}.v1", kind)


INTENTS = Topic("tuntas.intents.v1", Kind.DOOR)
TASKS = Topic("tuntas.tasks.v1", Kind.EVENTS)
DEAD_LETTERS = Topic("tuntas.dead-letters.v1", Kind.DEAD_LETTERS)
REGISTRY = Topic("tuntas.registry.v1", Kind.STATE)
TRUST_STATE = Topic("tuntas.trust.state.v1", Kind.STATE)

GATEWAY_EVENTS = _owned("gateway", Kind.EVENTS)
INTENT_EVENTS = _owned("intent", Kind.EVENTS)
INTENT_COMMANDS = _owned("intent", Kind.COMMANDS)
PLANNER_EVENTS = _owned("planner", Kind.EVENTS)
PLANNER_COMMANDS = _owned("planner", Kind.COMMANDS)
PLANNER_REPLIES = _owned("planner", Kind.REPLIES)
TRUST_EVENTS = _owned("trust", Kind.EVENTS)
TRUST_COMMANDS = _owned("trust", Kind.COMMANDS)
EXECUTOR_EVENTS = _owned("executor", Kind.EVENTS)
EXECUTOR_COMMANDS = _owned("executor", Kind.COMMANDS)
EXECUTOR_REPLIES = _owned("executor", Kind.REPLIES)
SAGA_EVENTS = _owned("saga", Kind.EVENTS)
SAGA_COMMANDS = _owned("saga", Kind.COMMANDS)
SAGA_REPLIES = _owned("saga", Kind.REPLIES)
ENGINES_EVENTS = _owned("engines", Kind.EVENTS)

PUBLIC = (INTENTS, TASKS)
SHARED = (
    *PUBLIC,
    DEAD_LETTERS,
    REGISTRY,
    TRUST_STATE,
    GATEWAY_EVENTS,
    INTENT_EVENTS,
    INTENT_COMMANDS,
    PLANNER_EVENTS,
    PLANNER_COMMANDS,
    PLANNER_REPLIES,
    TRUST_EVENTS,
    TRUST_COMMANDS,
    EXECUTOR_EVENTS,
    EXECUTOR_COMMANDS,
    EXECUTOR_REPLIES,
    SAGA_EVENTS,
    SAGA_COMMANDS,
    SAGA_REPLIES,
    ENGINES_EVENTS,
)
"""All topics that exist whatever connectors are installed."""


def connector_commands(connector: str) -> Topic:
    """Return the topic on which a connector takes commands; the coordinator reads it too, as declarations."""
    return _owned(connector, Kind.COMMANDS)


def connector_events(connector: str) -> Topic:
    """Return the topic on which a connector tells what it observed."""
    return _owned(connector, Kind.EVENTS)


def all_topics(connectors: tuple[str, ...]) -> tuple[Topic, ...]:
    """Return every topic of a deployment with these connectors."""
    return (*SHARED, *(make(name) for name in connectors for make in (connector_commands, connector_events)))
