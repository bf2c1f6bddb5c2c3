"""A command that can't be read but says which attempt it is: set aside, and refused, so that a redrive can't act (protocol R12)."""

from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import from_json

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import StepStarted
from tuntas.contracts.envelope import from_headers
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.runtime import read_record
from tuntas.kit.messaging.wire import Raw, text_headers


class StepMalformed(Message):
    """What could be read of a bad `step.started`. It lives in memory only and is no wire type."""

    wire_type: ClassVar[str] = "tuntas.step.malformed"

    step_id: str
    attempt: int
    key: UUID
    reason: str


def read(record: Raw) -> Event:
    """Return the event of a connector's record; a bad command whose attempt can be told becomes StepMalformed.

    Raises:
        InvalidMessage: it can't be read, and nothing can be told.
    """
    try:
        return read_record(record)
    except InvalidMessage as error:
        event = _told(record, error)
        if event is None:
            raise
        return event


def _told(record: Raw, error: InvalidMessage) -> Event | None:
    try:
        envelope = from_headers(text_headers(record), record.key)
        declaration: Any = from_json(record.value or b"", allow_inf_nan=False)["declaration"]
        body = StepMalformed(
            step_id=str(declaration["step_id"]).replace("\x00", "")[:100],
            attempt=int(declaration["attempt"]),
            key=UUID(declaration["key"]),
            reason=error.code,
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    if envelope.type != StepStarted.wire_type:
        return None
    return Event(envelope.task_id, envelope.tenant, envelope.id, body, envelope.traceparent, envelope, record, error)
