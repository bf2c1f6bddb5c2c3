"""The audit log as a chain: each entry names the digest of the one before it and is signed, so that whoever holds the keys can check it."""

import json
from collections.abc import Iterable, Mapping

from msgspec import field
from msgspec.structs import asdict
from pydantic import ValidationError

from tuntas.contracts.base import Contract, Document, Instant, Text
from tuntas.contracts.ids import digest
from tuntas.kit.errors import Rejected
from tuntas.kit.signing import sign, verified

_HEADER = b"tuntas.audit.v1\n"
"""Keeps the key from signing something else by mistake."""


class Act(Contract):
    """What an operator did: `action` such as `repair.ordered`, to what, why; `before` and `after` are versions of a saga."""

    by: str
    action: str
    subject: str
    reason: Text = ""
    evidence: Document = field(default_factory=dict)
    before: int | None = None
    after: int | None = None
    details: Document = field(default_factory=dict)


class Entry(Act):
    """An act with its place in the chain: `previous` is the SHA-256 of the body before it, in hex; empty for the first."""

    seq: int
    at: Instant
    previous: str


class Signed(Contract):
    """An entry's bytes as they were signed (Ed25519, base64). It is checked unparsed."""

    body: str
    key_id: str
    signature: str


class Head(Contract):
    """How far a chain was read: the number of its last entry, and the SHA-256 of that one's body."""

    seq: int = 0
    digest: str = ""

    def next(self, act: Act, at: Instant) -> Entry:
        """Return the act as the entry that comes after."""
        return Entry(seq=self.seq + 1, at=at, previous=self.digest, **asdict(act))

    def to(self, seq: int, body: str) -> "Head":
        """Return the head after an entry with this body."""
        return Head(seq=seq, digest=digest(body))


def signed(entry: Entry, key_id: str, private_hex: str) -> Signed:
    """Sign an entry."""
    body = json.dumps(entry.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return Signed(body=body, key_id=key_id, signature=sign(private_hex, _HEADER + body.encode()))


def checked(found: Signed, after: Head, keys: Mapping[str, str]) -> Head:
    """Check one entry against the head it has to come after, and return the new head.

    Args:
        found: the entry.
        after: the head of all that was checked before.
        keys: key id to Ed25519 public key in hex.

    Raises:
        Rejected: `unreadable`, `unknown_key`, `forged`, `gap` (another number was due) or `broken_chain`; the reason names the entry.
    """
    at = f"entry {after.seq + 1}"
    if found.key_id not in keys:
        raise Rejected("unknown_key", f"{at}: {found.key_id}")
    if not verified(keys[found.key_id], _HEADER + found.body.encode(), found.signature):
        raise Rejected("forged", at)
    try:
        entry = Entry.model_validate_json(found.body)
    except ValidationError:
        raise Rejected("unreadable", at) from None
    if entry.seq != after.seq + 1:
        raise Rejected("gap", f"{at} is missing: {entry.seq} comes next")
    if entry.previous != after.digest:
        raise Rejected("broken_chain", f"{at} does not continue the one before it")
    return after.to(entry.seq, found.body)


def held(found: Iterable[Signed], keys: Mapping[str, str], after: Head = Head()) -> Head:  # noqa: B008 - frozen
    """Check entries in order and return the head of all of them.

    Raises:
        Rejected: as `checked`, for the first entry that does not hold.
    """
    for each in found:
        after = checked(each, after, keys)
    return after
