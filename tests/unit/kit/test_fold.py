"""A batch is decided in order, each message once, and no message harms another."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tuntas.contracts.base import Frozen, Message
from tuntas.contracts.executor import ExecutionCommitted, ExecutionHalt, StepRetry
from tuntas.contracts.ids import derive
from tuntas.kit.decision import Context, Core, Decision, Fired, Send, Wake, require
from tuntas.kit.messaging.fold import Event, Unit, fired, fold
from tuntas.kit.persistence.database import Row

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TASK, OTHER = derive("task"), derive("other task")


class Counter(Frozen):
    status: str = "open"
    count: int = 0


def count(state: Counter | None, _: Message | Fired, __: Context) -> Decision[Counter]:
    state = state or Counter()
    done = Counter(count=state.count + 1)
    return Decision(done, (Send(ExecutionCommitted(epoch=done.count)), Send(ExecutionCommitted(epoch=0)), Wake("later", NOW)))


def refuse(_: Counter | None, __: Message, ___: Context) -> Decision[Counter]:
    require(condition=False, code="never")
    return Decision(None)


def fail(_: Counter | None, __: object, ___: Context) -> Decision[Counter]:
    raise KeyError("a bug")


CORE: Core[Counter] = Core(Counter, {ExecutionHalt: count, StepRetry: refuse, ExecutionCommitted: fail}, fired=count)


def halt(name: str = "m1", task: UUID = TASK, tenant: str = "acme") -> Event:
    return Event(task, tenant, derive(name), ExecutionHalt(epoch=1))


def decided(*events: Event, rows: dict[UUID, Row[Counter]] | None = None, core: Core[Counter] = CORE) -> Unit[Counter]:
    return fold(core, "test", rows or {}, events, NOW)


def counts(unit: Unit[Counter]) -> dict[UUID, int]:
    return {task: row.state.count for task, row in unit.changed.items() if row.state}


def test_a_message_twice_in_one_batch_is_decided_once() -> None:
    unit = decided(halt(), halt())
    assert counts(unit) == {TASK: 1}
    assert len(unit.records) == 2


def test_a_message_of_an_earlier_batch_changes_nothing() -> None:
    unit = decided(halt(), rows={TASK: Row(TASK, "acme", 3, Counter(count=7), frozenset({derive("m1")}))})
    assert not unit.changed
    assert not unit.records
    assert not unit.timers


def test_two_messages_of_a_task_are_decided_in_order_on_one_row() -> None:
    unit = decided(halt("m1"), halt("m2"))
    assert counts(unit) == {TASK: 2}
    assert unit.changed[TASK].fresh == [derive("m1"), derive("m2")]


def test_the_same_message_has_outputs_of_the_same_ids() -> None:
    first, again = decided(halt()), decided(halt())
    assert [record.id for record in first.records] == [record.id for record in again.records]


def test_two_outputs_of_one_type_have_ids_of_their_own() -> None:
    ids = [record.id for record in decided(halt()).records]
    assert len(set(ids)) == 2


def test_another_tenants_message_is_set_aside_and_the_row_untouched() -> None:
    unit = decided(halt(tenant="eve"), rows={TASK: Row(TASK, "acme", 1, Counter(), frozenset())})
    assert [(event.tenant, error.code) for event, error in unit.refused] == [("eve", "foreign_tenant")]
    assert not unit.changed


def test_an_invalid_message_is_set_aside_and_the_others_go_on() -> None:
    bad = Event(TASK, "acme", derive("bad"), StepRetry(step_id="s"))
    unit = decided(halt("m1"), bad, halt("m2"))
    assert counts(unit) == {TASK: 2}
    assert [error.code for _, error in unit.refused] == ["never"]


def test_a_decision_that_raises_is_set_aside_and_the_others_go_on() -> None:
    bad = Event(TASK, "acme", derive("bad"), ExecutionCommitted(epoch=1))
    unit = decided(bad, halt("m2"), halt("m3", OTHER))
    assert counts(unit) == {TASK: 1, OTHER: 1}
    assert [error.code for _, error in unit.refused] == ["decision_failed"]


def test_a_timer_whose_decision_raises_is_armed_again() -> None:
    core: Core[Counter] = Core(Counter, {}, fired=fail)
    unit = decided(fired(TASK, "acme", "later", NOW, ""), core=core)
    ((key, (_, at)),) = unit.timers.items()
    assert key == (TASK, "later")
    assert at is not None
    assert at > NOW


def test_the_last_word_on_a_timer_stands() -> None:
    unit = decided(halt("m1"), halt("m2"))
    assert list(unit.timers) == [(TASK, "later")]


def test_a_message_type_that_nobody_handles_changes_nothing() -> None:
    unit = decided(halt(), core=Core(Counter, {}))
    assert not unit.changed
    assert not unit.refused


def test_the_same_timer_has_the_same_cause_whoever_fires_it() -> None:
    one, two = (fired(TASK, "acme", "later", NOW, "") for _ in range(2))
    assert one.cause == two.cause
    assert one.cause != fired(TASK, "acme", "later", NOW + timedelta(seconds=1), "").cause
