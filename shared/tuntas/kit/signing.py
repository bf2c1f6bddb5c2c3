"""Ed25519 over bytes as they were produced: approvals that connectors verify, submissions that the gateway verifies."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tuntas.contracts.base import utc
from tuntas.contracts.plan import Approval, Statement
from tuntas.kit.errors import Rejected


def public_hex(private_hex: str) -> str:
    """Return the public key of a private one, both 32 bytes in hex."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private_hex)).public_key().public_bytes_raw().hex()


def sign(private_hex: str, message: bytes) -> str:
    """Return the signature in base64."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private_hex)).sign(message)).decode()


@lru_cache(maxsize=4096)
def verified(public: str, message: bytes, signature: str) -> bool:
    """Say whether a signature is genuine; answers are cached, for an approval travels in several commands."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def approve(statement: Statement, key_id: str, private_hex: str) -> Approval:
    """Sign a statement; the signed text travels unparsed."""
    text = statement.model_dump_json()
    return Approval(statement=text, key_id=key_id, signature=sign(private_hex, text.encode()))


def open_approval(approval: Approval, keys: Mapping[str, str]) -> Statement:
    """Verify an approval and read its statement.

    Raises:
        Rejected: `forged_approval`: unknown key or wrong signature.
    """
    public = keys.get(approval.key_id)
    if public is None or not verified(public, approval.statement.encode(), approval.signature):
        raise Rejected("forged_approval")
    return _statement(approval.statement)


@lru_cache(maxsize=4096)
def _statement(text: str) -> Statement:
    return Statement.model_validate_json(text)


def submission_bytes(*, wire_type: str, source: str, submission: str, tenant: str, expires_at: datetime, body: bytes) -> bytes:
    """Return what a submission's signature covers: a header line, the attributes, and the SHA-256 of the raw body, one per line.

    No attribute may hold a line break, so that no two submissions have the same bytes.

    Raises:
        Rejected: `bad_attribute`: one does.
    """
    attributes = (wire_type, source, submission, tenant, utc(expires_at))
    if any("\n" in a for a in attributes):
        raise Rejected("bad_attribute")
    return "\n".join(("tuntas.submission.v1", *attributes, hashlib.sha256(body).hexdigest())).encode()
