"""Publishing: each partition's records as one batch of the client library's, in order, confirmed all or not at all."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords

from tuntas.kit.messaging.broker import Link
from tuntas.kit.messaging.wire import Record
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

BATCH_BYTES = 400


class Client:
    """Takes what the client library's producer takes; `refuses` is a partition whose batches fail."""

    def __init__(self, refuses: int | None = None) -> None:
        self.batches: list[tuple[str, int, list[bytes]]] = []
        self.singles: list[tuple[str, bytes, bytes, list[tuple[str, bytes]]]] = []
        self.refuses = refuses

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[None]:
        assert batch.closed(), "an open batch lingers"
        records = MemoryRecords(bytes(batch._build()))
        self.batches.append((topic, partition, [record.value for record in records.next_batch()]))
        return self._confirmed(ConnectionError("gone") if partition == self.refuses else None)

    async def send(self, topic: str, body: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[None]:
        self.singles.append((topic, key, body, headers))
        return self._confirmed(None)

    def _confirmed(self, error: Exception | None) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(error) if error else future.set_result(None)
        return future


def _link(client: Client) -> Link:
    broker: Any = SimpleNamespace(config=SimpleNamespace(producer=SimpleNamespace(_producer=SimpleNamespace(producer=client))))
    return Link("toy", broker, "eu.", Metrics("toy"), Log("toy"), lambda _: None, "t", lambda _: None)


def _record(topic: str, partition: int | None, body: bytes = b"{}") -> Record:
    return Record(uuid4(), topic, b"key", {"ce_id": "1"}, body, partition)


async def test_each_partition_of_a_topic_gets_one_batch_in_order() -> None:
    client = Client()
    await _link(client).publish([_record("a", 1, b"1"), _record("a", 2, b"2"), _record("b", 1, b"3"), _record("a", 1, b"4")])
    assert client.batches == [("eu.a", 1, [b"1", b"4"]), ("eu.a", 2, [b"2"]), ("eu.b", 1, [b"3"])]


async def test_what_one_batch_has_no_room_for_goes_with_the_next_and_one_record_may_be_larger_than_a_batch() -> None:
    client = Client()
    a, b, c, d, e = b"a" * 200, b"b" * 200, b"c" * 900, b"d" * 10, b"e" * 10
    await _link(client).publish([_record("a", 1, body) for body in (a, b, c, d, e)])
    assert client.batches == [("eu.a", 1, [a]), ("eu.a", 1, [b]), ("eu.a", 1, [c]), ("eu.a", 1, [d, e])]


async def test_records_of_a_compacted_topic_are_placed_by_the_client() -> None:
    client = Client()
    await _link(client).publish([_record("state", None)])
    assert (client.singles, client.batches) == ([("eu.state", b"key", b"{}", [("ce_id", b"1")])], [])


async def test_one_batch_that_is_not_confirmed_fails_the_whole() -> None:
    with pytest.raises(ConnectionError, match="gone"):
        await _link(Client(refuses=2)).publish([_record("a", 1), _record("a", 2), _record("a", 3)])
