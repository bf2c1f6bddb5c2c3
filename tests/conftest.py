"""Fixtures for all tests. Backends are real and start when the first test asks for them."""

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tuntas.local.stack import Backends


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a folder run in one process, for they share servers; most of them wait more than they work."""

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.partition("::")[0].split("/")[:-1]
        return "/".join(folder[:3])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let processes take whole folders."""
    return _ByFolder(config, log)


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
