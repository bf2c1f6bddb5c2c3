"""Services as they run: the kit's own runtime, unit of work, desk and link, over simulated Kafka, PostgreSQL and clock.

Every request of a process passes a gate, so that what it does is interleaved with what the others do, lost, or done and not heard of.
Processes are killed, stopped for longer than their locks and their membership last, and go on as zombies.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from faststream.exceptions import NackMessage

from tuntas.contracts.connectors import StepStarted, StepUndo
from tuntas.contracts.trust import TaskCancel
from tuntas.kit.decision import Call
from tuntas.kit.errors import NotSent
from tuntas.kit.messaging.broker import Link
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.runtime import LEFTOVER_SECONDS, SWEEP_SECONDS, Runtime
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.messaging.wire import Record
from tuntas.kit.messaging.work import Desk
from tuntas.kit.persistence.database import Database, Work
from tuntas.testkit.grown import NEXT, grow
from tuntas.testkit.history import START
from tuntas.testkit.kafka import Consumer, Group, Producer, Stored, Topics
from tuntas.testkit.line import Fate, Line
from tuntas.testkit.log import require
from tuntas.testkit.loop import TICK_SECONDS, VirtualLoop
from tuntas.testkit.memory import Memory, MemoryDatabase
from tuntas.testkit.quiet import log, metrics, tracing
from tuntas.testkit.world import Act, Part, SimulatedClock, World, seconds

SESSION_SECONDS = 10.0
"""So long after its last sign of life a member is taken for gone."""

ASTRAY = 0.1
_LOOP: list[VirtualLoop] = []


class _Subscriber:
    """What a link sees of the framework's subscriber: its consumer, and the lock around a batch."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer, self.lock = consumer, self
        self.free = asyncio.Event()
        self.free.set()

    async def wait_release(self, seconds_: float) -> None:
        """Wait until no batch is under way, at most so long."""
        try:
            async with asyncio.timeout(seconds_):
                await self.free.wait()
        except TimeoutError:
            return


class Process:
    """One replica of a service."""

    def __init__(self, cluster: "Cluster", part: Part, number: int) -> None:
        self.cluster, self.part, self.name = cluster, part, f"{part.name}#{number}"
        self.memory: Memory = cluster.shelves[part.name]
        self.line = Line(self.name, gated=cluster.gated, fate=cluster.fate)
        self.consumer = Consumer(cluster.groups[part.name])
        self.subscriber = _Subscriber(self.consumer)
        self.stopped_until: datetime | None = None
        self.joining = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self.context = copy_context()
        self.context.run(NEXT.set, cluster.mixed and number % 2 == 0)
        self.ticking = False
        self._mark: tuple[float, ...] = ()
        self._wakes: float | None = None
        self._assemble()

    def _assemble(self) -> None:
        name, quiet = self.part.name, log(self.part.name)
        producer = Producer(self.cluster.append, self.line, self.cluster.arriving, self.spawn)
        work: UnitOfWork[Any] = UnitOfWork(
            name, self.part.core, self.part.store(), self.cluster.database(self), SimulatedClock(self.cluster.instant)
        )
        self.desk = Desk(name, self._perform, metrics(name), quiet, self._nudge)
        self.link = Link(name, producer.broker, "", metrics(name), quiet, self._fatal, self.part.topics[0], self._assigned, self.subscriber)
        self.link.dice = Random(self.cluster.rng.random())
        self.link.waiting = Waiting(self.part.core.waits)
        self.runtime: Runtime[Any] = Runtime(
            name, work, self.desk, self.link.publish, metrics(name), quiet, tracing(name), flow=self.link.flow, waiting=self.link.waiting
        )

    def _nudge(self) -> None:
        self.runtime.nudge.set()

    def _assigned(self, partitions: frozenset[int]) -> None:
        self.runtime.assign(partitions)

    def _fatal(self, error: BaseException) -> None:
        self.cluster.later(0, self.cluster.kill, self)
        self.cluster.tell(self.name, "ends by itself", error)

    async def _perform(self, call: Call, _: Event) -> Any:
        await self.line.reach(f"call {call.kind}", lambda: None)
        answer = self.cluster.wire.answer(call)
        self.cluster.tell(self.name, "calls", call.kind, call.key, answer)
        if answer.lost:
            raise TimeoutError(answer.code)
        if answer.code:
            raise NotSent(answer.code)
        return answer.result

    @property
    def runs(self) -> bool:
        """Say whether it does anything now."""
        return not self.line.dead and self.stopped_until is None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin something in this process."""
        task = self.cluster.loop.create_task(work, context=self.context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def consume(self, batch: Sequence[Stored]) -> None:
        """Take a batch, as the framework does: acknowledge it, or read it again."""
        self.subscriber.free.clear()
        try:
            await self.link.guarded(self.runtime.handle, batch)
            self.link.done(batch)
            await self.link.commit()
        except NackMessage:
            self.consumer.back(batch)
        except Exception as error:  # noqa: BLE001 - the framework logs what an acknowledgement raises, and goes on
            self.cluster.tell(self.name, "could not acknowledge", error)
        finally:
            self.subscriber.free.set()

    async def tick(self) -> None:
        """Let the runtime decide what is due, once."""
        self.runtime.nudge.set()
        try:
            await self.runtime.tick()
        except Exception as error:  # noqa: BLE001 - as the service's loop does
            self.cluster.tell(self.name, "swept in vain", error)
            await asyncio.sleep(0.5)
        finally:
            self.ticking = False

    async def rejoin(self) -> None:
        """Give up what it reads, for a new generation; the client library logs what that raises, and goes on."""
        try:
            await self.link.on_partitions_revoked(self.consumer.places)
        except Exception as error:  # noqa: BLE001 - as said
            self.cluster.tell(self.name, "gives up partitions", type(error).__name__)

    def wakes_at(self) -> float | None:
        """Return when the runtime has something to do by itself, in seconds; none if nothing is foreseen."""
        runtime = self.runtime
        if not runtime.partitions or self.ticking or not self.runs:
            return None
        if self.desk.finished or runtime.behind:
            return 0.0
        waits = runtime.waiting.due_at()
        known = (len(runtime.due), len(runtime.work.published), len(self.desk.outstanding))
        mark = (self.memory.changes, runtime.swept_at, *known, waits or 0.0, runtime.read_at)
        if mark != self._mark:
            self._mark, self._wakes = mark, self._foreseen()
        return self._wakes

    def _foreseen(self) -> float | None:
        runtime = self.runtime
        pause = runtime.pause(self.cluster.loop.clock)
        found = [] if pause is None else [max(0.0, self.cluster.loop.clock + pause) + _MOMENT]
        if (waits := runtime.waiting.due_at()) is not None:
            found.append(waits + _MOMENT)
        if swept := self._swept():
            found.append(max(seconds(min(swept)), runtime.swept_at + SWEEP_SECONDS + _MOMENT))
        return min(found, default=None)

    def _swept(self) -> list[datetime]:
        """Return when the tables hold what only a sweep finds."""
        owned, memory = self.runtime.partitions, self.memory
        if not (memory.timers or memory.work or memory.outbox):
            return []
        known, gone = self.runtime.due, set(self.runtime.work.published)
        out = {*self.desk.outstanding, *(e.cause for e in self.desk.finished)}
        timers = [t.due_at for key, t in memory.timers.items() if t.due_at and t.partition in owned and key not in known]
        calls = [w.lease_until for w in memory.work.values() if w.partition in owned and w.call_id not in out and _lease(w) not in known]
        parcels = [p.made_at + _LEFT for p in memory.outbox.values() if p.partition in owned and p.id not in gone]
        return [*timers, *calls, *parcels]


def _lease(work: Work) -> tuple[UUID, str]:
    return work.task_id, f"lease:{work.call_id}"


_LEFT = timedelta(seconds=LEFTOVER_SECONDS + 0.001)
_MOMENT = 1e-4


class Cluster(World):
    """Services with their runtime: processes, groups, gates."""

    def __init__(self, *given: Any, **named: Any) -> None:
        grow()
        self.loop = _LOOP.pop() if _LOOP else VirtualLoop()
        self.loop.clock = 0.0
        super().__init__(*given, **named)
        rng = self.rng
        self.gated = rng.random() < 0.5
        self.topics = self.make_topics(super().append)
        self.groups = {name: Group(self.topics, part.topics) for name, part in self.parts.items()}
        self.processes: list[Process] = []
        self._moving: set[str] = set()
        self._count = 0
        for name in self.parts:
            for _ in range(rng.choice([1, 1, 2, 4]) if self.moods.chances.get("replicas") else 1):
                self._start(name)
        self._turn()

    def make_topics(self, appended: Callable[[Record], None]) -> Topics:
        """Return the world's partitions, empty."""
        return Topics(appended, self.instant)

    def database(self, process: Process) -> Database:
        """Return a process's way to its service's tables."""
        return MemoryDatabase(process.memory, process.line)

    # The clock

    def instant(self) -> datetime:
        """Return the clock."""
        return START + timedelta(seconds=self.loop.clock)

    def pass_until(self, now: datetime) -> None:
        """Move the clock, and let go on who waited for it."""
        self.loop.clock = max(self.loop.clock, seconds(now))
        self.agenda.pass_until(now)
        self._turn()

    def instants(self) -> list[datetime]:
        """Return when a process has something to do by itself."""
        found = [at for process in self.processes if (at := process.wakes_at()) is not None]
        found = [at for at in found if at > self.loop.clock + TICK_SECONDS]
        return [START + timedelta(seconds=at) for at in (*found, *self.loop.instants())]

    def append(self, record: Record) -> None:
        """Let a record reach its partition, or go astray."""
        if self._goes_astray(record):
            self.later(self.rng.uniform(5, self.rng.choice([120, 3000])), self.topics.append, record)
            if self.rng.random() < 0.5:  # while the command is missing, somebody loses patience
                self.later(self.rng.uniform(0, 10), self.say, "gateway", UUID(record.key.decode()), TaskCancel(by="person"))
        else:
            self.topics.append(record)

    def _goes_astray(self, record: Record) -> bool:
        """Say whether a command is met much later than it was sent, like one that was set aside and sent through again (protocol R12)."""
        command = record.headers["ce_type"] in {StepStarted.wire_type, StepUndo.wire_type}
        return command and self.astray is not None and not self.moods.calm and self.astray.random() < ASTRAY

    # What may happen

    def options(self) -> list[Act]:
        """Return what may happen next."""
        found: list[Act] = []
        for process in self.processes:
            if not process.runs:
                continue
            found += [partial(self._open, process, gate) for gate in process.line.gates if gate.ready()]
            if process.subscriber.free.is_set() and not process.joining and (places := process.consumer.unread()):
                found += [partial(self._deliver, process, places)] * min(3, len(places))
            if (at := process.wakes_at()) is not None and at <= self.loop.clock + TICK_SECONDS:
                found += [partial(self._tick, process)] * 2
        found += [partial(self._settle_group, name) for name in sorted(self._moving) if self._drained(name)]
        return found

    def _open(self, process: Process, gate: Any) -> None:
        process.line.open(gate)
        self._turn()
        self._strike(process)

    def _deliver(self, process: Process, places: list[Any]) -> None:
        chosen = self.rng.sample(places, self.rng.randint(1, len(places)))
        batch = [record for place in chosen for record in process.consumer.take(place, self.rng.choice([1, 1, 3, 500]))]
        owned = process.runtime.partitions
        for record in batch:
            require(record.partition in owned, "P20", process.name, "reads a task that another replica owns")
            self.tell(process.name, "<-", dict(record.headers).get("ce_type"), dict(record.headers).get("ce_id"))
        process.spawn(process.consume(batch))
        self._turn()
        self._strike(process)

    def _tick(self, process: Process) -> None:
        process.ticking = True
        process.spawn(process.tick())
        self._turn()

    def _turn(self) -> None:
        """Let every task go on as far as it can."""
        self.loop.settle()

    # What goes wrong

    def fate(self, what: str) -> Fate:
        """Draw what becomes of a request."""
        if what.startswith("call") or not self.moods.roll("severed"):
            return Fate.GO
        return self.rng.choice([Fate.LOST, Fate.UNHEARD])

    def arriving(self, records: Sequence[Record], dying: bool) -> Sequence[Record]:
        """Return what of a batch reaches the log before its connection breaks: of each partition the first ones."""
        if not (dying or self.moods.roll("severed")):
            return records
        places: dict[tuple[str, int | None], list[Record]] = {}
        for record in records:
            places.setdefault((record.topic, record.partition), []).append(record)
        return [record for place in places.values() for record in place[: self.rng.randint(0, len(place))]]

    def _strike(self, process: Process) -> None:
        if self.moods.roll("crash"):
            self.kill(process)
        elif self.moods.roll("stop"):
            self.stop(process, self.rng.choice([1.0, 12.0, 40.0, 90.0]))
        elif self.moods.roll("moved"):
            self._rebalance(process.part.name)

    def kill(self, process: Process) -> None:
        """Kill a process; another takes its place, at once or after a while, and the group notices later."""
        if process.line.dead:
            return
        self.tell(process.name, "is killed")
        self.loop.run_until_complete(process.line.cut(lambda: self.rng.random() < 0.5))
        for call in self._out(process):
            self.wire.abandoned(call)
        for task in (*process.tasks, *process.desk.outstanding.values()):
            task.cancel()
        self._turn()
        self.processes.remove(process)
        name = process.part.name
        self.later(SESSION_SECONDS, self._rebalance, name)
        self.later(self.rng.choice([0.5, 3.0, 20.0]), self._replace, name)

    def _out(self, process: Process) -> list[Call]:
        rows = self.shelves[process.part.name].work
        return [rows[identity].call for identity in process.desk.outstanding if identity in rows]

    def stop(self, process: Process, lasts: float) -> None:
        """Stop a process for a while; it goes on as if nothing had been."""
        if not process.runs:
            return
        self.tell(process.name, "is stopped for", lasts)
        process.stopped_until = self.now + timedelta(seconds=lasts)
        self.later(lasts, self._go_on, process)
        if lasts > SESSION_SECONDS:
            self.later(SESSION_SECONDS, self._rebalance, process.part.name)
            self.later(SESSION_SECONDS, self._replace, process.part.name)

    def _go_on(self, process: Process) -> None:
        if process.stopped_until is None or process.line.dead:
            return
        self.tell(process.name, "goes on")
        process.stopped_until = None
        name = process.part.name
        if name in self._moving or process.consumer not in self.groups[name].members:
            self._rebalance(name)

    def _replace(self, name: str) -> None:
        if not any(process.part.name == name and process.runs for process in self.processes):
            self._start(name)

    def _start(self, name: str) -> None:
        self._count += 1
        process = Process(self, self.parts[name], self._count)
        self.processes.append(process)
        self._rebalance(name)

    def calm(self) -> None:
        """Let faults stop, and whoever was stopped go on."""
        super().calm()
        for process in list(self.processes):
            self._go_on(process)
        for name in self.parts:
            self._replace(name)

    def close(self) -> None:
        """End all processes, and keep the loop for the next history."""
        for process in self.processes:
            process.line.dead = True
            for task in (*process.tasks, *process.desk.outstanding.values()):
                task.cancel()
        self._turn()
        _LOOP.append(self.loop)

    # Groups

    def _rebalance(self, name: str) -> None:
        """Begin a generation: whoever answers gives up its partitions first; who does not is left out."""
        self.tell(name, "moves partitions")
        self._moving.add(name)
        for process in self._members(name):
            if not process.joining and process.consumer.places:
                process.joining = True
                process.spawn(process.rejoin())
        self._turn()

    def _members(self, name: str) -> list[Process]:
        return [process for process in self.processes if process.part.name == name and process.runs]

    def _drained(self, name: str) -> bool:
        return all(process.subscriber.free.is_set() and not process.runtime.partitions for process in self._members(name))

    def _settle_group(self, name: str) -> None:
        self._moving.discard(name)
        members = self._members(name)
        self.groups[name].balance([process.consumer for process in members])
        for process in members:
            process.joining = False
            process.spawn(process.link.on_partitions_assigned(process.consumer.places))
        self._turn()
