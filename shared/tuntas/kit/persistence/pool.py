"""Connection pools with the server-side limits that end a stopped holder of locks."""

import asyncpg

from tuntas.kit.errors import ConfigurationError, Transient
from tuntas.kit.persistence.tables import TIMEOUTS


async def reach(url: str, service: str) -> None:
    """Make sure that a service's database lets its role in.

    Raises:
        ConfigurationError: `database_refused`; repeating does not help.
        Transient: `database_unreachable`: it is not there, or not yet.
    """
    try:
        connection = await asyncpg.connect(url, timeout=5)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
        raise Transient("database_unreachable", f"{service}: {error or type(error).__name__}") from error
    except (asyncpg.PostgresError, ValueError) as error:
        raise ConfigurationError("database_refused", f"{service}: {error}") from error


async def open_pool(url: str, service: str, size: int) -> asyncpg.Pool:
    """Open a pool of a service's role.

    Raises:
        Transient: `database_unreachable`, with the driver's own words.
    """
    settings = {**TIMEOUTS, "application_name": f"tuntas-{service}"}
    try:
        return await asyncpg.create_pool(
            url, min_size=1, max_size=size, server_settings=settings, command_timeout=20, timeout=10, reset=_as_it_is
        )
    except (OSError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        raise Transient("database_unreachable", f"{service}: {error or type(error).__name__}") from error


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Leave a session as it is. An open transaction the driver rolled back before; nothing else of ours outlives one.

    The driver's own reset would be a round trip and a transaction after each use.
    """


async def require_unicode(connection: asyncpg.Connection) -> None:
    """Let a database hold whatever people write: in any other encoding one message would be met for ever.

    Raises:
        ConfigurationError: `database_encoding`.
    """
    encoding = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError("database_encoding", f"the database is in {encoding}; create it with encoding 'UTF8'")
