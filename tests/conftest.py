"""Fixtures for all tests. Backends are real and start when the first test asks for them."""

from collections.abc import Iterator

import pytest

from tuntas.local.stack import Backends


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    """A real Kafka and a real PostgreSQL, in `.tuntas/test/`."""
    with Backends("test") as running:
        yield running


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """Environment changes that last for one module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
