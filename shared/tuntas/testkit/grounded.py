"""The same histories on a real PostgreSQL and a real Kafka: what services keep and say goes through the servers, and must be the same.

The clock, the groups and what goes wrong are simulated as ever, so that a seed is the same history on either ground. Which request waits
for which lock is known beforehand, and no statement is sent that would wait in the server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from tuntas.contracts.base import Frozen
from tuntas.contracts.topics import PARTITIONS
from tuntas.kit.messaging.wire import Record
from tuntas.kit.persistence.database import Changes, Database, Parcel, Row, Shared, SharedTable, Timer, Work
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.postgres import Postgres, PostgresSession
from tuntas.kit.persistence.tables import bootstrap
from tuntas.testkit import installed
from tuntas.testkit.cluster import Cluster, Process
from tuntas.testkit.kafka import Place, Stored, Topics
from tuntas.testkit.line import Line
from tuntas.testkit.loop import VirtualLoop
from tuntas.testkit.memory import Memory, MemorySession
from tuntas.testkit.wires import Broker

S = TypeVar("S", bound=Frozen)
T = TypeVar("T")
PASSWORD = "simulated"  # noqa: S105 - of roles in a database that is thrown away


@dataclass
class Tables:
    """One service's schema: free connections of its role, and how its rows are read."""

    dsn: str
    table: str
    model: type[Frozen]
    shared: tuple[SharedTable, ...] = ()
    free: list[Any] = field(default_factory=list)

    async def connect(self) -> Any:
        """Return a connection nobody uses."""
        return self.free.pop() if self.free else await asyncpg.connect(self.dsn, max_cached_statement_lifetime=0)


@dataclass
class Ground:
    """The two servers, made ready for these services. One event loop at a time uses it."""

    dsn: str
    broker: Broker
    services: Sequence[str]
    tables: dict[str, Tables] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make schemas by the services' own migrations, and topics."""
        database = f"simulated_{uuid4().hex}"
        at = asyncio.run(_made(self.dsn, database, self.services))
        for name in self.services:
            made, role = installed.service(name), name.replace("-", "_")
            dsn = f"postgresql://{role}:{PASSWORD}@{at}/{database}"
            upgrade(name, made.parts.__module__.rpartition(".")[0] if "connectors" not in name else f"tuntas.connectors.{name[11:]}", dsn)
            self.tables[name] = Tables(dsn, made.table, installed.parts(name).core.state)

    def close(self) -> None:
        """Let the database go."""
        for tables in self.tables.values():
            for con in tables.free:
                con.terminate()

    async def empty(self) -> None:
        """Begin anew: no rows, no timers, no calls, no outputs."""
        for tables in self.tables.values():
            con = await tables.connect()
            names = [r["tablename"] for r in await con.fetch("select tablename from pg_tables where schemaname = current_schema()")]
            kept = ", ".join(name for name in names if name != "alembic_version")
            tables.shared = tuple(SharedTable(name, "person") for name in names if name == "wallets")
            await con.execute(f"truncate {kept}")
            tables.free.append(con)


async def _made(dsn: str, database: str, services: Sequence[str]) -> str:
    admin = await asyncpg.connect(dsn)
    await admin.execute("select pg_advisory_lock(1)")  # roles are the server's, and several jobs make them
    await admin.execute(f"create database {database}")
    where: Any = admin
    host, port = where._addr  # noqa: SLF001 - the driver tells no other way where it is connected
    con = await asyncpg.connect(dsn, database=database)
    for statement in bootstrap(dict.fromkeys(services, PASSWORD), PASSWORD):
        await con.execute(statement)
    await con.close()
    await admin.close()
    return f"{host}:{port}"


class GroundedSession(MemorySession):
    """A session whose statements are PostgreSQL's. Memory keeps the locks, and is read anew from the tables after each commit."""

    def __init__(self, memory: Memory, line: Line, tables: Tables, loop: VirtualLoop, *, wide: bool) -> None:
        super().__init__(memory, line, wide=wide)
        self._tables, self._loop = tables, loop
        self._con: asyncpg.Connection | None = None
        self._transaction: Any = None
        self._changes: list[Changes[Any]] = []

    async def _ask(self, act: Callable[[PostgresSession], Awaitable[T]]) -> T:
        with self._loop.asking():
            if self._con is None:
                self._con = await self._tables.connect()
                if self._wide:
                    self._transaction = self._con.transaction()
                    await self._transaction.start()
            done = await act(PostgresSession(self._con))
            if not self._wide:
                await self._reflect()
            return done

    async def _claim(self, timers: Sequence[tuple[UUID, str, datetime]], calls: Sequence[UUID], now: datetime) -> set[UUID]:
        won = await self._ask(lambda session: session.claim(timers, calls, now))
        self._stage(lambda: self.memory.claimed.update(won))
        return won

    async def _rows(self, table: str, model: type[S], keys: Sequence[UUID]) -> list[Row[S]]:
        found = await self._ask(lambda session: session.rows(table, model, keys))
        return sorted(found, key=lambda row: list(keys).index(row.task_id))

    async def _shared(self, table: SharedTable, keys: Sequence[UUID]) -> dict[UUID, Shared]:
        return await self._ask(lambda session: session.shared(table, keys))

    async def _share(self, table: SharedTable, documents: Mapping[UUID, Shared]) -> None:
        await self._ask(lambda session: session.share(table, documents))

    async def _write(self, table: str, changes: Changes[Any]) -> None:
        self._changes.append(changes)
        await self._ask(lambda session: session.write(table, changes))

    async def _commit(self) -> None:
        with self._loop.asking():
            if self._transaction:
                await self._transaction.commit()
                self._transaction = None
            super()._commit()
            await self._reflect()

    async def _reflect(self) -> None:
        if self._con is None:
            return
        await reflect(self._con, self._tables, self.memory)
        told, self._changes = self._changes, []
        for changes in told:
            self.memory.committed(self.memory, changes)

    def abort(self, reason: str = "rolled back") -> None:
        """Forget all of it: a transaction that is open is cut."""
        super().abort(reason)
        if self._con and self._transaction:
            self._con.terminate()
        elif self._con:
            self._tables.free.append(self._con)
        self._con = None


async def reflect(con: Any, tables: Tables, memory: Memory) -> None:
    """Read what a service keeps into memory."""
    memory.changes += 1
    ids = [r["task_id"] for r in await con.fetch(f"select task_id from {tables.table} order by created_at, task_id")]
    memory.rows = {row.task_id: row for row in await PostgresSession(con).rows(tables.table, tables.model, ids)}
    postgres = Postgres(con)
    everywhere, ever = list(range(PARTITIONS)), datetime.max.replace(tzinfo=memory.now().tzinfo)
    memory.timers = {(t.task_id, t.purpose): t for t in await postgres.timers(everywhere, ever)}
    memory.work = {w.call_id: w for w in await postgres.lost_calls(everywhere, ever, [])}
    memory.outbox = {p.id: p for p in await postgres.leftovers(everywhere, ever, [], 1000)}
    for table in tables.shared:
        found = await con.fetch(f"select {table.key} as key, tenant, version, doc from {table.name}")
        memory.shared = {(table.name, r["key"]): Shared(r["tenant"], r["version"], r["doc"]) for r in found}


@dataclass(frozen=True)
class GroundedDatabase:
    """A process's connection to its service's tables."""

    memory: Memory
    line: Line
    tables: Tables
    loop: VirtualLoop

    @asynccontextmanager
    async def session(self, *, wide: bool) -> AsyncIterator[MemorySession]:
        """Lend a session."""
        session = GroundedSession(self.memory, self.line, self.tables, self.loop, wide=wide)
        try:
            yield session
            if wide:
                await session.commit()
        finally:
            session.abort()

    async def leftovers(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID], limit: int) -> list[Parcel]:
        """Return parcels that were committed and not published."""
        return await self._read("leftovers", lambda postgres: postgres.leftovers(partitions, before, known, limit))

    async def lost_calls(self, partitions: Sequence[int], before: datetime, known: Sequence[UUID]) -> list[Work]:
        """Return calls whose lease ends before an instant."""
        return await self._read("lost_calls", lambda postgres: postgres.lost_calls(partitions, before, known))

    async def timers(self, partitions: Sequence[int], before: datetime) -> list[Timer]:
        """Return timers, soonest first."""
        return await self._read("timers", lambda postgres: postgres.timers(partitions, before))

    async def _read(self, what: str, read: Callable[[Postgres], Awaitable[T]]) -> T:
        async def ask() -> T:
            with self.loop.asking():
                con = await self.tables.connect()
                found = await read(Postgres(con))
                self.tables.free.append(con)
            return found

        return await self.line.reach(what, ask)


class RealTopics(Topics):
    """Partitions of a real Kafka: a record is here when it was read back from there."""

    def __init__(self, appended: Callable[[Record], None], now: Callable[[], datetime], broker: Broker) -> None:
        super().__init__(appended, now)
        self._broker = broker

    def stored(self, place: Place, record: Record, offset: int) -> Stored:
        """Send a record and read it back."""
        found = self._broker.through(place, record)
        return Stored(place.topic, place.partition, offset, found.key, found.value, found.headers, self.written_at())


class Grounded(Cluster):
    """A cluster on real servers. `ground` is set before the first history."""

    ground: Ground

    def make_topics(self, appended: Callable[[Record], None]) -> Topics:
        """Return the world's partitions, empty."""
        self.loop.run_until_complete(self._emptied())
        return RealTopics(appended, self.instant, self.ground.broker)

    async def _emptied(self) -> None:
        with self.loop.asking():
            await self.ground.empty()

    def database(self, process: Process) -> Database:
        """Return a process's way to its service's tables."""
        return GroundedDatabase(process.memory, process.line, self.ground.tables[process.part.name], self.loop)

    def close(self) -> None:
        """End all processes."""
        with suppress(asyncpg.PostgresError):
            super().close()
