"""What every database of a service has to do, the simulated one like the real one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tuntas.contracts.base import Frozen
from tuntas.contracts.ids import timer_id
from tuntas.kit.decision import Call
from tuntas.kit.errors import Transient
from tuntas.kit.messaging.wire import Record
from tuntas.kit.persistence.database import Changes, Database, Parcel, Row, Session, Shared, SharedTable, Timer, Work
from tuntas.kit.persistence.pool import open_pool
from tuntas.kit.persistence.postgres import Postgres
from tuntas.kit.persistence.tables import RUNTIME, state_table
from tuntas.local.stack import Backends
from tuntas.testkit.line import Line
from tuntas.testkit.memory import Memory, MemoryDatabase

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
WALLETS = SharedTable("wallets", "person")
TASK, OTHER = uuid4(), uuid4()


class Count(Frozen):
    status: str = "counting"
    count: int = 0


@pytest.fixture(params=["memory", "postgres"])
async def database(request: pytest.FixtureRequest, backends: Backends) -> AsyncIterator[Database]:
    if request.param == "memory":
        yield MemoryDatabase(Memory("toy", kept=True, now=lambda: NOW, committed=lambda *_: None), Line("toy"))
        return
    schema = f"behaves_{uuid4().hex}"
    pool = await asyncpg.create_pool(backends.dsn, min_size=1, max_size=2, server_settings={"search_path": schema})
    await pool.execute(f"create schema {schema}")
    for statement in (*state_table("counts"), *RUNTIME):
        await pool.execute(statement)
    await pool.execute(
        "create table wallets (person uuid primary key, tenant text, version bigint, doc jsonb, updated_at timestamptz default now())"
    )
    yield Postgres(pool)
    await pool.execute(f"drop schema {schema} cascade")
    await pool.close()


def _row(version: int, count: int, *fresh: UUID, task: UUID = TASK) -> Row[Count]:
    return Row(task, "acme", version, Count(count=count), frozenset(), list(fresh))


async def _write(database: Database, changes: Changes[Count], *, wide: bool = False) -> None:
    async with database.session(wide=wide) as session:
        await session.write("counts", changes)


async def _counts(database: Database, *tasks: UUID) -> list[tuple[int, int, frozenset[UUID]]]:
    async with database.session(wide=False) as session:
        return [(r.version, r.state.count if r.state else 0, r.seen) for r in await session.rows("counts", Count, tasks or [TASK])]


def _timer(at: datetime | None, purpose: str = "later", task: UUID = TASK) -> Timer:
    return Timer(task, purpose, "acme", 3, at, "trace")


def _work(lease: datetime) -> Work:
    call = Call(uuid4(), 1, "greet", "friend", {"a": 1}, 2.0)
    return Work(uuid4(), TASK, "acme", 3, call, lease, "trace")


def _parcel(at: datetime = NOW) -> Parcel:
    return Parcel(uuid4(), 3, [Record(uuid4(), "topic", b"key", {"a": "b"}, b"{}", 3)], at)


@pytest.mark.parametrize("wide", [False, True])
async def test_a_row_is_read_as_it_was_written_with_the_messages_it_counted(database: Database, wide: bool) -> None:
    first, second = uuid4(), uuid4()
    await _write(database, Changes([_row(0, 1, first)]), wide=wide)
    await _write(database, Changes([_row(1, 2, second)]), wide=wide)
    assert await _counts(database) == [(2, 2, frozenset({first, second}))]


@pytest.mark.parametrize("wide", [False, True])
async def test_a_row_that_moved_on_refuses_the_whole_batch(database: Database, wide: bool) -> None:
    await _write(database, Changes([_row(0, 1)]))
    batch = Changes([_row(0, 5), _row(0, 5, task=OTHER)], [_timer(NOW)], [_work(NOW)], [_parcel()])
    with pytest.raises(Transient, match="conflict"):
        await _write(database, batch, wide=wide)
    assert await _counts(database, TASK, OTHER) == [(1, 1, frozenset())]
    assert not await database.timers([3], NOW + timedelta(hours=1))
    assert not await database.lost_calls([3], NOW + timedelta(hours=1), [])
    assert not await database.leftovers([3], NOW + timedelta(hours=1), [], 10)


async def test_what_was_raised_in_a_wide_session_is_as_if_it_had_not_begun(database: Database) -> None:
    await _write(database, Changes(timers=[_timer(NOW)]))

    async def stumble() -> None:
        async with database.session(wide=True) as session:
            assert await session.claim([(TASK, "later", NOW)], [], NOW)
            await session.write("counts", Changes([_row(0, 1)]))
            raise RuntimeError("stumbled")

    with pytest.raises(RuntimeError, match="stumbled"):
        await stumble()
    assert await _counts(database) == []
    assert await database.timers([3], NOW + timedelta(hours=1)) == [_timer(NOW)]


async def test_a_timer_is_taken_once_at_its_instant_and_not_before(database: Database) -> None:
    await _write(database, Changes(timers=[_timer(NOW)]))
    async with database.session(wide=True) as session:
        assert await session.claim([(TASK, "later", NOW)], [], NOW - timedelta(seconds=1)) == set()
        assert await session.claim([(TASK, "later", NOW - timedelta(seconds=5))], [], NOW) == set()
        assert await session.claim([(TASK, "later", NOW)], [], NOW) == {timer_id(TASK, "later", NOW)}
    async with database.session(wide=True) as session:
        assert await session.claim([(TASK, "later", NOW)], [], NOW) == set()


async def test_a_timer_is_replaced_and_cancelled_by_its_purpose(database: Database) -> None:
    later = NOW + timedelta(seconds=9)
    await _write(database, Changes(timers=[_timer(NOW), _timer(NOW, "other")]))
    await _write(database, Changes(timers=[_timer(later)]))
    assert await database.timers([3], NOW + timedelta(hours=1)) == [_timer(NOW, "other"), _timer(later)]
    await _write(database, Changes(timers=[_timer(None, "other")]))
    assert await database.timers([3], later) == []
    assert await database.timers([3], later + timedelta(seconds=1)) == [_timer(later)]
    assert await database.timers([4], NOW + timedelta(hours=1)) == []


async def test_a_call_is_lost_after_its_lease_unless_it_is_known_or_was_taken(database: Database) -> None:
    work = _work(NOW)
    await _write(database, Changes(work=[work]))
    assert await database.lost_calls([3], NOW, []) == []
    assert await database.lost_calls([3], NOW + timedelta(seconds=1), []) == [work]
    assert await database.lost_calls([3], NOW + timedelta(seconds=1), [work.call_id]) == []
    async with database.session(wide=True) as session:
        assert await session.claim([], [work.call_id, uuid4()], NOW) == {work.call_id}
    assert await database.lost_calls([3], NOW + timedelta(seconds=1), []) == []


async def test_a_call_that_is_there_keeps_its_row(database: Database) -> None:
    work = _work(NOW)
    await _write(database, Changes(work=[work]))
    await _write(database, Changes(work=[Work(work.call_id, OTHER, "acme", 3, work.call, NOW, "trace")]))
    assert await database.lost_calls([3], NOW + timedelta(seconds=1), []) == [work]


async def test_parcels_are_left_in_order_until_they_are_said_to_be_published(database: Database) -> None:
    first, second = _parcel(), _parcel()
    await _write(database, Changes(parcels=[first]))
    await _write(database, Changes(parcels=[second]))
    later = NOW + timedelta(seconds=1)
    assert await database.leftovers([3], later, [], 10) == [first, second]
    assert await database.leftovers([3], later, [first.id], 10) == [second]
    assert await database.leftovers([3], later, [], 1) == [first]
    assert await database.leftovers([3], NOW, [], 10) == []
    assert await database.leftovers([4], later, [], 10) == []
    await _write(database, Changes(published=[first.id]))
    assert await database.leftovers([3], later, [], 10) == [second]


async def test_shared_documents_are_written_behind_their_version(database: Database) -> None:
    person = uuid4()
    async with database.session(wide=True) as session:
        assert await session.shared(WALLETS, [person]) == {}
        await session.share(WALLETS, {person: Shared("acme", 0, '{"a": 1}')})
    async with database.session(wide=True) as session:
        assert await session.shared(WALLETS, [person]) == {person: Shared("acme", 1, '{"a": 1}')}

    async def late() -> None:
        async with database.session(wide=True) as session:
            await session.share(WALLETS, {person: Shared("acme", 0, '{"a": 2}')})

    with pytest.raises(Transient, match="conflict"):
        await late()


@pytest.mark.parametrize("what", ["document", "parcel", "call"])
async def test_who_holds_a_document_takes_a_parcel_away_or_puts_a_call_is_waited_for(database: Database, what: str) -> None:
    person, parcel, work, order = uuid4(), _parcel(), _work(NOW), list[str]()
    await _write(database, Changes(parcels=[parcel]))
    async with database.session(wide=True) as session:
        await session.share(WALLETS, {person: Shared("acme", 0, "{}")})

    async def touch(session: Session) -> None:
        if what == "document":
            await session.shared(WALLETS, [person])
        else:
            await session.write("counts", Changes(published=[parcel.id]) if what == "parcel" else Changes(work=[work]))

    async def second() -> None:
        async with database.session(wide=True) as session:
            order.append("second asks")
            await touch(session)
            order.append("second has it")

    async with database.session(wide=True) as session:
        await touch(session)
        waiting = asyncio.create_task(second())
        while "second asks" not in order:
            await asyncio.sleep(0)
        order.append("first ends")
    if isinstance(database, MemoryDatabase):
        (gate,) = database.line.gates
        assert gate.ready()
        database.line.open(gate)
    await waiting
    assert order == ["second asks", "first ends", "second has it"]


async def test_a_transaction_that_was_left_open_is_over_when_its_connection_is_lent_again(backends: Backends) -> None:
    async with await open_pool(backends.dsn, "toy", 1) as pool:
        async with pool.acquire() as con:
            await con.execute("begin")
        async with pool.acquire() as con:
            assert not con.is_in_transaction()
            assert await con.fetchval("show statement_timeout") == "20s"
