"""What the door reads: submissions and refusals, on their way to the row that decides. Neither is a wire type."""

from typing import ClassVar
from uuid import UUID

from tuntas.contracts.base import Code, Message, Text
from tuntas.contracts.gateway import IntentSubmitted, UtteranceSubmitted
from tuntas.kit.messaging.fold import Event


class _AtTheDoor(Message):
    """What the door read.

    `fingerprint` is a plain digest of the body. It would confirm guesses at what was said: only its keyed digest may be stored or sent.
    """

    source: str
    source_id: str
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(source={self.source!r}, source_id={self.source_id!r})"

    def model_dump_json(self) -> str:
        """Return it as JSON, without the fingerprint."""
        bare = self.model_copy(update={"fingerprint": ""}) if self.fingerprint else self
        return Message.model_dump_json(bare)


class Submission(_AtTheDoor):
    """A submission that was let in. It holds what a person said in plain text, so it lives in memory only and is no wire type."""

    wire_type: ClassVar[str] = "tuntas.submission"

    body: IntentSubmitted | UtteranceSubmitted


class SubmissionRefused(_AtTheDoor):
    """A submission that was not let in. `genuine`: its tenant sent it; `task` and `fingerprint` are of what it asked for, if known."""

    wire_type: ClassVar[str] = "tuntas.submission.refused"

    code: Code
    reason: Text = ""
    genuine: bool = False
    task: UUID | None = None


def contradicts(kept: str, found: str) -> bool:
    """Say whether two keyed digests are of two bodies. Digests by different keys can't be compared and contradict nothing."""
    return kept != found and kept.partition(":")[0] == found.partition(":")[0]


def refused_as(identity: UUID, tenant: str, refusal: SubmissionRefused, traceparent: str = "") -> Event:
    """Return the event of a refusal; the same refusal read again has the same id and changes nothing."""
    return Event(identity, tenant, identity, refusal, traceparent)
