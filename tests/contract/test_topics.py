"""Topics: their names, their kinds, and which messages travel where."""

import re

import pytest

from tuntas.contracts import connectors, engines, executor, gateway, intent, planner, registry, saga, trust
from tuntas.contracts.base import MESSAGES, Message
from tuntas.contracts.topics import CONNECTORS, INTENTS, PARTITIONS, PUBLIC, SHARED, TASKS, Kind, Topic, all_topics, connector_commands
from tuntas.kit.messaging.topics import _new
from tuntas.local.services import PACKAGES, declared

OWNERS = (connectors, engines, executor, gateway, intent, planner, registry, saga, trust)
WIRE = {name: kind for name, kind in MESSAGES.items() if kind.__module__ in {owner.__name__ for owner in OWNERS}}
EVERY = all_topics(("travel", "payment"))
TRAVELS_ON_A_CONNECTORS_TOPIC = {
    connectors.QuoteRequested,
    connectors.StepStarted,
    connectors.StepUndo,
    connectors.UndoQuoteRequested,
    connectors.EffectObserved,
    connectors.ProviderNotified,
}


@pytest.mark.parametrize("topic", EVERY, ids=lambda topic: str(topic.name))
def test_a_topics_name_says_its_owner_and_its_kind(topic: Topic) -> None:
    if topic.kind in {Kind.EVENTS, Kind.COMMANDS, Kind.REPLIES} and topic != TASKS:
        assert re.fullmatch(rf"tuntas\.[a-z]+\.{topic.kind}\.v1", topic.name)
    else:
        assert re.fullmatch(r"tuntas\.[a-z]+(-[a-z]+)?(\.[a-z]+)?\.v1", topic.name)


def test_no_topic_is_declared_twice() -> None:
    assert len({topic.name for topic in EVERY}) == len(EVERY)


def test_the_public_topics_are_the_door_and_the_tasks() -> None:
    assert PUBLIC == (INTENTS, TASKS)


@pytest.mark.parametrize("replication", [1, 3])
def test_every_keyed_topic_has_the_same_number_of_partitions(replication: int) -> None:
    counts = {_new(topic.name, topic, replication).num_partitions for topic in EVERY if not topic.compacted}
    assert counts == {PARTITIONS}


@pytest.mark.parametrize("kind", WIRE.values(), ids=lambda kind: str(kind.wire_type))
def test_a_messages_topic_is_declared_and_holds_its_kind(kind: type[Message]) -> None:
    if kind in TRAVELS_ON_A_CONNECTORS_TOPIC:
        assert kind.topic is None
    else:
        assert kind.topic in SHARED


@pytest.mark.parametrize("kind", WIRE.values(), ids=lambda kind: str(kind.wire_type))
def test_a_wire_type_names_its_major_version(kind: type[Message]) -> None:
    assert re.fullmatch(r"tuntas\.[a-z]+\.[a-z_]+\.v[1-9]", kind.wire_type)
    assert MESSAGES[kind.wire_type] is kind


def test_every_message_with_a_wire_type_belongs_to_an_owners_file() -> None:
    found = {kind.__module__ for kind in MESSAGES.values() if kind.__module__.startswith("tuntas.")}
    assert found == {owner.__name__ for owner in OWNERS}


def test_a_connectors_topics_follow_from_its_name() -> None:
    assert connector_commands("travel").name == "tuntas.travel.commands.v1"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_reads_declared_topics_only(name: str) -> None:
    service = declared(name)
    topics = service.topics if isinstance(service.topics, tuple) else ()
    assert set(topics) <= set(all_topics(CONNECTORS))
