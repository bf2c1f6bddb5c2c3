"""Who reads and writes which topics: the ACLs that a broker has to have, and what `tuntas check --service` compares with."""

from collections.abc import Iterator
from dataclasses import dataclass

from tuntas.cli.backends import kafka
from tuntas.cli.faults import EXIT_USAGE, Fault
from tuntas.cli.profile import Profile
from tuntas.contracts import topics as t
from tuntas.contracts.topics import CONNECTORS, Topic, all_topics, connector_commands, connector_events
from tuntas.kit.messaging import topics
from tuntas.kit.messaging.client import Right


@dataclass(frozen=True, slots=True)
class Access:
    """What one service must be allowed on topics, besides reading in its consumer group `tuntas.<service>`.

    `follows` are read without a group. Every service may set records aside.
    """

    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    follows: tuple[Topic, ...] = ()

    def rights(self) -> Iterator[tuple[Topic, Right]]:
        """Yield each right that is needed."""
        yield from ((topic, Right.READ) for topic in (*self.reads, *self.follows))
        yield from ((topic, Right.WRITE) for topic in (*self.writes, t.DEAD_LETTERS))


_COMMANDS = tuple(connector_commands(name) for name in CONNECTORS)
_EVENTS = tuple(connector_events(name) for name in CONNECTORS)
_INNER_EVENTS = (t.INTENT_EVENTS, t.PLANNER_EVENTS, t.TRUST_EVENTS, t.EXECUTOR_REPLIES, t.SAGA_REPLIES, t.SAGA_EVENTS)


def _connector(name: str) -> Access:
    own = connector_commands(name)
    answers = (t.PLANNER_REPLIES, t.EXECUTOR_REPLIES, t.SAGA_REPLIES)
    return Access((own,), (own, connector_events(name), *answers, t.REGISTRY), (t.TRUST_STATE,))


SERVICES = {
    "gateway": Access(
        (t.INTENTS, t.GATEWAY_EVENTS, *_INNER_EVENTS),
        (t.TASKS, t.GATEWAY_EVENTS, t.INTENT_COMMANDS, t.TRUST_COMMANDS, t.EXECUTOR_COMMANDS, t.SAGA_COMMANDS, t.TRUST_STATE),
        (t.REGISTRY,),
    ),
    "intent": Access((t.GATEWAY_EVENTS, t.INTENT_COMMANDS), (t.INTENT_EVENTS,), (t.REGISTRY,)),
    "planner": Access((t.INTENT_EVENTS, t.PLANNER_COMMANDS, t.PLANNER_REPLIES), (t.PLANNER_EVENTS, *_COMMANDS), (t.REGISTRY,)),
    "trust": Access((t.PLANNER_EVENTS, t.TRUST_COMMANDS, t.SAGA_EVENTS), (t.TRUST_EVENTS, t.SAGA_COMMANDS)),
    "executor": Access(
        (t.TRUST_EVENTS, t.EXECUTOR_COMMANDS, t.EXECUTOR_REPLIES, t.PLANNER_EVENTS),
        (t.EXECUTOR_EVENTS, t.PLANNER_COMMANDS, t.SAGA_COMMANDS, *_COMMANDS),
    ),
    "saga": Access(
        (t.EXECUTOR_EVENTS, t.SAGA_COMMANDS, t.SAGA_REPLIES, *_COMMANDS, *_EVENTS),
        (t.SAGA_EVENTS, t.EXECUTOR_COMMANDS, t.EXECUTOR_REPLIES, *_COMMANDS),
    ),
    "billing": Access((t.SAGA_EVENTS, t.PLANNER_EVENTS, t.ENGINES_EVENTS), ()),
    "engines": Access((t.SAGA_EVENTS,), (t.ENGINES_EVENTS,)),
    **{f"connectors-{name}": _connector(name) for name in CONNECTORS},
}
"""Service name to its access. A tenant's own topics come on top: the gateway reads its door and writes its events."""


def check(profile: Profile, service: str | None) -> list[str]:
    """Return what is wrong with the deployment's topics as our user sees them, and if a service is named what it needs and may not do.

    With a service only its own topics are looked at: it is not allowed to see the others.

    Raises:
        ConfigurationError: `bad_settings`, `kafka_login` or `kafka_certificate`.
        Transient, Fault: Kafka can't be reached; `unknown_service`.
    """
    if service is None:
        return kafka(profile, lambda settings: topics.faults(settings, all_topics(CONNECTORS)))
    if service not in SERVICES:
        raise Fault("unknown_service", f"{service}: known are {', '.join(SERVICES)}", EXIT_USAGE)
    rights = list(SERVICES[service].rights())
    used = tuple(dict.fromkeys(topic for topic, _ in rights))
    return kafka(profile, lambda settings: topics.faults(settings, used, rights, settings.group(service)))
