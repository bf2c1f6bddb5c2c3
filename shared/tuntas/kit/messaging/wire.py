"""Records in and out: decoding that cannot raise, encoding with derived ids, and the partition of a key."""

from datetime import datetime
from functools import lru_cache
from typing import Protocol
from uuid import UUID

import msgspec
from aiokafka.partitioner import murmur2
from pydantic import ValidationError

from tuntas.contracts.base import MESSAGES, Message
from tuntas.contracts.envelope import Envelope, from_headers
from tuntas.contracts.ids import message_id
from tuntas.contracts.topics import PARTITIONS
from tuntas.kit.decision import Send
from tuntas.kit.errors import InvalidMessage

_NUL = rb"\u0000"


class Raw(Protocol):
    """A record as the client library delivers it; `timestamp` is when it was written, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


MAX_BODY_BYTES = 900_000
"""The most a record may carry; the producer's own limit is 1 MiB, and a dead letter must fit."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record to publish. `id` is its message id; `partition` that of its key in every keyed topic."""

    id: UUID
    topic: str
    key: bytes
    headers: dict[str, str]
    body: bytes
    partition: int | None


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A decoded record."""

    envelope: Envelope
    message: Message
    record: Raw | None = None


@lru_cache(maxsize=65_536)
def partition_of(key: UUID | str) -> int:
    """Return the partition of a key, as the Java client's default partitioner places it."""
    return int((murmur2(str(key).encode()) & 0x7FFFFFFF) % PARTITIONS)


def text_headers(record: Raw) -> dict[str, str]:
    """Return headers as text; what is not UTF-8 or is null becomes readable, never an exception."""
    try:
        return {name: str(value, "utf-8") for name, value in record.headers}  # type: ignore[arg-type]
    except (TypeError, UnicodeDecodeError):
        return {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}


def decode(record: Raw) -> Incoming:
    """Decode and validate one record.

    Raises:
        InvalidMessage: `bad_envelope`, `unknown_type`, `too_large` or `bad_body`.
    """
    headers = text_headers(record)
    try:
        envelope = from_headers(headers, record.key)
    except ValueError as error:
        raise InvalidMessage("bad_envelope", _short(error)) from None
    return Incoming(envelope, decode_body(envelope.type, record.value or b""), record)


def decode_body(wire_type: str, body: bytes) -> Message:
    """Decode a body by its wire type.

    Raises:
        InvalidMessage: `unknown_type`, `too_large`, `nul_character` or `bad_body`.
    """
    model = MESSAGES.get(wire_type)
    if model is None:
        raise InvalidMessage("unknown_type", wire_type[:100])
    if len(body) > MAX_BODY_BYTES:
        raise InvalidMessage("too_large", f"{len(body)} bytes")
    if _NUL in body:
        raise InvalidMessage("nul_character", "PostgreSQL keeps no text with it")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidMessage("bad_body", _short(error)) from None


def encode(send: Send, *, source: str, task_id: UUID, tenant: str, cause_id: UUID, ordinal: int, now: datetime, traceparent: str) -> Record:
    """Encode one output; its id follows from its cause, type and ordinal, so that a repeat is the same message.

    Raises:
        InvalidMessage: `too_large` or `bad_body`: it could never be published, or never be read; found before the commit, not after.
    """
    message, topic = send.message, send.topic or send.message.topic
    if topic is None:
        raise InvalidMessage("no_topic", message.wire_type)
    envelope = Envelope(
        id=message_id(cause_id, message.wire_type, ordinal),
        type=message.wire_type,
        source=f"tuntas/{source}",
        time=now,
        tenant=send.tenant or tenant,
        task_id=task_id,
        cause=cause_id,
        expires_at=send.expires_at,
        reply_to=send.reply_to.name if send.reply_to else None,
        traceparent=traceparent,
    )
    body = message.model_dump_json().encode()
    if len(body) > MAX_BODY_BYTES:
        raise InvalidMessage("too_large", f"{message.wire_type} of {len(body)} bytes")
    try:
        type(message).model_validate_json(body)
    except ValidationError as error:
        raise InvalidMessage("bad_body", _short(error)) from None
    partition = None if topic.compacted else partition_of(task_id)
    return Record(envelope.id, topic.name, str(task_id).encode(), envelope.headers(), body, partition)


def _short(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:5])[
            :400
        ]
    return str(error)[:400]
