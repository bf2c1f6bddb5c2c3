"""Fixtures for all tests. Backends are real and start when the first test asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuntas.local.stack import Backends


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a folder in one process: they share servers, and most of them wait more than they work."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[:-1]
        item.add_marker(pytest.mark.xdist_group("/".join(folder[:2])))


@pytest.fixture(scope="session")
def backends(worker_id: str) -> Iterator[Backends]:
    """A real Kafka and a real PostgreSQL, in a folder of `.tuntas/` for each process that runs tests."""
    with Backends(f"test-{worker_id}") as running:
        yield running


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """Environment changes that last for one module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
