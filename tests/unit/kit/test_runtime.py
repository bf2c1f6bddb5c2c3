"""When the runtime decides what is due: so much at once, page by page, and not before it read what the timers wait for."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.base import Frozen
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.executor import ExecutionCommitted, ExecutionHalt
from tuntas.contracts.ids import derive
from tuntas.kit.decision import Context, Core, Decision, Fired
from tuntas.kit.errors import NotSent
from tuntas.kit.messaging import runtime as running
from tuntas.kit.messaging.fold import Event, arrived
from tuntas.kit.messaging.runtime import LATE_FOR_SECONDS, MOST_CALLS_OUT, MOST_DUE, Runtime
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.messaging.wire import Raw, Record
from tuntas.kit.messaging.work import Desk
from tuntas.kit.persistence.database import Row, Timer
from tuntas.kit.persistence.store import Store
from tuntas.testkit import memory as tables
from tuntas.testkit.line import Line
from tuntas.testkit.memory import Memory, MemoryDatabase
from tuntas.testkit.quiet import log, metrics, tracing
from tuntas.testkit.world import SimulatedClock

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TASK = derive("task")


class Count(Frozen):
    status: str = "open"
    fired: int = 0
    heard: int = 0


def heard(state: Count | None, message: ExecutionHalt | ExecutionCommitted, _: Context) -> Decision[Count]:
    state = state or Count()
    return Decision(state.but(heard=state.heard + 1, status="over" if isinstance(message, ExecutionCommitted) else "open"))


def fired(state: Count | None, _: Fired, __: Context) -> Decision[Count]:
    state = state or Count()
    return Decision(state.but(fired=state.fired + 1))


CORE: Core[Count] = Core(
    Count, {ExecutionHalt: heard, ExecutionCommitted: heard}, fired=fired, waits=frozenset({ExecutionHalt}), ends=frozenset({"over"})
)


@dataclass
class House:
    """A runtime over tables in memory, with a clock that stands still until it is moved."""

    now: datetime = NOW
    published: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = Memory("toy", False, lambda: self.now, lambda *_: None)
        self.store: Store[Count] = Store("counts", Count)
        work = UnitOfWork("toy", CORE, self.store, MemoryDatabase(self.memory, Line("toy")), SimulatedClock(lambda: self.now))
        desk = Desk("toy", self._call, metrics("toy"), log("toy"), lambda: None)
        self.runtime: Runtime[Count] = Runtime(
            "toy",
            work,
            desk,
            self._publish,
            metrics("toy"),
            log("toy"),
            tracing("toy"),
            read=lambda record: record.event,  # type: ignore[attr-defined]
        )
        self.runtime.waiting.kinds = CORE.waits
        self.runtime.assign(frozenset(range(6)))

    async def _call(self, *_: Any) -> Any:
        raise NotSent("nobody")

    async def _publish(self, records: Any) -> None:
        self.published += records

    def timer(self, number: int, due_at: datetime) -> None:
        task = derive("timer", number)
        self.memory.timers[task, "late"] = Timer(task, "late", "acme", 0, due_at, "")

    async def tick(self) -> None:
        self.runtime.nudge.set()
        await self.runtime.tick()

    async def hear(self, message: Any, *, written: datetime, public: bool = False, task: UUID = TASK) -> None:
        await self.runtime.handle([raw(message, written, public=public, task=task)])

    @property
    def fired(self) -> int:
        return sum(self.memory.state(task).fired for task in self.memory.rows)


def raw(message: Any, written: datetime, *, public: bool = False, task: UUID = TASK) -> Raw:
    record: Any = SimpleNamespace(topic="t", partition=0, offset=0, timestamp=int(written.timestamp() * 1e3), event=None)
    envelope = Envelope(
        id=derive(message.wire_type, written), type=message.wire_type, source="x", time=written, tenant="acme", task_id=task, cause=task
    )
    if public:
        record.event = Event(task, "acme", envelope.id, message, origin=record)
    else:
        record.event = arrived(envelope, message, record)
    found: Raw = record
    return found


@pytest.fixture
def house() -> House:
    return House()


async def test_however_many_timers_are_due_so_many_are_decided_at_once(house: House) -> None:
    for number in range(MOST_DUE + 10):
        house.timer(number, NOW - timedelta(seconds=1))
    await house.tick()
    assert house.fired == MOST_DUE
    await house.tick()
    assert house.fired == MOST_DUE + 10


async def test_the_next_page_is_read_as_soon_as_the_last_is_decided(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAGE", 3)
    monkeypatch.setattr(tables, "PAGE", 3)
    for number in range(8):
        house.timer(number, NOW - timedelta(seconds=1))
    for _ in range(3):
        await house.tick()
    assert house.fired == 8


async def test_timers_set_meanwhile_do_not_keep_the_next_page_from_being_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAGE", 3)
    monkeypatch.setattr(running, "MOST_DUE", 3)
    monkeypatch.setattr(tables, "PAGE", 3)
    for number in range(6):
        house.timer(number, NOW - timedelta(seconds=9))
    await house.tick()
    for number in range(100, 130):  # as a storm of repeats would
        task = derive("timer", number)
        house.runtime.due[task, "late"] = (NOW - timedelta(seconds=1), Event(task, "acme", task, Fired("late", NOW)))
    await house.tick()
    await house.tick()
    assert house.memory.timers.keys() & {(derive("timer", n), "late") for n in range(6)} == set()


async def test_while_too_many_calls_are_out_no_timer_is_decided(house: House) -> None:
    house.timer(1, NOW - timedelta(seconds=1))
    waiting = asyncio.create_task(asyncio.sleep(60))
    house.runtime.desk.outstanding.update({derive("out", n): waiting for n in range(MOST_CALLS_OUT + 1)})
    await house.tick()
    assert house.fired == 0
    house.runtime.desk.outstanding.clear()
    await house.tick()
    assert house.fired == 1
    waiting.cancel()


async def test_a_timer_waits_for_what_may_lie_unread_in_the_log(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    at = asyncio.get_running_loop().time()
    monkeypatch.setattr(running, "_monotonic", lambda: at)
    house.timer(1, NOW - timedelta(seconds=20))
    await house.hear(ExecutionCommitted(epoch=1), written=NOW - timedelta(seconds=30))
    await house.tick()
    assert house.fired == 0
    assert house.runtime.pause(at) == LATE_FOR_SECONDS
    await house.hear(ExecutionCommitted(epoch=2), written=NOW - timedelta(seconds=15))
    await house.tick()
    assert house.fired == 1


async def test_with_nothing_left_to_read_a_timer_goes_by_the_clock(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    at = asyncio.get_running_loop().time()
    monkeypatch.setattr(running, "_monotonic", lambda: at)
    house.timer(1, NOW - timedelta(seconds=20))
    await house.hear(ExecutionCommitted(epoch=1), written=NOW - timedelta(seconds=30))
    monkeypatch.setattr(running, "_monotonic", lambda: at + LATE_FOR_SECONDS)
    await house.tick()
    assert house.fired == 1


async def test_a_service_is_as_late_as_its_least_late_batch_since_it_was_last_asked(house: House) -> None:
    assert house.runtime.delayed() == 0
    for seconds in (9, 4, 5):
        await house.hear(ExecutionCommitted(epoch=1), written=NOW - timedelta(seconds=seconds))
    assert house.runtime.delayed() == pytest.approx(4)
    assert house.runtime.delayed() == 0


async def test_records_of_public_topics_say_nothing_about_lateness(house: House) -> None:
    await house.hear(ExecutionCommitted(epoch=1), written=NOW - timedelta(days=4), public=True)
    assert house.runtime.delayed() == 0


async def test_what_may_wait_is_written_with_what_comes_next_for_its_task(house: House) -> None:
    await house.hear(ExecutionHalt(epoch=1), written=NOW)
    assert house.memory.rows == {}
    await house.hear(ExecutionCommitted(epoch=1), written=NOW)
    assert house.memory.state(TASK).heard == 2


async def test_what_waited_long_enough_is_decided_by_a_tick(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.hear(ExecutionHalt(epoch=1), written=NOW)
    late = asyncio.get_running_loop().time() + 3.1
    monkeypatch.setattr(running, "_monotonic", lambda: late)
    await house.tick()
    assert house.memory.state(TASK).heard == 1
    assert house.runtime.waiting.due_at() is None


async def test_a_row_at_its_end_is_not_kept_in_memory(house: House) -> None:
    other = derive("other")
    house.memory.rows[other] = Row(other, "acme", 1, Count(), frozenset())
    house.timer(1, NOW - timedelta(seconds=1))
    await house.tick()
    await house.hear(ExecutionCommitted(epoch=1), written=NOW)
    assert set(house.store._kept) == {derive("timer", 1)}
