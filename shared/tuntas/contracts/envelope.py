"""The envelope: CloudEvents 1.0 in Kafka's binary content mode. Attributes travel as `ce_*` headers, the body is the JSON document."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter

from tuntas.contracts.base import Contract, utc

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"


class Envelope(Contract):
    """Metadata of one message. `cause` is the id of what caused it; the Kafka key, `task_id`, is also the correlation id."""

    id: UUID
    type: str
    source: str
    time: AwareDatetime
    tenant: str
    task_id: UUID
    cause: UUID
    expires_at: AwareDatetime | None = None
    reply_to: str | None = None
    traceparent: str = ""

    def expired(self, now: datetime) -> bool:
        """Say whether the message may no longer start anything."""
        return self.expires_at is not None and now > self.expires_at

    def headers(self) -> dict[str, str]:
        """Return the record headers, in the order CloudEvents lists them."""
        found = {
            "ce_specversion": SPECVERSION,
            "ce_id": str(self.id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_time": utc(self.time),
            "ce_tenant": self.tenant,
            "ce_causationid": str(self.cause),
            "content-type": CONTENT_TYPE,
            "traceparent": self.traceparent,
        }
        if self.expires_at is not None:
            found["ce_expirytime"] = utc(self.expires_at)
        if self.reply_to is not None:
            found["ce_replyto"] = self.reply_to
        return found


_LONGEST = 200
_TEXTS = {"ce_type": 1, "ce_source": 1, "ce_tenant": 1, "ce_replyto": 0, "traceparent": 0}
"""Attributes that are text, each with its least length; what is kept of them is kept by PostgreSQL, which takes no NUL."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


def from_headers(headers: dict[str, str], key: bytes | None) -> Envelope:
    """Read an envelope from record headers and key.

    Raises:
        ValueError: an attribute is missing or malformed (a pydantic ValidationError is one, too).
    """
    for name, least in _TEXTS.items():
        text = headers.get(name, "")
        if not (least <= len(text) <= _LONGEST and text.isprintable()):
            raise ValueError(f"{name}: {least} to {_LONGEST} printable characters are needed")
    return Envelope(
        id=UUID(headers.get("ce_id", "")),
        type=headers.get("ce_type", ""),
        source=headers.get("ce_source", ""),
        time=_INSTANT.validate_python(headers.get("ce_time", "")),
        tenant=headers.get("ce_tenant", ""),
        task_id=UUID((key or b"").decode("ascii", "replace")),
        cause=UUID(headers.get("ce_causationid", "")),
        expires_at=_INSTANT.validate_python(headers["ce_expirytime"]) if "ce_expirytime" in headers else None,
        reply_to=headers.get("ce_replyto"),
        traceparent=headers.get("traceparent", ""),
    )
