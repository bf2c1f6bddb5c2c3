"""Who is simulated: the installed services' own decisions and topics, and what the travel and payment connectors sell."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tuntas.contracts.base import Message
from tuntas.contracts.ids import derive
from tuntas.contracts.registry import ConnectorRegistered
from tuntas.contracts.topics import REGISTRY
from tuntas.kit.app import Parts
from tuntas.kit.decision import Send
from tuntas.kit.messaging.wire import encode
from tuntas.kit.persistence.store import Store
from tuntas.testkit import installed
from tuntas.testkit.actors import Cast, Kind
from tuntas.testkit.history import START
from tuntas.testkit.world import Part

SOLD: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "travel": {"travel.flight.book": ("nusantara-air", "meridian-wings", "kite-regional"), "travel.hotel.book": ("bale-stays",)},
    "payment": {"pay.charge": ("lontar-pay",)},
}
"""Connector to goal type to the providers that sell it: between them they offer every way of resolving doubt."""
CONNECTORS = tuple(SOLD)
SERVICES = ("planner", "trust", "executor", "saga", *(f"connectors-{name}" for name in CONNECTORS))


def cast(services: tuple[str, ...] = SERVICES) -> Cast:
    """Return the services and what is sold. Made anew each time, so that a service that was changed on purpose is taken as it is now."""
    made = {name: installed.parts(name) for name in services}
    kinds = tuple(kind for name in CONNECTORS for kind in _kinds(made[f"connectors-{name}"]))
    if "planner" in made:
        _register(made["planner"], kinds)
    return Cast(tuple(_part(name, parts) for name, parts in made.items()), kinds)


def _kinds(parts: Parts) -> list[Kind]:
    """Return what a connector sells; a simulated wish needs no parameters."""
    ((_, declared),) = parts.announce
    assert isinstance(declared, ConnectorRegistered)
    goals = {goal.name: goal.model_copy(update={"parameters": {}}) for goal in declared.goal_types}
    specs = {spec.name: spec for spec in declared.providers}
    return [Kind(declared.connector, goals[goal], tuple(specs[n] for n in names)) for goal, names in SOLD[declared.connector].items()]


def _register(planner: Parts, kinds: tuple[Kind, ...]) -> None:
    for name in CONNECTORS:
        mine = [kind for kind in kinds if kind.connector == name]
        sellers = tuple(spec for kind in mine for spec in kind.sellers)
        manifest = ConnectorRegistered(connector=name, goal_types=tuple(kind.goal for kind in mine), providers=sellers)
        planner.follows[REGISTRY](_told(name, manifest))


def _told(name: str, message: Message) -> Any:
    """Return a message as the record that a follower is given."""
    key = derive("connector", name)
    record = encode(Send(message), source=name, task_id=key, tenant="platform", cause_id=key, ordinal=0, now=START, traceparent="")
    return _Raw(record.topic, 0, 0, record.key, record.body, tuple((name, value.encode()) for name, value in record.headers.items()))


@dataclass(frozen=True, slots=True)
class _Raw:
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int = 0


def _part(name: str, parts: Parts) -> Part:
    made = installed.service(name)
    store = type(parts.store) if parts.store else partial(Store, made.table, parts.core.state)
    return Part(name, parts.core, tuple(topic.name for topic in made.reads(installed.platform(CONNECTORS))), store)
