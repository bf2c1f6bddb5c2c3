"""A batch's decisions: what a service has no handler for leaves its row as it is."""

from datetime import UTC, datetime
from uuid import uuid4

from tuntas.contracts.base import Frozen, Message
from tuntas.contracts.topics import Kind, Topic
from tuntas.kit.decision import Context, Core, Decision
from tuntas.kit.messaging.fold import Event, fold
from tuntas.kit.persistence.database import Row

EVENTS = Topic("tuntas.folding.events.v1", Kind.EVENTS)


class Meant(Message, name="folding.meant", topic=EVENTS):
    """For this service."""


class Foreign(Message, name="folding.foreign", topic=EVENTS):
    """On the same topic, for others."""


class State(Frozen):
    status: str = "known"


def keep(state: State | None, _: Meant, __: Context) -> Decision[State]:
    return Decision(state or State())


def test_a_message_without_a_handler_is_neither_counted_nor_does_its_row_change() -> None:
    task = uuid4()
    row = Row(task, "acme", 3, State(), frozenset())
    events = [Event(task, "acme", uuid4(), message) for message in (Foreign(), Meant(), Foreign())]
    unit = fold(Core(State, {Meant: keep}), "folding", {task: row}, events, datetime.now(UTC))
    assert row.fresh == [events[1].cause]
    assert list(unit.changed) == [task]
    assert unit.decided == 1
    alone = fold(Core(State, {Meant: keep}), "folding", {task: Row(task, "acme", 3, State(), frozenset())}, events[:1], datetime.now(UTC))
    assert not alone.changed
