"""Offsets: only what is done is committed, and nothing that is done is forgotten."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from faststream.kafka.message import FAKE_CONSUMER

from tuntas.contracts.executor import ExecutionHalt
from tuntas.contracts.ids import derive
from tuntas.kit.messaging import broker
from tuntas.kit.messaging.broker import COMMIT_SECONDS, Batch, Link
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.waiting import Waiting
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

PLACE = TopicPartition("t", 0)


class Consumer:
    """Remembers what was committed; a commit takes until `open` is set."""

    def __init__(self) -> None:
        self.commits: list[dict[TopicPartition, int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        await self.open.wait()
        if self.broken:
            raise ConnectionError
        self.commits.append(offsets)

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def link(consumer: Consumer) -> Link:
    subscriber = SimpleNamespace(consumer=consumer, lock=SimpleNamespace(wait_release=_released))
    nothing: Any = None
    return Link("toy", nothing, "", Metrics("toy"), Log("toy"), nothing, "t", lambda _: None, subscriber)


async def _released(_seconds: float) -> None:
    return None


def _record(offset: int) -> Any:
    return SimpleNamespace(topic="t", partition=0, offset=offset)


async def test_what_was_read_and_is_not_done_is_never_committed(link: Link, consumer: Consumer) -> None:
    link.done([_record(0), _record(1)])
    await link.commit(now=True)
    await link.commit(now=True)
    assert consumer.commits == [{PLACE: 2}]


async def test_what_is_done_while_a_commit_is_on_its_way_is_committed_later(link: Link, consumer: Consumer) -> None:
    consumer.open.clear()
    link.done([_record(0)])
    first = asyncio.create_task(link.commit(now=True))
    await asyncio.sleep(0)
    link.done([_record(1)])
    await link.commit()
    consumer.open.set()
    await first
    link.committed_at -= COMMIT_SECONDS
    await link.commit()
    assert consumer.commits == [{PLACE: 1}, {PLACE: 2}]


async def test_a_commit_that_failed_is_made_again_with_the_newest_offsets(link: Link, consumer: Consumer) -> None:
    consumer.broken = True
    link.done([_record(0)])
    with pytest.raises(ConnectionError):
        await link.commit(now=True)
    consumer.broken = False
    await link.commit(now=True)
    assert consumer.commits == [{PLACE: 1}]


async def test_a_batch_is_acknowledged_though_no_commit_comes_through(link: Link, consumer: Consumer) -> None:
    consumer.open.clear()
    batch = Batch(raw_message=(_record(0),), body=(), consumer=FAKE_CONSUMER, correlation_id="toy", message_id="t/0/0")
    batch.link = link
    async with asyncio.timeout(1):
        await batch.ack()
    assert link.processed == {PLACE: 1}
    assert not consumer.commits


async def test_a_commit_that_does_not_come_back_is_given_up_and_made_again(
    link: Link, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "LIMIT_SECONDS", 0.01)
    consumer.open.clear()
    link.done([_record(0)])
    with pytest.raises(TimeoutError):
        await link.commit(now=True)
    consumer.open.set()
    await link.commit(now=True)
    assert consumer.commits == [{PLACE: 1}]


async def test_partitions_are_not_given_up_before_a_commit_that_is_on_its_way(link: Link, consumer: Consumer) -> None:
    consumer.open.clear()
    link.done([_record(0)])
    first = asyncio.create_task(link.commit(now=True))
    await asyncio.sleep(0)
    given_up = asyncio.create_task(link.on_partitions_revoked({PLACE}))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not given_up.done()
    consumer.open.set()
    await asyncio.gather(first, given_up)
    assert consumer.commits == [{PLACE: 1}]


async def test_partitions_are_given_up_with_their_offsets_committed_and_forgotten(link: Link, consumer: Consumer) -> None:
    link.done([_record(4)])
    await link.on_partitions_revoked({PLACE})
    assert consumer.commits == [{PLACE: 5}]
    assert not link.processed


def _waits(offset: int) -> Any:
    return Event(derive("task"), "acme", derive(offset), ExecutionHalt(epoch=1), origin=_record(offset))


async def test_nothing_is_committed_beyond_what_waits_until_it_was_decided(link: Link, consumer: Consumer) -> None:
    link.waiting = Waiting(frozenset({ExecutionHalt}))
    link.waiting.keep([_waits(1)], 0.0)
    link.done([_record(0), _record(1), _record(2)])
    await link.commit(now=True)
    link.waiting.done([_waits(1)])
    await link.commit(now=True)
    await link.commit(now=True)
    assert consumer.commits == [{PLACE: 1}, {PLACE: 3}]


async def test_partitions_are_given_up_without_what_waits(link: Link, consumer: Consumer) -> None:
    link.waiting = Waiting(frozenset({ExecutionHalt}))
    link.assigned = lambda _: link.waiting.clear()
    link.waiting.keep([_waits(3)], 0.0)
    link.done([_record(3), _record(4)])
    await link.on_partitions_revoked({PLACE})
    assert consumer.commits == [{PLACE: 3}]
    assert link.waiting.floor((PLACE.topic, PLACE.partition)) is None


def _client(reading: Any, membership: Any, sending: Any, *metadata: Any) -> Any:
    """Return a broker whose client library has these loops; `metadata` are those of the reader and of the writer."""
    reads, writes = (SimpleNamespace(_sync_task=loop) for loop in metadata)
    reader = SimpleNamespace(
        _fetcher=SimpleNamespace(error_future=reading), _coordinator=SimpleNamespace(_coordination_task=membership), _client=reads
    )
    sender = SimpleNamespace(_sender=SimpleNamespace(sender_task=sending), client=writes)
    producer = SimpleNamespace(_producer=SimpleNamespace(producer=sender))
    return SimpleNamespace(subscribers=[SimpleNamespace(consumer=reader)], config=SimpleNamespace(producer=producer))


@pytest.mark.parametrize("broken", range(5))
async def test_a_loop_of_the_client_library_that_ends_by_an_error_ends_the_service(link: Link, broken: int) -> None:
    loops = [asyncio.get_running_loop().create_future() for _ in range(5)]
    ends: list[BaseException] = []
    link.broker, link.fatal = _client(*loops), ends.append
    link.watch()
    error = RuntimeError("the handler is closed")
    loops[broken].set_exception(error)
    await asyncio.sleep(0)
    assert ends == [error]


async def test_a_loop_of_the_client_library_that_was_stopped_ends_nothing(link: Link) -> None:
    stopped, cancelled, none = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future(), None
    ends: list[BaseException] = []
    link.broker, link.fatal = _client(stopped, none, cancelled, none, none), ends.append
    link.watch()
    stopped.set_result(None)
    cancelled.cancel()
    await asyncio.sleep(0)
    assert ends == []


async def test_a_commit_waits_for_the_one_before_it_which_could_come_through_later_and_take_the_group_back(
    link: Link, consumer: Consumer
) -> None:
    consumer.open.clear()
    link.done([_record(0)])
    first = asyncio.create_task(link.commit(now=True))
    await asyncio.sleep(0)
    link.done([_record(1)])
    second = asyncio.create_task(link.commit(now=True))
    await asyncio.sleep(0)
    assert link.processed == {PLACE: 2}  # not given to the client yet
    consumer.open.set()
    await asyncio.gather(first, second)
    assert consumer.commits == [{PLACE: 1}, {PLACE: 2}]
