"""One example of every message type: it validates, comes back the same from the wire, and some service takes it or tells it."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tuntas.contracts import connectors, engines, executor, gateway, intent, planner, registry, saga, trust
from tuntas.contracts.base import MESSAGES
from tuntas.kit.connector.core import Rules
from tuntas.kit.connector.core import core as effects_core
from tuntas.kit.connector.provider import Specs
from tuntas.kit.messaging.wire import decode_body

OWNERS = (connectors, engines, executor, gateway, intent, planner, registry, saga, trust)
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(__file__).with_name("examples")
SCHEMAS = ROOT / "shared/tuntas/contracts/schemas"
WIRE = {name: kind for name, kind in MESSAGES.items() if kind.__module__ in {owner.__name__ for owner in OWNERS}}
FOLLOWED: set[type] = {registry.ConnectorRegistered, trust.Switch}
METERED: set[type] = {engines.EngineUsed}
AT_THE_DOOR: set[type] = {gateway.IntentSubmitted, gateway.UtteranceSubmitted}
PUBLIC: set[type[gateway.TaskEvent]] = set(gateway.TaskEvent.__subclasses__())


def document(wire_type: str) -> Any:
    return json.loads((EXAMPLES / f"{wire_type}.json").read_text())


def taken() -> set[type]:
    """Return the message types for which some core has a handler."""
    made: list[Any] = [
        import_module("tuntas.gateway.core").core(lambda _: None),
        import_module("tuntas.intent.core").core(None),
        import_module("tuntas.planner.core").core(None),
        import_module("tuntas.trust.core").core(None),
        import_module("tuntas.executor.core").core(import_module("tuntas.executor.policy").Policy()),
        import_module("tuntas.saga.core").core(),
        import_module("tuntas.billing.core").core(None),
        effects_core(Rules(Specs(connector="travel", actions={}, providers={}, obliging=frozenset()), lambda _: None)),
    ]
    return {kind for core in made for kind in core.on}


def test_every_type_has_an_example_and_no_example_is_left_over() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(WIRE)


@pytest.mark.parametrize("wire_type", WIRE)
def test_an_example_fits_its_schema(wire_type: str) -> None:
    schema = json.loads((SCHEMAS / f"{wire_type}.json").read_text())
    assert not list(jsonschema_rs.validator_for(schema).iter_errors(document(wire_type)))


@pytest.mark.parametrize("wire_type", WIRE)
def test_an_example_comes_back_the_same_from_the_wire(wire_type: str) -> None:
    message = decode_body(wire_type, (EXAMPLES / f"{wire_type}.json").read_bytes())
    again = decode_body(wire_type, message.model_dump_json().encode())
    assert again == message


@pytest.mark.parametrize("wire_type", WIRE)
def test_an_example_holds_no_field_that_its_type_does_not_know(wire_type: str) -> None:
    message = decode_body(wire_type, (EXAMPLES / f"{wire_type}.json").read_bytes())
    known = json.loads(message.model_dump_json())
    assert document(wire_type).keys() <= known.keys()


@pytest.mark.parametrize("wire_type", WIRE)
def test_an_older_reader_ignores_what_a_newer_writer_added(wire_type: str) -> None:
    newer = document(wire_type) | {"added_later": {"anything": [1, 2]}}
    assert decode_body(wire_type, json.dumps(newer).encode()) == decode_body(wire_type, json.dumps(document(wire_type)).encode())


@pytest.mark.parametrize("wire_type", WIRE)
def test_some_service_takes_it_or_tells_it_to_the_public(wire_type: str) -> None:
    assert MESSAGES[wire_type] in taken() | FOLLOWED | METERED | AT_THE_DOOR | PUBLIC


@pytest.mark.parametrize("wire_type", sorted(kind.wire_type for kind in PUBLIC))
def test_what_is_public_holds_no_personal_data(wire_type: str) -> None:
    text = (SCHEMAS / f"{wire_type}.json").read_text() + (EXAMPLES / f"{wire_type}.json").read_text()
    assert "sealed:" not in text
    assert "traveller" not in text
