"""Calls that leave: a deadline, a breaker, and what is known of a call that failed."""

import asyncio
from typing import Any

import pytest

from tuntas.contracts.ids import derive
from tuntas.kit import failpoints
from tuntas.kit.decision import Answered, Call, Fired
from tuntas.kit.errors import InDoubt, NotSent, Rejected
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.work import Breaker, Desk, Perform
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

TASK = derive("task")


def call(number: int = 1, party: str = "p", deadline: float = 5.0) -> Call:
    return Call(derive("key"), number, "act", party, {}, deadline)


def desk(perform: Perform, **options: Any) -> Desk:
    return Desk("test", perform, Metrics("test"), Log("test"), lambda: None, **options)


def event() -> Event:
    return Event(TASK, "acme", derive("cause"), Fired("x", None))  # type: ignore[arg-type]


async def answer(perform: Perform, asked: Call | None = None) -> Answered:
    at = desk(perform)
    at.start(event(), asked or call(), derive("call"))
    await at.drain(5)
    (finished,) = at.take()
    assert isinstance(finished.body, Answered)
    return finished.body


def failing(error: Exception) -> Perform:
    async def perform(_: Call, __: Event) -> Any:
        raise error

    return perform


async def test_an_answer_is_taken_once() -> None:
    async def perform(_: Call, __: Event) -> Any:
        return {"found": True}

    at = desk(perform)
    at.start(event(), call(), derive("call"))
    await at.drain(5)
    assert [e.body.result for e in at.take() if isinstance(e.body, Answered)] == [{"found": True}]
    assert at.take() == []
    assert not at.outstanding


@pytest.mark.parametrize(
    ("error", "code", "lost"),
    [
        (NotSent("unreachable"), "unreachable", False),
        (InDoubt("no_answer"), "no_answer", True),
        (Rejected("sold_out"), "sold_out", True),
        (KeyError("a bug"), "no_answer", True),
    ],
)
async def test_only_what_never_left_is_not_lost(error: Exception, code: str, lost: bool) -> None:
    found = await answer(failing(error))
    assert (found.code, found.lost, found.result) == (code, lost, None)


async def test_a_call_past_its_deadline_is_lost() -> None:
    async def forever(_: Call, __: Event) -> Any:
        await asyncio.Event().wait()

    found = await answer(forever, call(deadline=0.01))
    assert (found.code, found.lost) == ("no_answer", True)


async def test_the_same_call_does_not_run_twice_at_once() -> None:
    began = []

    async def perform(asked: Call, _: Event) -> Any:
        began.append(asked.number)
        return {}

    at = desk(perform)
    for _ in range(2):
        at.start(event(), call(), derive("call"))
    await at.drain(5)
    assert began == [1]


async def test_a_party_has_so_many_calls_out_and_no_more() -> None:
    out, most = set(), 0
    gate = asyncio.Event()

    async def perform(asked: Call, _: Event) -> Any:
        nonlocal most
        out.add(asked.number)
        most = max(most, len(out))
        await gate.wait()
        out.discard(asked.number)
        return {}

    at = desk(perform, per_party=2)
    for number in range(6):
        at.start(event(), call(number), derive("call", number))
    while len(out) < 2:
        await asyncio.sleep(0)
    gate.set()
    await at.drain(5)
    assert most == 2
    assert len(at.take()) == 6


async def test_an_open_breaker_answers_without_a_call() -> None:
    at = desk(failing(InDoubt("no_answer")))
    for number in range(9):
        at.start(event(), call(number), derive("call", number))
        await at.drain(5)
    codes = [e.body.code for e in at.take() if isinstance(e.body, Answered)]
    assert codes == ["no_answer"] * 8 + ["breaker_open"]


def parked(_: Call, __: Event) -> None:
    raise NotSent("parked")


async def codes_of(at: Desk, calls: int, *, begin: int = 0) -> list[str | None]:
    for number in range(begin, begin + calls):
        at.start(event(), call(number), derive("call", number))
        await at.drain(5)
    return [e.body.code for e in at.take() if isinstance(e.body, Answered)]


async def test_what_may_not_leave_is_not_tried_and_says_nothing_about_the_party() -> None:
    at = desk(failing(InDoubt("no_answer")), admit=parked)
    assert await codes_of(at, 20) == ["parked"] * 20
    at.admit = None
    assert await codes_of(at, 1, begin=20) == ["no_answer"]


async def test_what_may_not_leave_is_told_as_such_even_while_the_breaker_is_open() -> None:
    at = desk(failing(InDoubt("no_answer")))
    assert (await codes_of(at, 9))[-1] == "breaker_open"
    at.admit = parked
    assert await codes_of(at, 1, begin=9) == ["parked"]


def test_a_breaker_lets_one_call_through_after_its_rest() -> None:
    breaker = Breaker(limit=2, rest_seconds=10)
    for _ in range(2):
        breaker.record(ok=False, now=0.0)
    assert [breaker.allows(at) for at in (1.0, 11.0, 12.0)] == [False, True, False]
    breaker.record(ok=True, now=12.5)
    assert breaker.allows(12.6)


def test_a_success_makes_the_breaker_count_anew() -> None:
    breaker = Breaker(limit=2)
    for ok in (False, True, False):
        breaker.record(ok=ok, now=0.0)
    assert breaker.allows(0.0)


def test_an_armed_failpoint_fails_so_many_times() -> None:
    failpoints.arm("test.committed", "raise", times=1)
    try:
        failpoints.pass_point("test", "published")
        failpoints.pass_point("other", "committed")
        with pytest.raises(failpoints.FailpointError, match=r"test\.committed"):
            failpoints.pass_point("test", "committed")
        failpoints.pass_point("test", "committed")
    finally:
        failpoints.disarm()


def test_failpoints_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_FAILPOINTS", "executor.committed=exit*2, saga.answered=raise")
    assert failpoints._armed() == {"executor.committed": ("exit", 2), "saga.answered": ("raise", 1)}
