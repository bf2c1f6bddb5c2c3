"""The envelope: CloudEvents 1.0 in Kafka's binary content mode. Attributes travel as `ce_*` headers, the body is the JSON document."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import field

from tuntas.contracts.base import Contract, Instant

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"


class Envelope(Contract):
    """Metadata of one message. `cause` is the id of what caused it; the Kafka key, `task_id`, is also the correlation id."""

    id: UUID = field(name="ce_id")
    type: str = field(name="ce_type")
    source: str = field(name="ce_source")
    time: Instant = field(name="ce_time")
    tenant: str = field(name="ce_tenant")
    task_id: UUID
    cause: UUID = field(name="ce_causationid")
    expires_at: Instant | None = field(name="ce_expirytime", default=None)
    reply_to: str | None = field(name="ce_replyto", default=None)
    traceparent: str = ""

    def expired(self, now: datetime) -> bool:
        """Say whether the message may no longer start anything."""
        return self.expires_at is not None and now > self.expires_at

    def headers(self) -> dict[str, str]:
        """Return the record headers."""
        found: dict[str, str] = msgspec.to_builtins(self)
        del found["task_id"]
        return {"ce_specversion": SPECVERSION, **found, "content-type": CONTENT_TYPE, "traceparent": self.traceparent}


_LONGEST = 200
_TEXTS = {"ce_type": 1, "ce_source": 1, "ce_tenant": 1, "ce_replyto": 0, "traceparent": 0}
"""Attributes that are text, each with its least length; what is kept of them is kept by PostgreSQL, which takes no NUL."""


def from_headers(headers: dict[str, str], key: bytes | None) -> Envelope:
    """Read an envelope from record headers and key.

    Raises:
        ValueError: an attribute is missing or malformed.
    """
    for name, least in _TEXTS.items():
        text = headers.get(name, "")
        if not (least <= len(text) <= _LONGEST and text.isprintable()):
            raise ValueError(f"{name}: {least} to {_LONGEST} printable characters are needed")
    try:
        return msgspec.convert(headers | {"task_id": (key or b"").decode("ascii", "replace")}, Envelope)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
