"""The batch runtime on a real broker and a real database, with a toy service around it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from tuntas.contracts.base import Frozen, Message
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.topics import DEAD_LETTERS, PARTITIONS, Kind, Topic
from tuntas.kit import app
from tuntas.kit.app import Parts, Resources, Running, Service
from tuntas.kit.decision import Answered, Call, Context, Core, Decision, Fired, Send, Wake
from tuntas.kit.errors import InDoubt, Transient
from tuntas.kit.messaging import topics
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.unit_of_work import packed
from tuntas.kit.messaging.wire import Record, partition_of
from tuntas.kit.persistence.database import Changes, Row, Timer
from tuntas.kit.persistence.postgres import PostgresSession, keep
from tuntas.kit.persistence.tables import RUNTIME, bootstrap, state_table
from tuntas.kit.settings import KafkaSettings
from tuntas.local.stack import Backends

POKES = Topic("tuntas.toy.commands.v1", Kind.COMMANDS)
COUNTS = Topic("tuntas.toy.events.v1", Kind.EVENTS)


class Poked(Message, name="toy.poked", topic=POKES):
    """Count me; later, call somebody, or fail in deciding."""

    wake_seconds: float | None = None
    call: str | None = None
    broken: bool = False


class Counted(Message, name="toy.counted", topic=COUNTS):
    """The count so far, and what for."""

    count: int
    why: str


class Count(Frozen):
    status: str = "counting"
    count: int = 0


def _count(state: Count | None, why: str, *more: Wake | Call) -> Decision[Count]:
    count = Count(count=(state.count if state else 0) + 1)
    return Decision(count, (Send(Counted(count=count.count, why=why)), *more))


def on_poked(state: Count | None, message: Poked, context: Context) -> Decision[Count]:
    if message.broken:
        raise RuntimeError("a bug in a decision")
    more: list[Wake | Call] = []
    if message.wake_seconds is not None:
        more.append(Wake("later", context.now + timedelta(seconds=message.wake_seconds)))
    if message.call:
        more.append(Call(context.cause, 1, message.call, "friend", {}, 2.0))
    return _count(state, "poke", *more)


def on_fired(state: Count | None, event: Fired, _: Context) -> Decision[Count]:
    return _count(state, event.purpose)


def on_answered(state: Count | None, event: Answered, _: Context) -> Decision[Count]:
    return _count(state, "lost" if event.lost else str((event.result or {}).get("said")))


class Friend:
    """Somebody outside, and whether one can still talk to them."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.closed = asyncio.Event(), asyncio.Event(), False

    async def perform(self, call: Call, _: Event) -> dict[str, Any]:
        if call.kind == "lose":
            raise InDoubt("no_answer")
        if call.kind == "linger":
            self.begun.set()
            await self.may_end.wait()
        return {"said": "nothing any more" if self.closed else "hello"}

    async def close(self) -> None:
        self.closed = True


FRIEND = Friend()


def parts(_: Resources) -> Parts:
    FRIEND.closed = False
    return Parts(
        core=Core(Count, {Poked: on_poked}, on_fired, on_answered, begins=lambda event: isinstance(event, Poked)),
        perform=FRIEND.perform,
        close=FRIEND.close,
    )


TOY = Service(name="toy", table="counts", topics=(POKES,), parts=parts)


class Toy:
    """A toy service at work, and the client that talks to it."""

    def __init__(self, prefix: str, backends: Backends, dsn: str) -> None:
        self.prefix, self.bootstrap, self.dsn = prefix, backends.bootstrap, dsn

    async def start(self) -> None:
        self.running = Running(TOY, lambda error: pytest.fail(repr(error)))
        await self.running.start()
        self.producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=4_000_000)
        await self.producer.start()

    async def stop(self) -> None:
        await self.producer.stop()
        await self.running.stop()

    async def poke(self, task: UUID, message: Poked, *, identity: UUID | None = None, tenant: str = "acme") -> UUID:
        envelope = Envelope(
            id=identity or uuid4(),
            type=message.wire_type,
            source="test",
            time=datetime.now(UTC),
            tenant=tenant,
            task_id=task,
            cause=uuid4(),
        )
        await self.send(task, message.model_dump_json().encode(), envelope.headers())
        return envelope.id

    async def send(self, task: UUID, body: bytes | None, headers: dict[str, Any], *, topic: Topic = POKES) -> None:
        pairs = [(k, v if isinstance(v, bytes) or v is None else v.encode()) for k, v in headers.items()]
        await self.producer.send_and_wait(
            self.prefix + topic.name, body, key=str(task).encode(), headers=pairs, partition=partition_of(task)
        )

    async def read(self, topic: Topic, count: int) -> list[Any]:
        """Read the first `count` records of a topic; no more than that may be there for a moment after."""
        consumer = AIOKafkaConsumer(self.prefix + topic.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            found: list[Any] = []
            async with asyncio.timeout(20):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += records
            return found
        finally:
            await consumer.stop()

    async def uncommitted(self, task: UUID) -> int:
        """Return how many records of a task's partition the group would read again if its service started anew."""
        place = TopicPartition(self.prefix + POKES.name, partition_of(task))
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as reader:
                end = (await reader.end_offsets([place]))[place]
            committed = await admin.list_consumer_group_offsets(KafkaSettings().group("toy"), partitions=[place])
        finally:
            await admin.close()
        return int(end - max(0, committed[place].offset))

    async def counts(self, task: UUID, count: int) -> list[dict[str, Any]]:
        """Read until a task has this many outputs. Those of other tasks are passed over, and what is delivered again is told by its id."""
        consumer = AIOKafkaConsumer(self.prefix + COUNTS.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            mine: dict[bytes, dict[str, Any]] = {}
            async with asyncio.timeout(20):
                while len(mine) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        mine |= {dict(r.headers)["ce_id"]: json.loads(r.value) for r in records if r.key == str(task).encode()}
            return list(mine.values())
        finally:
            await consumer.stop()


@pytest.fixture(scope="module")
async def toy(backends: Backends, monkeypatch_module: pytest.MonkeyPatch) -> AsyncIterator[Toy]:
    prefix = f"t{uuid4().hex[:8]}."
    admin = await asyncpg.connect(backends.dsn)
    for statement in bootstrap({"toy": "toy", "trust": "trust"}, "ops"):
        await admin.execute(statement)
    await admin.execute("drop schema if exists toy cascade; create schema toy authorization toy")
    await admin.close()
    dsn = backends.dsn.replace(backends.dsn.split("//")[1].split("@")[0], "toy:toy")
    owner = await asyncpg.connect(dsn)
    for statement in (*state_table("counts"), *RUNTIME):
        await owner.execute(statement)
    await owner.close()
    for name, value in {
        "TUNTAS_KAFKA_BOOTSTRAP": backends.bootstrap,
        "TUNTAS_TOPIC_PREFIX": prefix,
        "TUNTAS_KAFKA_INSTANCE": "1",
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_TOY_DATABASE_URL": dsn,
    }.items():
        monkeypatch_module.setenv(name, value)
    await topics.create(KafkaSettings(), (POKES, COUNTS, DEAD_LETTERS))
    toy = Toy(prefix, backends, dsn)
    await toy.start()
    yield toy
    await toy.stop()


async def test_a_message_met_twice_has_its_effect_and_its_output_once(toy: Toy) -> None:
    task = uuid4()
    identity = await toy.poke(task, Poked())
    await toy.poke(task, Poked(), identity=identity)
    await toy.poke(task, Poked())
    assert [c["count"] for c in await toy.counts(task, 2)] == [1, 2]


async def test_a_timer_fires_once_it_is_due(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked(wake_seconds=0.2))
    assert [c["why"] for c in await toy.counts(task, 2)] == ["poke", "later"]


async def test_an_answer_to_a_call_enters_the_task(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked(call="greet"))
    assert [c["why"] for c in await toy.counts(task, 2)][:2] == ["poke", "hello"]


async def test_a_lost_answer_is_told_as_lost(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked(call="lose"))
    assert [c["why"] for c in await toy.counts(task, 2)] == ["poke", "lost"]


async def test_poison_is_set_aside_with_its_reason_while_good_records_flow(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked())
    await toy.send(task, b"not json", {"ce_id": "x"})
    good = Envelope(id=uuid4(), type=Poked.wire_type, source="t", time=datetime.now(UTC), tenant="acme", task_id=task, cause=uuid4())
    await toy.send(task, b"{]", good.headers())
    await toy.send(task, b"{}", replace_type(good, "tuntas.nobody.knows.v1").headers())
    await toy.send(task, b"\xff\xfe", {**good.headers(), "ce_id": b"\xff", "x": None})
    await toy.send(task, None, good.headers())
    await toy.send(task, b'{"call": "' + b"x" * 2_000_000 + b'"}', good.headers())
    await toy.poke(task, Poked(broken=True))
    await toy.poke(task, Poked(), tenant="other")
    await toy.poke(task, Poked())
    assert [c["count"] for c in await toy.counts(task, 2)] == [1, 2]
    dead = {dict(r.headers)["dlq_code"].decode() for r in await toy.read(DEAD_LETTERS, 8)}
    assert dead == {"bad_envelope", "bad_body", "unknown_type", "too_large", "decision_failed", "foreign_tenant"}


async def test_a_row_that_another_replica_wrote_is_read_again_before_it_is_decided_on(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked())
    await toy.counts(task, 1)
    con = await asyncpg.connect(toy.dsn)
    await con.execute("""update counts set version = version + 1, doc = '{"count": 41}' where task_id = $1""", task)
    await con.close()
    await toy.poke(task, Poked())
    assert [c["count"] for c in await toy.counts(task, 2)] == [1, 42]


async def test_a_task_that_seems_new_after_a_restart_goes_on_from_its_row_and_knows_what_it_counted(toy: Toy) -> None:
    task = uuid4()
    first = await toy.poke(task, Poked())
    await toy.poke(task, Poked())
    await toy.counts(task, 2)
    await toy.stop()
    await toy.start()
    await toy.poke(task, Poked(), identity=first)
    await toy.poke(task, Poked())
    assert [c["count"] for c in await toy.counts(task, 3)] == [1, 2, 3]


async def test_a_batch_of_which_one_row_moved_writes_nothing_of_it(toy: Toy) -> None:
    work = toy.running.runtime.work
    known, new = uuid4(), uuid4()
    con = await asyncpg.connect(toy.dsn)
    await con.execute("insert into counts (task_id, tenant, version, seen, status, doc) values ($1, 'acme', 7, '{}', 'x', '{}')", known)
    rows = [Row(known, "acme", 3, Count(), frozenset()), Row(new, "acme", 0, Count(), frozenset(), [uuid4()])]
    timer = Timer(new, "later", "acme", 0, datetime.now(UTC), "")
    with pytest.raises(Transient, match="conflict"):
        await PostgresSession(con).write(work.store.table, Changes(rows=rows, timers=[timer]))
    assert await con.fetchval("select count(*) from counts where task_id = $1", new) == 0
    assert await con.fetchval("select count(*) from timers where task_id = $1", new) == 0
    await con.close()


async def test_outputs_left_by_a_crash_are_published_by_the_next_owner(toy: Toy) -> None:
    task, identity = uuid4(), uuid4()
    envelope = Envelope(id=identity, type=Counted.wire_type, source="t", time=datetime.now(UTC), tenant="acme", task_id=task, cause=uuid4())
    left = Record(identity, COUNTS.name, str(task).encode(), envelope.headers(), b'{"count": 7, "why": "left"}', partition_of(task))
    await toy.stop()
    con = await asyncpg.connect(toy.dsn)
    await keep(con, packed([left], datetime.now(UTC)))
    await toy.start()
    assert [c["count"] for c in await toy.counts(task, 1)] == [7]
    async with asyncio.timeout(10):
        while await con.fetchval("select count(*) from outbox"):
            await asyncio.sleep(0.05)
    await con.close()


async def test_more_parcels_than_a_page_are_all_delivered_in_one_sweep(toy: Toy) -> None:
    runtime, owned = toy.running.runtime, list(range(PARTITIONS))
    con = await asyncpg.connect(toy.dsn)
    async with runtime.turn:
        for task in [uuid4() for _ in range(250)]:
            left = Envelope(id=uuid4(), type=Counted.wire_type, source="t", time=datetime.now(UTC), tenant="a", task_id=task, cause=uuid4())
            body, place = b'{"count": 1, "why": "left"}', partition_of(task)
            record = Record(left.id, COUNTS.name, str(task).encode(), left.headers(), body, place)
            await keep(con, packed([record], datetime.now(UTC)))
        await runtime._leftovers(owned, 0.0)
        assert await runtime.work.leftovers(owned, 0.0) == []
    await con.close()


async def test_a_call_under_the_key_of_another_tasks_call_blocks_nobody(toy: Toy) -> None:
    one, other, identity = uuid4(), uuid4(), uuid4()
    con = await asyncpg.connect(toy.dsn)
    call = {"key": str(identity), "number": 1, "kind": "greet", "party": "friend", "body": {}, "deadline_seconds": 1}
    await con.execute(
        """insert into work (call_id, task_id, tenant, partition, call, lease_until, traceparent)
        values ($1, $2, 'acme', $3, $4, now() + interval '1 hour', '')""",
        call_identity(call),
        one,
        partition_of(one),
        json.dumps(call),
    )
    await con.close()
    await toy.poke(other, Poked(call="greet"), identity=identity)
    await toy.poke(other, Poked())
    assert "poke" in [c["why"] for c in (await toy.counts(other, 2))[:1]]


async def test_a_call_whose_process_died_is_told_as_lost_when_its_lease_is_over(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked())
    await toy.counts(task, 1)
    con = await asyncpg.connect(toy.dsn)
    call = {"key": str(uuid4()), "number": 1, "kind": "greet", "party": "friend", "body": {}, "deadline_seconds": 1}
    await con.execute(
        "insert into work (call_id, task_id, tenant, partition, call, lease_until, traceparent) values ($1, $2, 'acme', $3, $4, now(), '')",
        call_identity(call),
        task,
        partition_of(task),
        json.dumps(call),
    )
    await con.close()
    assert [c["why"] for c in await toy.counts(task, 2)] == ["poke", "lost"]


async def test_what_the_parts_opened_is_closed_at_the_stop_after_the_last_call(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked(call="linger"))
    await asyncio.wait_for(FRIEND.begun.wait(), 20)
    stopping = asyncio.create_task(toy.running.stop())
    await asyncio.sleep(0)
    seen = [FRIEND.closed]
    FRIEND.may_end.set()
    await stopping
    assert [*seen, FRIEND.closed] == [False, True]
    toy.running = Running(TOY, lambda error: pytest.fail(repr(error)))
    await toy.running.start()
    assert [c["why"] for c in await toy.counts(task, 2)][:2] == ["poke", "hello"]


async def test_what_is_done_is_committed_while_nothing_more_comes(toy: Toy) -> None:
    task = uuid4()
    await toy.poke(task, Poked())
    await toy.counts(task, 1)
    async with asyncio.timeout(20):
        while await toy.uncommitted(task):
            pass  # the broker does not tell when an offset was committed


async def test_a_service_that_stops_leaves_nothing_to_be_read_again(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    task = uuid4()
    await toy.running.stop()
    monkeypatch.setattr(app, "COMMIT_SECONDS", 60.0)
    toy.running = Running(TOY, lambda error: pytest.fail(repr(error)))
    await toy.running.start()
    await toy.poke(task, Poked())
    await toy.counts(task, 1)
    await toy.running.stop()
    assert await toy.uncommitted(task) == 0
    toy.running = Running(TOY, lambda error: pytest.fail(repr(error)))
    await toy.running.start()


def call_identity(call: dict[str, Any]) -> UUID:
    from tuntas.contracts.ids import call_id

    return call_id(UUID(call["key"]), call["number"])


def replace_type(envelope: Envelope, wire_type: str) -> Envelope:
    return envelope.model_copy(update={"type": wire_type})
