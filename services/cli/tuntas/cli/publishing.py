"""Publishing an intent to Kafka as any other service would: a CloudEvents record, signed with the tenant's key."""

import asyncio
import json
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tuntas.cli.profile import Profile
from tuntas.contracts.base import utc
from tuntas.contracts.ids import task_id
from tuntas.contracts.topics import INTENTS
from tuntas.kit.messaging.client import send
from tuntas.kit.signing import sign, submission_bytes

UTTERANCE = "tuntas.utterance.submitted.v1"
INTENT = "tuntas.intent.submitted.v1"


def read(file: str) -> bytes:
    """Return the body of a file, or of standard input for `-`."""
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def headers(profile: Profile, body: bytes, *, source: str, submission: str, valid: timedelta) -> dict[str, str]:
    """Return the headers of a submission, signed: what every client in any language has to send."""
    wire_type = UTTERANCE if b'"text"' in body and "text" in json.loads(body) else INTENT
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
        "ce_signature": sign(profile.signing_key, covered),
        "content-type": "application/json",
    }


def publish(profile: Profile, body: bytes, *, source: str, submission: str | None, valid: timedelta) -> dict[str, Any]:
    """Publish a submission and return its task id, which follows from tenant, source and id."""
    submission = submission or secrets.token_hex(8)
    found = headers(profile, body, source=source, submission=submission, valid=valid)
    asyncio.run(send(profile.bootstrap, profile.topic_prefix + INTENTS.name, submission.encode(), body, found))
    task: UUID = task_id(profile.tenant, source, submission)
    return {"task_id": str(task), "source": source, "id": submission, "type": found["ce_type"]}
