"""A real Kafka for whoever does not wait in an event loop of its own: records are sent and read back one at a time."""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from tuntas.contracts.topics import PARTITIONS
from tuntas.kit.messaging.wire import Record
from tuntas.testkit.kafka import Place

SECONDS = 15.0


class Broker:
    """A producer and a consumer of all partitions, in a thread of their own. Names get a prefix."""

    def __init__(self, bootstrap: str, prefix: str, topics: Iterable[str]) -> None:
        self._bootstrap, self._prefix, self._names = bootstrap, prefix, [prefix + name for name in topics]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Make topics and connect."""
        self._thread.start()
        self._wait(self._start())

    def stop(self) -> None:
        """Disconnect."""
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def through(self, place: Place, record: Record) -> Any:
        """Send a record, and return it as it is read back; records of one partition come back in order.

        Raises:
            AssertionError: another came back.
        """
        return self._wait(self._through(place, record))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _start(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        with suppress(TopicAlreadyExistsError):
            await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in self._names])
        await admin.close()
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=0)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=5)
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([TopicPartition(name, number) for name in self._names for number in range(PARTITIONS)])
        await self._consumer.seek_to_end()

    async def _stop(self) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def _through(self, place: Place, record: Record) -> Any:
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        sent = await self._producer.send_and_wait(self._prefix + place.topic, record.body, record.key, place.partition, headers=headers)
        found = await self._consumer.getone(TopicPartition(sent.topic, sent.partition))
        assert (found.offset, found.value) == (sent.offset, record.body), "another record came back"
        return found
