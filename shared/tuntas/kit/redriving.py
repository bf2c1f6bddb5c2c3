"""Dead letters for operators: read them all, choose by condition, send one to its origin again under its old id."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

from tuntas.contracts.topics import DEAD_LETTERS
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.messaging.client import Right, look, require, send
from tuntas.kit.messaging.dead_letters import redriven
from tuntas.kit.messaging.wire import Record, text_headers
from tuntas.kit.settings import KafkaSettings

CONDITIONS = ("code", "service", "topic", "type", "tenant")
"""What letters can be chosen by."""

_READ_SECONDS = 30
_SHOWN = ("dlq_service", "dlq_code", "dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset", "ce_type", "ce_tenant", "traceparent")


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that was set aside: its facts as they are shown, and what can be sent again; none if its value was cut."""

    facts: Mapping[str, str]
    record: Record | None

    @property
    def place(self) -> str:
        """Return where it came from: topic, partition and offset."""
        return "/".join(self.facts[name] for name in ("topic", "partition", "offset"))

    def meets(self, where: Mapping[str, str]) -> bool:
        """Say whether it meets all conditions."""
        named = {"type": self.facts["ce_type"], "tenant": self.facts["ce_tenant"]}
        return all(named.get(name, self.facts.get(name)) == value for name, value in where.items())


def letter(record: Any) -> Letter:
    """Return the letter that a record of the dead letters' topic is."""
    headers, again = text_headers(record), redriven(record)
    return Letter({name.removeprefix("dlq_"): headers.get(name, "") for name in _SHOWN}, again[1] if again else None)


async def letters(settings: KafkaSettings) -> list[Letter]:
    """Return all that was set aside.

    Raises:
        ConfigurationError: `kafka_forbidden`, `topic_missing`, `kafka_login` or `kafka_certificate`.
        Transient: `kafka_unreachable`.
    """
    name = settings.topic_prefix + DEAD_LETTERS.name
    await require(settings, [(name, Right.READ)])
    if not (await look(settings, [name]))[name].partitions:
        raise ConfigurationError("topic_missing", f"{name}: missing")
    security = settings.client_security()
    consumer = AIOKafkaConsumer(name, bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest", **security)
    await consumer.start()
    try:
        return [letter(record) for record in await asyncio.wait_for(_all(consumer), _READ_SECONDS)]
    finally:
        await consumer.stop()


async def _all(consumer: AIOKafkaConsumer) -> list[Any]:
    ends = await consumer.end_offsets(list(consumer.assignment()))
    found: list[Any] = []
    while any([await consumer.position(p) < end for p, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found += records
    return found


async def redrive(settings: KafkaSettings, record: Record) -> None:
    """Send a record to where it came from, again.

    Raises:
        ConfigurationError, Transient: as `letters`.
    """
    await send(settings, record.topic.removeprefix(settings.topic_prefix), record.key, record.body, record.headers)
