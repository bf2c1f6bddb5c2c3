"""A service waits for what it needs at its start, and says what it waited for in vain."""

from typing import Any

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from tuntas.kit.errors import ConfigurationError, Transient
from tuntas.kit.process import Process, serve, wait_for_backends


class _Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def warning(self, name: str, **fields: Any) -> None:
        self.lines.append((name, fields["code"]))


class _Service:
    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.log = list(answers), _Log()

    async def reach(self) -> None:
        if error := self.answers.pop(0):
            raise error


async def _nothing(_: float) -> None:
    """Do not wait."""


async def test_a_backend_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncio.sleep", _nothing)
    late: Any = _Service(Transient("kafka_unreachable", "a"), Transient("database_unreachable", "b"), None)
    await wait_for_backends([late])
    assert late.log.lines == [("backend.awaited", "kafka_unreachable"), ("backend.awaited", "database_unreachable")]


async def test_a_backend_that_never_comes_is_named() -> None:
    never: Any = _Service(Transient("kafka_unreachable", "a"))
    with pytest.raises(Transient, match="kafka_unreachable: a"):
        await wait_for_backends([never], seconds=-1)


async def test_a_backend_that_refuses_is_not_asked_again() -> None:
    refused: Any = _Service(ConfigurationError("database_refused", "executor: password"))
    with pytest.raises(ConfigurationError, match="database_refused"):
        await wait_for_backends([refused])
    assert not refused.log.lines


async def test_what_no_backend_is_to_blame_for_is_not_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(_: Process) -> None:
        raise FileNotFoundError("tenants.json")

    monkeypatch.setattr(Process, "start", start)
    with pytest.raises(FileNotFoundError):
        await serve([], "127.0.0.1", 0)


@pytest.mark.parametrize("lost", [KafkaConnectionError("gone"), ConnectionResetError("gone"), asyncpg.CannotConnectNowError("starting up")])
async def test_a_backend_that_is_lost_while_services_start_is_told_as_what_may_succeed_later(
    monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    async def start(_: Process) -> None:
        raise lost

    monkeypatch.setattr(Process, "start", start)
    with pytest.raises(Transient, match=r"backend_lost: while starting: .*(gone|starting up)"):
        await serve([], "127.0.0.1", 0)
