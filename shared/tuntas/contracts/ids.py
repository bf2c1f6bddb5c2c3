"""Identity: everything that may be repeated has an id derived from what caused it, so that a repeat is recognised."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from tuntas.contracts.base import utc

NAMESPACE = UUID("6d7b1f52-6b0a-5c0e-9c38-1f6f7a0d2e11")
_SPACE = NAMESPACE.bytes


def derive(*parts: object) -> UUID:
    """Return the UUIDv5 of these parts (RFC 9562, section 5.5); parts are length-prefixed, so that no two lists run together."""
    name = "".join([f"{len(text)}:{text}" for text in map(str, parts)])
    raw = bytearray(hashlib.sha1(_SPACE + name.encode(), usedforsecurity=False).digest()[:16])
    raw[6], raw[8] = raw[6] & 0x0F | 0x50, raw[8] & 0x3F | 0x80  # version 5, and the variant
    return msgspec.convert(raw.hex(), UUID)


def task_id(tenant: str, source: str, submission: str) -> UUID:
    """Return the id of the task a submission asks for: the same for every repeat (protocol R24)."""
    return derive("task", tenant, source, submission)


def attempt_key(task: UUID, step: str, attempt: int) -> UUID:
    """Return the key of one intention at one provider; all tries share it (protocol 1, Identity)."""
    return derive("attempt", task, step, attempt)


def undo_key(key: UUID, number: int) -> UUID:
    """Return the key of the n-th undo of an attempt."""
    return derive("undo", key, number)


def message_id(cause: UUID, wire_type: str, ordinal: int) -> UUID:
    """Return a message's id: what caused it, its type, and which of that type it is."""
    return derive("message", cause, wire_type, ordinal)


def timer_id(task: UUID, purpose: str, due_at: datetime) -> UUID:
    """Return the cause id of what a timer causes."""
    return derive("timer", task, purpose, utc(due_at))


def call_id(key: UUID, number: int) -> UUID:
    """Return the id of the n-th outgoing call made for a key; it is the cause of what the answer causes."""
    return derive("call", key, number)


def digest(body: str | bytes) -> str:
    """Return the SHA-256 of bytes as they were produced, in hex (protocol R23)."""
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()
