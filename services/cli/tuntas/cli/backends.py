"""Kafka and the database, as the command reaches them: in bounded time, and what they fail with becomes one line and an exit code."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from aiokafka.errors import KafkaError

from tuntas.cli.faults import EXIT_UNREACHABLE, EXIT_USAGE, Fault
from tuntas.cli.profile import Profile
from tuntas.kit.settings import KafkaSettings, load_kafka

T = TypeVar("T")

SECONDS = 35.0
"""How long a command waits for Kafka or the database before it says that it is away."""

_DATABASE_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError, OverflowError)
_KAFKA_FAULTS = (KafkaError, OSError, ValueError, OverflowError)


def kafka(profile: Profile, use: Callable[[KafkaSettings], Awaitable[T]]) -> T:
    """Return what a use of the profile's Kafka returns; what the profile leaves open is read from `TUNTAS_KAFKA_*`, as services do.

    Raises:
        ConfigurationError: `bad_settings`, or as the use itself says.
        Fault: `kafka_unreachable`.
    """
    named = {"bootstrap": profile.bootstrap, "topic_prefix": profile.topic_prefix}
    settings = load_kafka().model_copy(update={name: value for name, value in named.items() if value})
    try:
        return asyncio.run(_bounded(use(settings)))
    except _KAFKA_FAULTS as error:
        raise Fault("kafka_unreachable", f"{settings.bootstrap}: {_words(error)}", EXIT_UNREACHABLE) from None


def database(profile: Profile, read: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Return what is read with the operators' role.

    Raises:
        Fault: `no_profile` or `database_unreachable`.
    """
    if not profile.operations_url:
        raise Fault("no_profile", "no database: run `make up`, or set TUNTAS_CLI_OPERATIONS_URL", EXIT_USAGE)
    try:
        return asyncio.run(_bounded(_read(profile.operations_url, read)))
    except _DATABASE_FAULTS as error:
        raise Fault("database_unreachable", _words(error), EXIT_UNREACHABLE) from None


async def _read(url: str, read: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    con = await asyncpg.connect(url, timeout=10, command_timeout=20)
    try:
        return await read(con)
    finally:
        con.terminate()


async def _bounded(use: Awaitable[T]) -> T:
    async with asyncio.timeout(SECONDS):
        return await use


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
