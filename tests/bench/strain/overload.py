"""Three times as many tasks as the platform can do come to the HTTP door: it refuses early, what it took is finished, and it recovers."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from tests.bench.__main__ import FRONT, measure, say
from tests.bench.gauge import Gauge
from tests.bench.intents import INTENT, PERSONS, body, consent, tenants
from tests.bench.load import REFUSED_EACH, Load
from tests.bench.stage import CONNECTORS, CORE, MINE, Layout, Stage, stage
from tests.bench.trip import PRIVATE

LAYOUT: Layout = (FRONT, (*CORE, *MINE))
TIMES = 3
SECONDS = 45
AT, SAGAS = 256, 2_000
CONNECTIONS = 400
MOST_SECONDS = 240
_OPEN = "select count(*) from gateway.tasks where status not in ('completed', 'compensated', 'answered', 'rejected')"
_FACTS = """select count(*) as tasks, count(*) filter (where status = 'completed') as completed,
    count(*) filter (where status = 'compensated') as compensated from gateway.tasks where doc::json ->> 'source_id' like 'rush-%'"""


@dataclass
class Rush:
    """Sends submissions at a rate over so many connections at most. `late` could not be sent when they should have been: none was free."""

    port: int
    answers: Counter[str] = field(default_factory=Counter)
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    waits: set[str] = field(default_factory=set)
    late: int = 0

    async def run(self, rate: float, lasts: float) -> None:
        """Send evenly for so many seconds, and wait for the answers."""
        numbers: asyncio.Queue[int | None] = asyncio.Queue()
        senders = [asyncio.create_task(self._sender(numbers)) for _ in range(CONNECTIONS)]
        start = time.perf_counter()
        for number in range(int(rate * lasts)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            self.late += numbers.qsize() > 0
            numbers.put_nowait(number)
        for _ in senders:
            numbers.put_nowait(None)
        await asyncio.gather(*senders)

    async def _sender(self, numbers: asyncio.Queue[int | None]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while (number := await numbers.get()) is not None:
            begun = time.perf_counter()
            writer.write(_request(number))
            head = await reader.readuntil(b"\r\n\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])}
            await reader.readexactly(int(headers.get("content-length", "0")))
            self._count(head.split(b" ", 2)[1].decode(), headers, time.perf_counter() - begun)
        writer.close()

    def _count(self, status: str, headers: dict[str, str], seconds: float) -> None:
        wait = headers.get("retry-after")
        self.answers[f"{status} with Retry-After" if wait else status] += 1
        (self.refused if wait else self.taken).append(seconds)
        if wait:
            self.waits.add(wait)


def _request(number: int) -> bytes:
    sent = body(number % PERSONS, number % REFUSED_EACH == 0)
    head = (
        f"POST /v1/tasks HTTP/1.1\r\nHost: bench\r\nX-Api-Key: {PRIVATE}\r\nIdempotency-Key: rush-{number}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


def run() -> Iterator[dict[str, Any]]:
    """Measure what it can do, send three times as much, wait until all is over, and measure again."""
    with stage(LAYOUT, tenants()) as running:
        load = Load(running.backends.bootstrap, INTENT)
        asyncio.run(consent(running.backends.bootstrap))
        asyncio.run(load.run(64, 500))
        before = asyncio.run(measure(running, load, AT, SAGAS))
        rate = TIMES * before["sagas_per_s"]
        say(f"{before['sagas_per_s']} tasks/s can be done; {rate:.0f} come for {SECONDS} s")
        yield {"can_do_per_s": before["sagas_per_s"], "peak_rss_mb_before": before["peak_rss_mb"]} | asyncio.run(_rushed(running, rate))
        after = asyncio.run(measure(running, load, AT, SAGAS))
        yield {"afterwards_per_s": after["sagas_per_s"], "stray_effects": after["stray_effects"], "peak_rss_mb": after["peak_rss_mb"]}


async def _rushed(running: Stage, rate: float) -> dict[str, Any]:
    rush = Rush(running.ports[running.children[0].pid])
    await rush.run(rate, SECONDS)
    say(f"answers: {dict(rush.answers)}")
    con = await asyncpg.connect(running.dsn)
    consumer = AIOKafkaConsumer(bootstrap_servers=running.backends.bootstrap)
    await consumer.start()
    try:
        quiet = await _until_over(con)
        gauge = Gauge(con, consumer, [child.pid for child in running.children], CONNECTORS)
        (facts,) = await con.fetch(_FACTS)
        return {
            "offered_per_s": round(rate, 1),
            "answers": dict(rush.answers),
            "sent_late": rush.late,
            "taken_p50_ms": _ms(rush.taken, 50),
            "refused_p50_ms": _ms(rush.refused, 50),
            "refused_p99_ms": _ms(rush.refused, 99),
            "retry_after_s": sorted(map(int, rush.waits)),
            **dict(facts),
            "all_over_after_s": quiet,
            "stray_effects": await gauge.stray(),
            "peak_rss_mb_during": round(gauge.peak_rss_mb()),
        }
    finally:
        await consumer.stop()
        await con.close()


async def _until_over(con: asyncpg.Connection) -> float | None:
    """Return how long after the last submission every task that was taken had ended; none if some never did."""
    begun = time.monotonic()
    while time.monotonic() - begun < MOST_SECONDS:
        if not await con.fetchval(_OPEN):
            return round(time.monotonic() - begun, 1)
        await asyncio.sleep(0.5)
    return None


def _ms(seconds: list[float], percent: int) -> float | None:
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1e3, 1) if len(seconds) > 1 else None
