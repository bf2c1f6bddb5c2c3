"""Kafka for commands and tests: send one record, list or redrive dead letters. Services use the runtime instead."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tuntas.contracts.topics import DEAD_LETTERS
from tuntas.kit.messaging.dead_letters import redriven
from tuntas.kit.messaging.wire import text_headers

_READ_SECONDS = 30


async def send(bootstrap: str, topic: str, key: bytes | None, body: bytes, headers: dict[str, str]) -> None:
    """Send one record and wait until all replicas have it."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=4_000_000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, body, key=key, headers=[(name, value.encode()) for name, value in headers.items()])
    finally:
        await producer.stop()


async def dead_letters(bootstrap: str, prefix: str, *, redrive: bool) -> list[dict[str, Any]]:
    """Return what was set aside: code, reason, origin and trace; with `redrive` each is sent to its origin again, under its old id."""
    consumer = AIOKafkaConsumer(prefix + DEAD_LETTERS.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = await asyncio.wait_for(_all(consumer), _READ_SECONDS)
    finally:
        await consumer.stop()
    letters = []
    for record in found:
        headers = text_headers(record)
        again = redriven(record) if redrive else None
        if again:
            await send(bootstrap, prefix + again[0].removeprefix(prefix), again[1].key, again[1].body, again[1].headers)
        names = ("dlq_service", "dlq_code", "dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset", "ce_type", "ce_tenant", "traceparent")
        letters.append({n.removeprefix("dlq_"): headers.get(n, "") for n in names} | {"redriven": again is not None})
    return letters


async def _all(consumer: AIOKafkaConsumer) -> list[Any]:
    ends = await consumer.end_offsets(list(consumer.assignment()))
    found: list[Any] = []
    while any([await consumer.position(p) < end for p, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found += records
    return found
