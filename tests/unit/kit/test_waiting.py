"""Messages that may wait are decided with what comes next for their task, in order, and no offset passes them by."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.executor import ExecutionCommitted, ExecutionHalt
from tuntas.contracts.ids import derive
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging import waiting as waits
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.waiting import PATIENCE_SECONDS, Waiting

ONE, TWO = derive("one"), derive("two")


@pytest.fixture
def waiting() -> Waiting:
    return Waiting(frozenset({ExecutionHalt}))


def patient(offset: int, task: UUID = ONE, aside: InvalidMessage | None = None) -> Event:
    record = SimpleNamespace(topic="t", partition=task.int % 2, offset=offset)
    return Event(task, "acme", derive(task, offset), ExecutionHalt(epoch=1), origin=record, aside=aside)


def urgent(offset: int, task: UUID = ONE) -> Event:
    record = SimpleNamespace(topic="t", partition=task.int % 2, offset=offset)
    return Event(task, "acme", derive(task, offset), ExecutionCommitted(epoch=1), origin=record)


def place(task: UUID) -> tuple[str, int]:
    return "t", task.int % 2


def test_what_may_wait_is_kept_until_something_else_happens_to_its_task(waiting: Waiting) -> None:
    first, second, other = patient(1), patient(2), patient(3, TWO)
    assert waiting.keep([first, second, other], now=0.0) == []
    assert waiting.company([urgent(4)], now=0.1) == [first, second]
    assert waiting.company([urgent(5, derive("nobody waits"))], now=0.1) == []


def test_what_follows_something_urgent_of_its_task_does_not_wait(waiting: Waiting) -> None:
    before, now, after = patient(1), urgent(2), patient(3)
    assert waiting.keep([before, now, after, patient(4, TWO)], now=0.0) == [now, after]
    assert waiting.company([now, after], now=0.0) == [before]


def test_what_waited_long_enough_is_decided_with_all_that_waits_for_its_task(waiting: Waiting) -> None:
    old, young, other = patient(1), patient(2), patient(3, TWO)
    waiting.keep([old], now=0.0)
    waiting.keep([young, other], now=1.0)
    assert waiting.due_at() == PATIENCE_SECONDS
    assert not waiting.is_due(PATIENCE_SECONDS - 0.1)
    assert waiting.is_due(PATIENCE_SECONDS)
    assert waiting.company([], now=PATIENCE_SECONDS) == [old, young]


def test_nothing_is_due_where_nothing_waits(waiting: Waiting) -> None:
    assert waiting.due_at() is None
    assert not waiting.is_due(1e9)
    assert waiting.company([], now=1e9) == []


def test_when_too_many_wait_the_oldest_do_not(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "MOST_WAITING", 2)
    events = [patient(number, derive(number)) for number in range(4)]
    waiting.keep(events, now=0.0)
    assert waiting.is_due(0.0)
    assert waiting.company([], now=0.0) == events[:2]


def test_so_many_are_decided_at_once(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "MOST_AT_ONCE", 2)
    events = [patient(number, derive(number)) for number in range(4)]
    waiting.keep(events, now=0.0)
    assert waiting.company([], now=PATIENCE_SECONDS) == events[:2]


def test_no_offset_is_passed_while_a_message_waits_before_it(waiting: Waiting) -> None:
    first, second = patient(7), patient(9)
    waiting.keep([first, second], now=0.0)
    assert waiting.floor(place(ONE)) == 7
    waiting.done([first])
    assert waiting.floor(place(ONE)) == 9
    waiting.done([second])
    assert waiting.floor(place(ONE)) is None
    assert waiting.due_at() is None


def test_what_is_met_again_waits_once_and_as_long_as_before(waiting: Waiting) -> None:
    waiting.keep([patient(1)], now=0.0)
    waiting.keep([patient(1)], now=2.0)
    assert waiting.due_at() == PATIENCE_SECONDS
    assert waiting.company([urgent(2)], now=2.0) == [patient(1)]


def test_it_waits_until_it_was_decided_whatever_fails(waiting: Waiting) -> None:
    event = patient(1)
    waiting.keep([event], now=0.0)
    assert waiting.company([urgent(2)], now=0.0) == [event]
    assert waiting.company([urgent(2)], now=0.0) == [event]
    waiting.done([event])
    waiting.done([event])
    assert waiting.company([urgent(2)], now=0.0) == []


def test_what_will_be_set_aside_and_what_no_record_told_do_not_wait(waiting: Waiting) -> None:
    spoilt = patient(1, aside=InvalidMessage("bad_body"))
    unwritten: Any = Event(ONE, "acme", derive("said"), ExecutionHalt(epoch=1))
    assert waiting.keep([spoilt, unwritten], now=0.0) == [spoilt, unwritten]


def test_whoever_owns_the_partitions_next_reads_all_again(waiting: Waiting) -> None:
    waiting.keep([patient(1)], now=0.0)
    waiting.clear()
    assert waiting.floor(place(ONE)) is None
    assert waiting.company([urgent(2)], now=9.0) == []
