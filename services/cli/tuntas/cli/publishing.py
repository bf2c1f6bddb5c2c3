"""Publishing an intent to Kafka as any other service would: a CloudEvents record, signed with the tenant's key."""

import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from tuntas.cli.backends import kafka
from tuntas.cli.faults import EXIT_USAGE, Fault
from tuntas.cli.profile import Profile
from tuntas.contracts.base import utc
from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES
from tuntas.contracts.ids import task_id
from tuntas.contracts.topics import INTENTS
from tuntas.kit.messaging.client import send
from tuntas.kit.signing import sign, submission_bytes

UTTERANCE = "tuntas.utterance.submitted.v1"
INTENT = "tuntas.intent.submitted.v1"


def read(file: str) -> bytes:
    """Return the body of a file, or of standard input for `-`: the bytes as they are, which are what is signed.

    Raises:
        Fault: `no_file`, or, as the gateway would say, `too_large`, `not_utf8` or `bad_body`.
    """
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
            body = opened.read(MAX_SUBMISSION_BYTES + 1)
    except OSError as error:
        raise Fault("no_file", f"{file}: {error.strerror}", EXIT_USAGE) from None
    if len(body) > MAX_SUBMISSION_BYTES:
        raise Fault("too_large", f"{file}: more than {MAX_SUBMISSION_BYTES} bytes", EXIT_USAGE)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Fault("not_utf8", f"{file}: at byte {error.start}", EXIT_USAGE) from None
    _check(file, body)
    return body


def _check(file: str, body: bytes) -> None:
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Fault("bad_body", f"{file}: {error}", EXIT_USAGE) from None
    if not isinstance(found, dict):
        raise Fault("bad_body", f"{file}: a JSON object is needed", EXIT_USAGE)
    if ("text" in found) == ("goals" in found):
        raise Fault("bad_body", f"{file}: one of `text` and `goals` is needed", EXIT_USAGE)


def headers(profile: Profile, body: bytes, *, source: str, submission: str, valid: timedelta) -> dict[str, str]:
    """Return the headers of a submission, signed: what every client in any language has to send.

    Raises:
        Fault: `bad_profile`: the signing key is none.
        Rejected: `bad_attribute`: the source or the id has a line break.
    """
    wire_type = UTTERANCE if b'"text"' in body and "text" in from_json(body) else INTENT
    expires = datetime.now(UTC) + valid
    covered = submission_bytes(
        wire_type=wire_type, source=source, submission=submission, tenant=profile.tenant, expires_at=expires, body=body
    )
    return {
        "ce_specversion": "1.0",
        "ce_type": wire_type,
        "ce_source": source,
        "ce_id": submission,
        "ce_tenant": profile.tenant,
        "ce_expirytime": utc(expires),
        "ce_keyid": profile.signing_key_id,
        "ce_signature": _signed(profile, covered),
        "content-type": "application/json",
    }


def _signed(profile: Profile, covered: bytes) -> str:
    try:
        return sign(profile.signing_key, covered)
    except ValueError:
        raise Fault("bad_profile", "signing_key: 32 bytes in hex are needed", EXIT_USAGE) from None


def publish(profile: Profile, body: bytes, *, source: str, submission: str | None, valid: timedelta) -> dict[str, Any]:
    """Publish a submission and return its task id, which follows from tenant, source and id.

    Raises:
        Fault: as `headers`, and `kafka_unreachable`.
    """
    submission = submission or secrets.token_hex(8)
    found = headers(profile, body, source=source, submission=submission, valid=valid)
    kafka(profile, lambda settings: send(settings, INTENTS.name, submission.encode(), body, found))
    task: UUID = task_id(profile.tenant, source, submission)
    return {"task_id": str(task), "source": source, "id": submission, "type": found["ce_type"]}
