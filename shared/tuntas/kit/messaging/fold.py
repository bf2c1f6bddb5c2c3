"""A batch's decisions, purely: events and loaded rows in; changed rows, records, timers, calls and dead letters out.

The production runtime and the simulator run this same function.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from tuntas.contracts.base import Frozen, Message
from tuntas.contracts.envelope import Envelope
from tuntas.contracts.ids import call_id, timer_id
from tuntas.kit.decision import Answered, Call, Context, Core, Decision, Fired, Send, Wake
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.wire import Record, encode
from tuntas.kit.persistence.database import Row

S = TypeVar("S", bound=Frozen)

_AGAIN = timedelta(seconds=60)


class Event(msgspec.Struct, frozen=True):
    """Something to decide: a message with its envelope, a timer that fired, or a call that is over.

    `origin` is a message's raw record, `aside` why that record is dead-lettered although it is decided.
    """

    task_id: UUID
    tenant: str
    cause: UUID
    body: Message | Fired | Answered
    traceparent: str = ""
    envelope: Envelope | None = None
    origin: Any = None
    aside: InvalidMessage | None = None

    @property
    def name(self) -> str:
        """Return what the event is called in spans and dead letters."""
        if isinstance(self.body, Fired):
            return f"timer {self.body.purpose}"
        return f"call {self.body.call.kind}" if isinstance(self.body, Answered) else self.body.wire_type


def arrived(envelope: Envelope, message: Message, origin: Any = None) -> Event:
    """Return the event of a message."""
    return Event(envelope.task_id, envelope.tenant, envelope.id, message, envelope.traceparent, envelope, origin)


def fired(task_id: UUID, tenant: str, purpose: str, due_at: datetime, traceparent: str) -> Event:
    """Return the event of a due timer; the same timer has the same cause id, whoever fires it."""
    return Event(task_id, tenant, timer_id(task_id, purpose, due_at), Fired(purpose, due_at), traceparent)


def answered(task_id: UUID, tenant: str, answer: Answered, traceparent: str) -> Event:
    """Return the event of a call that is over."""
    return Event(task_id, tenant, call_id(answer.call.key, answer.call.number), answer, traceparent)


@dataclass(slots=True)
class Unit(Generic[S]):
    """Everything one batch changes, committed once. Timers: (task, purpose) to (event, due or None); calls with their event."""

    rows: dict[UUID, Row[S]]
    changed: dict[UUID, Row[S]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    timers: dict[tuple[UUID, str], tuple[Event, datetime | None]] = field(default_factory=dict)
    calls: list[tuple[Event, Call]] = field(default_factory=list)
    refused: list[tuple[Event, InvalidMessage]] = field(default_factory=list)
    decided: int = 0


def fold(core: Core[S], service: str, rows: Mapping[UUID, Row[S]], events: Sequence[Event], now: datetime) -> Unit[S]:
    """Decide a batch in order. A message that was counted before changes nothing; one that is invalid is set aside, the others go on.

    A decision that raises anything else is a bug of ours: it is set aside as `decision_failed` instead of blocking its partition.
    """
    unit: Unit[S] = Unit(dict(rows))
    for event in events:
        try:
            _decide(core, service, unit, event, now)
        except InvalidMessage as error:
            _set_aside(unit, event, error, now)
        except Exception as error:  # noqa: BLE001 - one bad decision must not stop the others
            _set_aside(unit, event, InvalidMessage("decision_failed", repr(error)), now)
    return unit


def _set_aside(unit: Unit[S], event: Event, error: InvalidMessage, now: datetime) -> None:
    unit.refused.append((event, error))
    if isinstance(event.body, Fired):
        unit.timers[event.task_id, event.body.purpose] = (event, now + _AGAIN)


def _decide(core: Core[S], service: str, unit: Unit[S], event: Event, now: datetime) -> None:
    if not core.handles(event.body):
        return
    row = unit.rows.get(event.task_id)
    if row and row.tenant != event.tenant:
        raise InvalidMessage("foreign_tenant", f"row of {row.tenant}")
    if row and row.counted(event.cause):
        return
    expired = event.envelope.expired(now) if event.envelope else False
    told_at = event.envelope.time if event.envelope else None
    context = Context(now, event.task_id, event.tenant, event.cause, expired, event.traceparent, told_at)
    decision = core.decide(row.state if row else None, event.body, context)
    records = _encode(decision, service, event, now)
    unit.decided += 1
    _keep(unit, row, event, decision)
    if core.share and decision.state is not None:
        _share(core.share, unit, event.task_id, decision.state)
    unit.records += records
    for output in decision.out:
        if isinstance(output, Wake):
            unit.timers[event.task_id, output.purpose] = (event, output.at)
        elif isinstance(output, Call):
            unit.calls.append((event, output))


def _keep(unit: Unit[S], row: Row[S] | None, event: Event, decision: Decision[S]) -> None:
    if decision.state is None:
        return
    if row is None:
        row = unit.rows[event.task_id] = Row(event.task_id, event.tenant, 0, None, frozenset())
    row.state = decision.state
    row.fresh.append(event.cause)
    unit.changed[event.task_id] = row


def _share(share: Callable[[S, S], S], unit: Unit[S], changed: UUID, state: S) -> None:
    for task_id, row in unit.rows.items():
        if task_id != changed and row.state is not None:
            row.state = share(state, row.state)


def _encode(decision: Decision[S], service: str, event: Event, now: datetime) -> list[Record]:
    ordinals: dict[str, int] = {}
    records = []
    for output in decision.out:
        if not isinstance(output, Send):
            continue
        wire_type = output.message.wire_type
        ordinal = ordinals[wire_type] = ordinals.get(wire_type, -1) + 1
        records.append(
            encode(
                output,
                source=service,
                task_id=event.task_id,
                tenant=event.tenant,
                cause_id=event.cause,
                ordinal=ordinal,
                now=now,
                traceparent=event.traceparent,
            )
        )
    return records
