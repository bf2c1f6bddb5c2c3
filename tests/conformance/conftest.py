"""Which providers are tested: every one that a connector brings, against its sandbox world; or, with `--url`, the one behind a manifest."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from tuntas.connectors.http.app import connector as described
from tuntas.connectors.http.manifest import load
from tuntas.contracts.base import Document
from tuntas.contracts.money import Money
from tuntas.kit.connector.service import Connector
from tuntas.local.platform import TRIAL
from tuntas.local.postgres import Postgres
from tuntas.local.processes import Processes
from tuntas.sandbox.server import WORLD_NAMES
from tuntas.testkit.conformance.provider import Subject


def _day(ahead: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


_FLIGHT: Document = {"origin": "CGK", "destination": "SRG", "depart_date": _day(40)}
_HOTEL: Document = {"city": "Semarang", "country": "ID", "check_in": _day(40), "check_out": _day(41)}

_FOOD: Document = {"address": "Kemang, Jakarta"}
_WAY: Document = {"origin": "Kemang", "destination": "Gambir"}
_SHOP: Document = {"item": "beras", "quantity": {"count": 2, "unit": "kg"}, "address": "Kemang, Jakarta"}
_RIDE: Document = {"origin": "Kemang", "destination": "CGK", "pickup_at": f"{_day(3)}T09:00:00+00:00"}
_SENT: Document = {"recipient": "Budi", "amount": {"amount_minor": 5_000_000, "currency": "IDR"}}

EXAMPLES: dict[str, dict[str, Document]] = {
    "nusantara-air": {"travel.flight.book": _FLIGHT},
    "meridian-wings": {"travel.flight.book": _FLIGHT},
    "kite-regional": {"travel.flight.book": _FLIGHT},
    "bale-stays": {"travel.hotel.book": _HOTEL},
    "larik-kilat": {"food.order": _FOOD, "food.search": _FOOD},
    "sate-dash": {"food.order": _FOOD},
    "gesit-ride": {"ride.book": _RIDE},
    "oto-cab": {"ride.book": _RIDE},
    "meja": {"food.reserve": {"restaurant": "Napoli Corner", "near": "Kemang, Jakarta", "date": _day(3), "time": "19:00"}},
    "pasar-terang": {"shop.buy": _SHOP, "shop.search": _SHOP},
    "toko-laris": {"shop.buy": _SHOP},
    "atlas": {"map.route": _WAY, "map.distance": _WAY, "map.traffic": {"place": "Kemang"}, "map.place": {"place": "mall"}},
    "lontar-pay": {"pay.charge": {"instrument": "wallet"}, "pay.balance": {}},
    "antar-dana": {"pay.transfer": _SENT},
    "kilat-dana": {"pay.transfer": _SENT},
    "loket": {"pay.bill": {"biller": "water", "customer": "20008871"}},
    "tagih": {"pay.request": _SENT},
}
"""For each provider of a sandbox the goal types it serves, with parameters with which they can be reached at any time."""

_AMOUNT = Money(amount_minor=500_000, currency="IDR")


@dataclass(frozen=True)
class Case:
    """One provider for one goal type, named before anything is started."""

    connector: str
    goal_type: str
    provider: str

    def __str__(self) -> str:
        return f"{self.goal_type}-{self.provider}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the address or file of a manifest."""
    parser.addoption("--url", default="", help="address or file of the manifest of the provider to test")


def installed() -> dict[str, Connector]:
    """Return every connector that is installed, by name."""
    return {point.name: point.load() for point in entry_points(group="tuntas.connectors")}


def examples() -> dict[str, dict[str, Document]]:
    """Return the examples of every provider: ours, and what a connector brings under the entry point `tuntas.conformance`."""
    brought = (point.load().EXAMPLES for point in entry_points(group="tuntas.conformance"))
    return EXAMPLES | {provider: goals for each in brought for provider, goals in each.items()}


def base_url(name: str) -> Any:
    """Return what makes the address to test a connector at, as it brings it itself (`base_url`, a context manager); None for a world."""
    (found,) = entry_points(group="tuntas.conformance", name=name) or (None,)
    return getattr(found.load(), "base_url", None) if found else None


def providers(connector: Connector, base_url: str) -> Any:
    """Return a connector's providers over a base URL."""
    settings: Any = SimpleNamespace(settings=SimpleNamespace(base_url=base_url))
    return connector.providers(settings)


def brought() -> list[tuple[str, str]]:
    """Return every connector with each of its providers."""
    return [(name, provider) for name, connector in installed().items() for provider in providers(connector, "http://127.0.0.1:9")]


def _cases() -> list[Case]:
    return [Case(name, goal, provider) for name, provider in brought() for goal in examples().get(provider, {})]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make every test one of each provider and goal type."""
    if "case" not in metafunc.fixturenames:
        return
    if url := metafunc.config.getoption("--url"):
        manifest = load(url)
        found = [Case(manifest.connector, goal.name, manifest.provider.name) for goal in manifest.goal_types]
    else:
        found = _cases()
    metafunc.parametrize("case", found, ids=str, scope="session")


@contextmanager
def _world(name: str, dsn: str) -> Iterator[str]:
    schema = f"{name}_{secrets.token_hex(4)}"
    command = [sys.executable, "-m", "tuntas.sandbox", "serve", "--world", name, "--dsn", dsn, "--port", "0", "--schema", schema]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"TUNTAS_SANDBOX_WEBHOOK_SECRET": "tests"}) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["listening"]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def worlds() -> Iterator[Any]:
    """Start a sandbox world when it is first asked for."""
    with TemporaryDirectory(prefix="tuntas-conformance-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        processes = Processes(Path(folder))
        stack.callback(processes.stop_all)
        postgres = Postgres(Path(folder) / "postgres", processes)
        running: dict[str, str] = {}

        @cache
        def dsn() -> str:
            postgres.start()
            return postgres.dsn

        def world(name: str) -> str:
            own = base_url(name)
            if name not in running and own is not None:
                running[name] = stack.enter_context(own())
            if name not in running:
                running[name] = stack.enter_context(_world(name if name in WORLD_NAMES else TRIAL, dsn()))
            return running[name]

        yield world


@pytest.fixture
async def subject(case: Case, request: pytest.FixtureRequest) -> Any:
    """Return the provider of a case, and close it afterwards."""
    url = request.config.getoption("--url")
    if url:
        manifest = load(url)
        example = next(goal.example for goal in manifest.goal_types if goal.name == case.goal_type)
        found = described(manifest).providers(SimpleNamespace())  # type: ignore[arg-type]
    else:
        example = examples()[case.provider][case.goal_type]
        found = providers(installed()[case.connector], request.getfixturevalue("worlds")(case.connector))
    provider: Any = found[case.provider]
    yield Subject(provider, case.goal_type, example, amount=_AMOUNT)
    await provider.close()
