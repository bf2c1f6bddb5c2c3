"""Whole histories of the real decisions, drawn from seeds; `SEED=n pytest tests/saga/test_simulation.py` repeats one."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tuntas.connectors.payment.app import connector as payment
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.travel.actions import FLIGHT, HOTEL
from tuntas.connectors.travel.app import connector as travel
from tuntas.connectors.travel.app import providers
from tuntas.contracts import topics
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.registry import ConnectorRegistered, GoalType, ProviderSpec
from tuntas.contracts.trust import MandateSet
from tuntas.executor.core import core as executor
from tuntas.kit.connector.core import Rules
from tuntas.kit.connector.core import core as effects
from tuntas.kit.connector.provider import Specs
from tuntas.kit.connector.service import Connector
from tuntas.kit.decision import Core
from tuntas.kit.messaging.fold import Event
from tuntas.kit.persistence.store import Row
from tuntas.kit.registry import Registry
from tuntas.kit.signing import approve, open_approval, public_hex
from tuntas.planner.core import core as planner
from tuntas.saga.core import core as saga
from tuntas.testkit.actors import Cast, Kind
from tuntas.testkit.simulator import Simulation
from tuntas.testkit.world import Part
from tuntas.trust.core import core as trust
from tuntas.trust.state import Wallet, blank

PRIVATE = "11" * 32
KEYS = {"test": public_hex(PRIVATE)}
HISTORIES = 300


class _Nowhere:
    class settings:  # noqa: N801
        base_url = "http://127.0.0.1:9"


def _kinds() -> tuple[Kind, ...]:
    nowhere: Any = _Nowhere()
    found = [provider.spec for provider in providers(nowhere).values()]
    hotels = tuple(spec for spec in found if spec.name == "bale-stays")
    flights = tuple(spec for spec in found if spec not in hotels)
    sold: list[tuple[Connector, GoalType, tuple[ProviderSpec, ...]]] = [
        (travel, FLIGHT, flights),
        (travel, HOTEL, hotels),
        (payment, payment.goal_types[0], (Lontar.spec,)),
    ]
    return tuple(Kind(connector.name, goal.model_copy(update={"parameters": {}}), sellers) for connector, goal, sellers in sold)


KINDS = _kinds()


def _effects(connector: Connector) -> Core[Any]:
    actions = {spec.action: spec for goal in connector.goal_types for spec in goal.actions}
    sellers = {spec.name: spec for kind in KINDS for spec in kind.sellers if kind.connector == connector.name}
    specs = Specs(connector=connector.name, actions=actions, providers=sellers, obliging=connector.obliging)
    return effects(Rules(specs, lambda approval: open_approval(approval, KEYS)))


def _registry() -> Registry:
    registry = Registry()
    for name in ("travel", "payment"):
        kinds = [kind for kind in KINDS if kind.connector == name]
        manifest = ConnectorRegistered(
            connector=name, goal_types=tuple(k.goal for k in kinds), providers=tuple(spec for k in kinds for spec in k.sellers)
        )
        registry.register(manifest)
    return registry


def _lent(rows: Mapping[UUID, Row[Any]], event: Event) -> Any:
    """A blank consent with its person's wallet, as trust's store makes it for messages that name a person."""
    if not isinstance(event.body, (PlanProposed, MandateSet)):
        return None
    person = event.body.person
    states: list[Any] = [row.state for row in rows.values()]
    wallets = (state.wallet for state in states if state.person == person and state.wallet)
    return blank(person, next(wallets, Wallet(person=person)))


def _names(*read: topics.Topic) -> frozenset[str]:
    return frozenset(topic.name for topic in read)


COMMANDS = tuple(topics.connector_commands(name) for name in ("travel", "payment"))
OBSERVED = tuple(topics.connector_events(name) for name in ("travel", "payment"))


@pytest.fixture(scope="session")
def cast() -> Cast:
    return Cast(
        (
            Part("planner", planner(_registry()), _names(topics.INTENT_EVENTS, topics.PLANNER_COMMANDS, topics.PLANNER_REPLIES)),
            Part(
                "trust",
                trust(partial(approve, key_id="test", private_hex=PRIVATE)),
                _names(topics.PLANNER_EVENTS, topics.TRUST_COMMANDS, topics.SAGA_EVENTS),
                _lent,
            ),
            Part(
                "executor",
                executor(),
                _names(topics.TRUST_EVENTS, topics.EXECUTOR_COMMANDS, topics.EXECUTOR_REPLIES, topics.PLANNER_EVENTS),
            ),
            Part("saga", saga(), _names(topics.EXECUTOR_EVENTS, topics.SAGA_COMMANDS, topics.SAGA_REPLIES, *COMMANDS, *OBSERVED)),
            Part("connectors-travel", _effects(travel), _names(COMMANDS[0])),
            Part("connectors-payment", _effects(payment), _names(COMMANDS[1])),
        ),
        KINDS,
    )


def _seeds(count: int) -> list[int]:
    return [int(os.environ["SEED"])] if "SEED" in os.environ else list(range(count))


def test_histories_end_and_every_invariant_holds_on_the_way(cast: Cast) -> None:
    for seed in _seeds(HISTORIES):
        Simulation(cast, seed).run()
