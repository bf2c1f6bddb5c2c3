"""Whole histories of the real decisions, drawn from seeds; `SEED=n pytest tests/saga/test_simulation.py` repeats one."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tuntas.connectors.payment.app import connector as payment
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.travel.actions import FLIGHT, HOTEL
from tuntas.connectors.travel.app import connector as travel
from tuntas.connectors.travel.app import providers
from tuntas.contracts import topics
from tuntas.contracts.base import Message
from tuntas.contracts.executor import ExecutionEnded
from tuntas.contracts.ids import derive
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.registry import ConnectorRegistered, GoalType, ProviderSpec
from tuntas.contracts.trust import MandateSet
from tuntas.executor import declare as declaring
from tuntas.executor.core import core as executor
from tuntas.executor.run import Run
from tuntas.kit.connector import asking, undoing
from tuntas.kit.connector.core import Rules
from tuntas.kit.connector.core import core as effects
from tuntas.kit.connector.provider import Specs
from tuntas.kit.connector.service import Connector
from tuntas.kit.decision import Core, Wake
from tuntas.kit.messaging.fold import Event
from tuntas.kit.persistence.database import Row
from tuntas.kit.registry import Registry
from tuntas.kit.signing import approve, open_approval, public_hex
from tuntas.planner.core import core as planner
from tuntas.saga import closing, halting
from tuntas.saga.core import core as saga
from tuntas.saga.state import Effect
from tuntas.testkit.actors import Cast, Kind
from tuntas.testkit.log import Violation
from tuntas.testkit.simulator import Simulation
from tuntas.testkit.world import Part
from tuntas.trust import holds
from tuntas.trust.core import core as trust
from tuntas.trust.state import Wallet, blank

PRIVATE = "11" * 32
KEYS = {"test": public_hex(PRIVATE)}
HISTORIES = 300
SEEDS = Path(__file__).with_name("seeds")


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


def _cast() -> Cast:
    trusted = trust(partial(approve, key_id="test", private_hex=PRIVATE))
    executed = _names(topics.TRUST_EVENTS, topics.EXECUTOR_COMMANDS, topics.EXECUTOR_REPLIES, topics.PLANNER_EVENTS)
    coordinated = _names(topics.EXECUTOR_EVENTS, topics.SAGA_COMMANDS, topics.SAGA_REPLIES, *COMMANDS, *OBSERVED)
    return Cast(
        (
            Part("planner", planner(_registry()), _names(topics.INTENT_EVENTS, topics.PLANNER_COMMANDS, topics.PLANNER_REPLIES)),
            Part("trust", trusted, _names(topics.PLANNER_EVENTS, topics.TRUST_COMMANDS, topics.SAGA_EVENTS), _lent),
            Part("executor", executor(), executed),
            Part("saga", saga(), coordinated),
            Part("connectors-travel", _effects(travel), _names(COMMANDS[0])),
            Part("connectors-payment", _effects(payment), _names(COMMANDS[1])),
        ),
        KINDS,
    )


@pytest.fixture
def cast() -> Cast:
    return _cast()


def _seeds(usual: Iterable[int]) -> Iterable[int]:
    return [int(os.environ["SEED"])] if "SEED" in os.environ else usual


def _run(cast: Cast, seeds: Iterable[int]) -> None:
    for seed in seeds:
        Simulation(cast, seed).run()


def _kept() -> list[int]:
    """Return the seeds that once found something, one a line after the word for what it was."""
    lines = [line for path in sorted(SEEDS.glob("*.txt")) for line in path.read_text().splitlines()]
    return [int(line) for line in lines if line and not line.startswith("#")]


def test_every_invariant_holds_in_every_history(cast: Cast) -> None:
    _run(cast, _seeds(range(HISTORIES)))


def test_every_invariant_holds_in_the_histories_that_once_found_something(cast: Cast) -> None:
    _run(cast, _seeds(_kept()))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_invariant_holds_in_many_more_histories(cast: Cast) -> None:
    more = int(os.environ.get("HISTORIES", "5000"))
    _run(cast, _seeds(range(HISTORIES, HISTORIES + more)))


def test_the_same_seed_is_the_same_history(cast: Cast) -> None:
    for seed in range(5):
        assert Simulation(cast, seed).run().fingerprint() == Simulation(_cast(), seed).run().fingerprint()


def test_the_histories_meet_every_outcome_and_rung(cast: Cast) -> None:
    met: set[str] = set()
    for seed in range(HISTORIES // 2):
        simulation = Simulation(cast, seed).run()
        met |= {entry.message.wire_type.removeprefix("tuntas.").removesuffix(".v1") for entry in simulation.world.log.entries}
        for execution in filter(None, map(simulation.world.shelves["executor"].state, simulation.tasks)):
            met |= {rung.partition(":")[0] for rung in execution.rungs} | {execution.result}
    ended = {"finished", "failed", "halted", "substitute", "amend", "rehold", "repeat"}
    assert ended | {"saga.reopened", "saga.needs_attention", "cancel.answered", "execution.committed", "effect.observed"} <= met


# The simulator itself is tried: each of these makes a service do what it must not, and some history must say so.


def _forgets_the_last_attempt(patch: pytest.MonkeyPatch) -> None:
    send = Run.send

    def forgetful(run: Run, message: Message) -> None:
        send(run, message.model_copy(update={"tally": message.tally[:-1]}) if isinstance(message, ExecutionEnded) else message)

    patch.setattr(Run, "send", forgetful)


def _undoes_before_the_tally(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(halting, "halt", closing.roll_back)


def _says_undone_without_asking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(undoing, "_cancel", lambda state, effect, _: undoing.nothing(state, effect))


def _acts_again_under_another_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asking, "_intention", lambda effect, _: derive(effect.key, effect.calls))


def _keeps_the_money_reserved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "settling", lambda state, number, kept: state.model_copy(update={"closing": number, "kept": kept}))


def _forgets_a_timer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(undoing, "_wake", lambda effect, _: Wake(f"undo:{effect.key}"))


def _starts_the_irreversible_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(declaring, "awaited", lambda _, step: {step.acts_on} if step.acts_on else set())


def _takes_the_ceiling_for_the_price(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Effect, "price", property(lambda effect: effect.declaration.at_risk))


@pytest.mark.parametrize(
    ("plant", "invariants"),
    [
        (_forgets_the_last_attempt, {"P4"}),
        (_undoes_before_the_tally, {"P5", "P16"}),
        (_says_undone_without_asking, {"P7", "P2"}),
        (_acts_again_under_another_key, {"P2", "P7", "P16"}),
        (_keeps_the_money_reserved, {"P15"}),
        (_forgets_a_timer, {"P18"}),
        (_starts_the_irreversible_first, {"P9"}),
        (_takes_the_ceiling_for_the_price, {"P16"}),
    ],
)
def test_a_planted_mistake_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], invariants: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    cast = _cast()
    with pytest.raises(Violation, match=r"seed \d+, step \d+") as found:
        _run(cast, range(HISTORIES))
    assert str(found.value).partition(":")[0] in invariants
