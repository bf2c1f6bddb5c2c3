from typing import Any

import pytest

from tuntas.connectors.payment.app import connector as payment
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.travel.app import connector as travel
from tuntas.connectors.travel.app import providers
from tuntas.contracts.registry import ProviderSpec
from tuntas.testkit.conformance.bench import Bench, Case


class _Nowhere:
    class settings:  # noqa: N801
        base_url = "http://127.0.0.1:9"


def _sellers() -> list[ProviderSpec]:
    nowhere: Any = _Nowhere()
    return [provider.spec for provider in providers(nowhere).values()]


def _case(spec: ProviderSpec) -> Case:
    kind = "hotel" if spec.name == "bale-stays" else "flight"
    return Case(travel, spec, f"{kind}.hold", f"{kind}.confirm")


CASES = [*map(_case, _sellers()), Case(payment, Lontar.spec, "payment.authorize", "payment.capture")]


@pytest.fixture(params=CASES, ids=lambda case: case.provider.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def bench(case: Case, request: pytest.FixtureRequest) -> Bench:
    return Bench(case, request.node.name)
