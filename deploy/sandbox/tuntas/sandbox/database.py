"""PostgreSQL: one schema for each world, laid out when the world starts."""

import json
import re
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_LAYOUT_LOCK = 7_118_301

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What a statement raises when the server goes away; the driver calls a connection cut inside its reset an internal error."""

COMMON = """
CREATE TABLE IF NOT EXISTS items (
  object_id text PRIMARY KEY, kind text NOT NULL, provider text NOT NULL, state text NOT NULL,
  reference text NOT NULL, confirm_reference text, undo_reference text, parent_id text,
  amount_minor bigint NOT NULL, currency text NOT NULL, fee_minor bigint NOT NULL DEFAULT 0,
  expires_at timestamptz, details jsonb NOT NULL, callback_url text,
  hidden_until timestamptz, hidden_view jsonb, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS items_reference ON items (reference);
CREATE INDEX IF NOT EXISTS items_confirm_reference ON items (confirm_reference) WHERE confirm_reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_undo_reference ON items (undo_reference) WHERE undo_reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_parent ON items (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
  key text PRIMARY KEY, digest text NOT NULL, answer jsonb, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS bound_references (reference text PRIMARY KEY, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
  seq bigserial, fault_id text PRIMARY KEY, fault jsonb NOT NULL, remaining integer, used integer NOT NULL DEFAULT 0,
  until timestamptz, created_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS late_calls (
  seq bigserial PRIMARY KEY, call jsonb NOT NULL, due_at timestamptz NOT NULL, done_at timestamptz);
CREATE INDEX IF NOT EXISTS late_calls_due ON late_calls (due_at) WHERE done_at IS NULL;
CREATE TABLE IF NOT EXISTS webhooks (
  seq bigserial PRIMARY KEY, url text NOT NULL, event jsonb NOT NULL, due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0, delivered_at timestamptz, given_up_at timestamptz);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE TABLE IF NOT EXISTS operations (
  seq bigserial PRIMARY KEY, at timestamptz NOT NULL, operation text NOT NULL, provider text NOT NULL, reference text NOT NULL,
  object_id text, key text, traceparent text, outcome text NOT NULL, status integer, code text, fault text);
"""


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def open_pool(dsn: str, schema: str, layout: str) -> Pool:
    """A pool whose connections see ``schema`` alone, after creating it and the tables of ``layout`` where they are missing.

    Raises ValueError for a name that is no plain PostgreSQL identifier, OSError or asyncpg.PostgresError when the server is away.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"not a schema name: {schema!r}")
    settings = {"search_path": schema, "application_name": f"tuntas-sandbox {schema}"}
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=8, init=_prepare, server_settings=settings)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LAYOUT_LOCK)
        await connection.execute("SET LOCAL client_min_messages = warning")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(COMMON + layout)
    return pool
