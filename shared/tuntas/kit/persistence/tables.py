"""DDL of what every service owns: one row of state per task, timers, work, outbox. Services' migrations execute these lists."""

TIMEOUTS = {"idle_in_transaction_session_timeout": "10s", "lock_timeout": "5s", "statement_timeout": "20s"}
"""Server-side limits, shorter than the group's: a stopped holder of locks is ended before its successor gives up (protocol R10)."""


def state_table(name: str) -> tuple[str, ...]:
    """Return the DDL of a state table: `doc` is the state, `seen` the message ids it has counted, `version` the fence (protocol P20).

    Documents are text and not compressed: each message writes them, and parsing and compressing cost the server four times the rest
    (ADR 25). Views show them as `jsonb`.
    """
    return (
        f"""create table {name} (
            task_id uuid primary key,
            tenant text not null,
            version bigint not null,
            seen uuid[] not null,
            status text not null,
            doc text not null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        ) with (fillfactor = 70)""",
        f"alter table {name} alter column doc set storage external",
        f"create index {name}_by_status on {name} (status, updated_at)",
    )


def as_text(table: str, view: str | None = None) -> tuple[str, ...]:
    """Return the statements by which a table that kept its documents as `jsonb` keeps them as text; `view` goes on showing `jsonb`."""
    shown = f"create view {view} as select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from {table}"
    return (
        *((f"drop view if exists {view}",) if view else ()),
        f"alter table {table} alter column doc type text using doc::text",
        f"alter table {table} alter column doc set storage external",
        *((shown, f"grant select on {view} to tuntas_ops") if view else ()),
    )


def apart(table: str, view: str) -> tuple[str, ...]:
    """Return the statements by which a table keeps its state's settled fields beside the document; `view` shows both as one."""
    shown = "coalesce(settled, '{}')::jsonb || doc::jsonb as doc"
    return (
        f"alter table {table} add column settled text",
        f"alter table {table} alter column settled set storage external",
        f"create or replace view {view} as select task_id, tenant, status, {shown}, created_at, updated_at from {table}",
    )


RUNTIME: tuple[str, ...] = (
    """create table timers (
        task_id uuid not null,
        purpose text not null,
        tenant text not null,
        partition smallint not null,
        due_at timestamptz not null,
        traceparent text not null,
        primary key (task_id, purpose)
    )""",
    "create index timers_by_due on timers (partition, due_at)",
    """create table work (
        call_id uuid primary key,
        task_id uuid not null,
        tenant text not null,
        partition smallint not null,
        call jsonb not null,
        lease_until timestamptz not null,
        traceparent text not null
    )""",
    "create index work_by_lease on work (partition, lease_until)",
    """create table outbox (
        id uuid primary key,
        seq bigint generated always as identity,
        partition smallint not null,
        count int not null,
        records bytea not null,
        created_at timestamptz not null default now()
    )""",
    "alter table outbox alter column records set storage external",
    "create index outbox_by_partition on outbox (partition, seq)",
)
"""Timers wake a task; work holds calls that are out; outbox holds parcels of what is committed and not yet published."""


ERASER = "gateway"
"""The only service that may delete a person's key; its door is where erasure is asked for."""


def bootstrap(services: dict[str, str], operations_password: str) -> tuple[str, ...]:
    """Return the statements an administrator runs once in an empty database.

    Args:
        services: service name to the password of its role; each gets a schema of its own and sees no other.
        operations_password: of the role `tuntas_ops`, which reads the views that services grant it.
    """
    return (
        *_role("tuntas_ops", operations_password),
        "create schema if not exists ops",
        """create table if not exists ops.heartbeats (
            service text, instance text, at timestamptz not null, detail jsonb, primary key (service, instance))""",
        "create schema if not exists vault",
        """create table if not exists vault.person_keys (
            tenant text, person uuid, wrapped bytea not null, created_at timestamptz not null default now(),
            primary key (tenant, person))""",
        "grant usage on schema ops to tuntas_ops",
        "grant select on ops.heartbeats to tuntas_ops",
        *(statement for name, password in services.items() for statement in _schema(name.replace("-", "_"), password)),
    )


def _role(name: str, password: str) -> tuple[str, ...]:
    quoted = password.replace("'", "''")
    return (
        f"do $$ begin if not exists (select from pg_roles where rolname = '{name}') then create role {name} login; end if; end $$",
        f"alter role {name} password '{quoted}'",
    )


def _schema(name: str, password: str) -> tuple[str, ...]:
    return (
        *_role(name, password),
        f"create schema if not exists {name} authorization {name}",
        f"alter role {name} set search_path = {name}",
        f"grant usage on schema {name} to tuntas_ops",
        f"grant usage on schema ops, vault to {name}",
        f"grant select, insert, update, delete on ops.heartbeats to {name}",
        f"grant select, insert on vault.person_keys to {name}",
        *((f"grant delete on vault.person_keys to {name}",) if name == ERASER else ()),
    )
