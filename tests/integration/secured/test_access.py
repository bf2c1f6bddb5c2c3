"""The table of permissions is what the services declare and send, and what the page on security says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuntas.cli.access import SERVICES, Access
from tuntas.contracts import connectors, engines, executor, gateway, intent, planner, registry, saga, trust
from tuntas.contracts.base import MESSAGES
from tuntas.contracts.topics import (
    CONNECTORS,
    INTENTS,
    REGISTRY,
    TASKS,
    TRUST_STATE,
    Topic,
    connector_commands,
    connector_events,
)
from tuntas.kit.settings import KafkaSettings, PlatformSettings
from tuntas.local.services import PACKAGES, declared

ROOT = Path(__file__).resolve().parents[3]
PLATFORM = PlatformSettings.model_construct(connectors=CONNECTORS)
OWNERS = (connectors, engines, executor, gateway, intent, planner, registry, saga, trust)
KINDS = {kind.__name__: kind for kind in MESSAGES.values() if kind.__module__ in {owner.__name__ for owner in OWNERS}}
ON_A_CONNECTORS_COMMANDS = {"QuoteRequested", "StepStarted", "UndoQuoteRequested", "StepUndo", "ProviderNotified"}


def sources(name: str) -> Iterator[ast.AST]:
    """Yield every node of a service's code; a connector's effects are the kit's."""
    folders = [ROOT / "services" / PACKAGES[name].removeprefix("tuntas.").replace(".", "/")]
    if name.startswith("connectors-"):
        folders.append(ROOT / "shared/tuntas/kit/connector")
    for folder in folders:
        for file in folder.rglob("*.py"):
            yield from ast.walk(ast.parse(file.read_text()))


def made(name: str) -> set[str]:
    """Return the kinds of messages that a service makes."""
    nodes = list(sources(name))
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return {kind for kind in called if kind in KINDS and KINDS[kind].topic != INTENTS}  # the door's bodies are read, not sent


def topics_of(name: str, kind: str) -> set[Topic]:
    """Return where a service sends a kind of message."""
    own = (name.removeprefix("connectors-"),) if name.startswith("connectors-") else CONNECTORS
    topic = KINDS[kind].topic
    if topic is not None:
        return {topic}
    return {connector_commands(each) if kind in ON_A_CONNECTORS_COMMANDS else connector_events(each) for each in own}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_may_read_what_it_declares(name: str) -> None:
    assert set(SERVICES[name].reads) == set(declared(name).reads(PLATFORM))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_may_write_what_it_sends(name: str) -> None:
    sent = set[Topic]().union(*(topics_of(name, kind) for kind in made(name)))
    assert set(SERVICES[name].writes) == sent | ({TASKS} if name == "gateway" else set())


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_follows_the_state_topics_that_it_names(name: str) -> None:
    states = {"REGISTRY": REGISTRY, "TRUST_STATE": TRUST_STATE}
    named = {node.id for node in sources(name) if isinstance(node, ast.Name)}
    assert set(SERVICES[name].follows) == {topic for each, topic in states.items() if each in named}


def test_the_table_has_every_service_and_every_connector() -> None:
    assert set(SERVICES) == set(PACKAGES)


def row(name: str, needs: Access) -> str:
    def listed(topics: tuple[Topic, ...]) -> str:
        return ", ".join(f"`{topic.name.removeprefix('tuntas.')}`" for topic in topics) or "-"

    return f"| {name} | {listed(needs.reads + needs.follows)} | {listed(needs.writes)} | `tuntas.{name}` |"


def test_the_page_on_security_has_the_table() -> None:
    page = (ROOT / "docs/security.md").read_text().splitlines()
    expected = [row(name, needs) for name, needs in SERVICES.items()]
    assert [line for line in page if line.startswith(tuple(f"| {name} |" for name in SERVICES))] == expected


def test_the_page_on_security_names_every_setting_of_kafka() -> None:
    page = (ROOT / "docs/security.md").read_text()
    fields = KafkaSettings.model_fields.items()
    assert all(str(field.validation_alias or f"TUNTAS_KAFKA_{name.upper()}") in page for name, field in fields)
