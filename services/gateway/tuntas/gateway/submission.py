"""What the door reads: submissions and refusals, on their way to the row that decides. Neither is a wire type."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from tuntas.contracts.base import Code, Message, Text
from tuntas.contracts.gateway import IntentSubmitted, UtteranceSubmitted
from tuntas.kit.messaging.fold import Event


class Submission(Message):
    """A submission that was let in. It holds what a person said in plain text, so it lives in memory only and is no wire type."""

    wire_type: ClassVar[str] = "tuntas.submission"

    source: str
    source_id: str
    digest: str
    body: IntentSubmitted | UtteranceSubmitted = Field(repr=False)


class SubmissionRefused(Message):
    """A submission that was not let in. `genuine`: its tenant sent it; `task` and `digest` are of what it asked for, if that is known."""

    wire_type: ClassVar[str] = "tuntas.submission.refused"

    source: str
    source_id: str
    code: Code
    reason: Text = ""
    genuine: bool = False
    task: UUID | None = None
    digest: str = ""


def refused_as(identity: UUID, tenant: str, refusal: SubmissionRefused, traceparent: str = "") -> Event:
    """Return the event of a refusal; the same refusal read again has the same id and changes nothing."""
    return Event(identity, tenant, identity, refusal, traceparent)
