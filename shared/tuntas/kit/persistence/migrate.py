"""Migrations: each service's own numbered revisions in its own schema, run with `tuntas-<service> migrate`."""

import asyncio
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_LOCK = 7_468_117_201


def upgrade(service: str, package: str, url: str) -> None:
    """Bring a service's schema to the head revision of its package. Safe to run from several replicas at once: they take turns."""
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.attributes["url"] = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    config.attributes["schema"] = service.replace("-", "_")
    command.upgrade(config, "head")


def run() -> None:
    """Run the migrations of this environment; the whole of every service's `migrations/env.py`."""
    asyncio.run(_run(context.config.attributes["url"], context.config.attributes["schema"]))


async def _run(url: str, schema: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, schema)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, schema: str) -> None:
    connection.execute(text("set lock_timeout = '5s'"))
    connection.execute(text(f"select pg_advisory_lock({_LOCK})"))
    context.configure(connection=connection, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()
