"""A history in memory is the same one on real servers."""

import pytest
from tests.saga.grounds import compared

from tuntas.local.stack import Backends


@pytest.mark.timeout(120)
def test_histories_end_equally_in_memory_and_on_postgresql_and_kafka(backends: Backends) -> None:
    played, found = compared(backends.dsn, backends.bootstrap, 0, 2)
    assert found is None, found
    assert played == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_histories_end_equally_in_memory_and_on_postgresql_and_kafka(backends: Backends) -> None:
    played, found = compared(backends.dsn, backends.bootstrap, 60, 30)
    assert found is None, found
    assert played == 30
