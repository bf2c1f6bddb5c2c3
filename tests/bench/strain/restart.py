"""After an outage: 100,000 sagas are open, each with a timer that is due, and as many calls are lost. How soon is all of it taken up?"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from tests.bench.__main__ import say
from tests.bench.gauge import Gauge
from tests.bench.load import PLAN
from tests.bench.stage import IN_TWO, Stage, stage
from tests.bench.trip import STEPS

from tuntas.contracts.connectors import QuoteRequested, StepStarted
from tuntas.contracts.ids import call_id, derive
from tuntas.contracts.plan import Goal
from tuntas.executor.core import core as executing
from tuntas.kit.connector.effects import Effects
from tuntas.kit.decision import Call, Context, Send, Wake
from tuntas.kit.messaging.wire import decode_body, partition_of
from tuntas.saga.core import core as coordinating

OPEN = 100_000
PAGE = 5_000
MOST_SECONDS = 300
_STATES = ("task_id", "tenant", "version", "seen", "status", "doc")
_TIMERS = ("task_id", "purpose", "tenant", "partition", "due_at", "traceparent")
_WORK = ("call_id", "task_id", "tenant", "partition", "call", "lease_until", "traceparent")
_LEFT = """select (select count(*) from executor.timers where due_at < $1) as timers,
    (select count(*) from connectors_bench.work where lease_until < $1) as calls"""
Tables = dict[tuple[str, str], tuple[Sequence[str], list[tuple[Any, ...]]]]


def _page(first: int, at: datetime) -> Tables:
    """Return rows of open sagas: the first step of each was commanded and not answered, and a quote is out."""
    tables: Tables = {
        ("executor", "executions"): ((*_STATES, "settled"), []),
        ("executor", "timers"): (_TIMERS, []),
        ("saga", "sagas"): (_STATES, []),
        ("saga", "timers"): (_TIMERS, []),
        ("connectors_bench", "effects"): (_STATES, []),
        ("connectors_bench", "work"): (_WORK, []),
    }
    for number in range(first, first + PAGE):
        for place, row in _rows(number, at):
            tables[place][1].append(row)
    return tables


def _rows(number: int, at: datetime) -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
    task = derive("open", number)
    record = PLAN.make(task, number, False)
    approved = decode_body(record.headers["ce_type"], record.body)
    begun = executing().decide(None, approved, _context(task, at))
    started = next(out.message for out in begun.out if isinstance(out, Send) and isinstance(out.message, StepStarted))
    declared = coordinating().decide(None, started, _context(task, at))
    state, doc = begun.state, begun.state.model_copy(update={"plan": "", "approval": None}) if begun.state else None
    settled = msgspec.json.encode({name: getattr(state, name) for name in state.settled}, enc_hook=str).decode() if state else ""
    yield ("executor", "executions"), (*_state(task, doc), settled)
    yield ("saga", "sagas"), _state(task, declared.state)
    yield ("connectors_bench", "effects"), _state(task, Effects())
    yield ("connectors_bench", "work"), _work(task, at)
    for service, decision in (("executor", begun), ("saga", declared)):
        last = {out.purpose: out.at for out in decision.out if isinstance(out, Wake)}
        for purpose, due in last.items():
            yield (service, "timers"), (task, purpose, "bench", partition_of(task), at if purpose.startswith("reply_by") else due, "")


def _context(task: UUID, at: datetime) -> Context:
    return Context(at, task, "bench", derive("cause", task))


def _state(task: UUID, state: Any) -> tuple[Any, ...]:
    return task, "bench", 1, [derive("cause", task)], str(state.status), state.model_dump_json()


def _work(task: UUID, at: datetime) -> tuple[Any, ...]:
    goal = Goal(goal_id="trip", type="bench.trip", parameters={})
    asked = QuoteRequested(quote_id=derive("quote", task), goal=goal, person=task, instrument="wallet", lang="en")
    call = Call(asked.quote_id, 1, "quote", "bench", asked.document(), 8.0)
    body = msgspec.json.encode(call, enc_hook=str).decode()
    return call_id(call.key, call.number), task, "bench", partition_of(task), body, at, ""


async def _load(dsn: str, at: datetime) -> None:
    con = await asyncpg.connect(dsn)
    try:
        for first in range(0, OPEN, PAGE):
            for (schema, table), (columns, rows) in _page(first, at).items():
                await con.copy_records_to_table(table, schema_name=schema, columns=list(columns), records=rows)
        await con.execute("vacuum analyze")
    finally:
        await con.close()


async def _watch(running: Stage, at: datetime, begun: float) -> dict[str, Any]:
    """Look once a second until everything that was due is taken; then until all sagas have ended."""
    con = await asyncpg.connect(running.dsn)
    gauge = Gauge(con, None, [child.pid for child in running.children], ("bench",))  # type: ignore[arg-type]  # only memory is read
    taken: dict[str, float] = {}
    try:
        while time.monotonic() - begun < MOST_SECONDS:
            (left,) = await con.fetch(_LEFT, at + timedelta(seconds=1))
            for name, count in left.items():
                if not count and name not in taken:
                    taken[name] = round(time.monotonic() - begun, 1)
                    say(f"{name} are taken after {taken[name]} s")
            open_ = await con.fetchval("select count(*) from executor.executions where status <> 'ended'")
            if len(taken) == len(left) and not open_:
                break
            await asyncio.sleep(1)
        ended = {"sagas_still_open": open_, "all_ended_after_s": round(time.monotonic() - begun, 1)}
        return {"taken_after_s": taken, **ended, "peak_rss_mb": round(gauge.peak_rss_mb())}
    finally:
        await con.close()


def run() -> Iterator[dict[str, Any]]:
    """Load open sagas while no service runs, start the services, and watch."""
    with stage(IN_TWO, starts=False) as running:
        at = datetime.now(UTC)
        say(f"loading {OPEN} open sagas with a timer and a lost call each")
        asyncio.run(_load(running.dsn, at))
        begun = time.monotonic()
        running.start()
        ready = round(time.monotonic() - begun, 1)
        yield {"open": OPEN, "steps": len(STEPS), "ready_after_s": ready} | asyncio.run(_watch(running, at, begun))
