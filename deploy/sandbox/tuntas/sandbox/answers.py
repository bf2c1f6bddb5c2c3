"""Idempotency as providers do it: the same key and body get the stored answer, the same key and another body are refused."""

import json
from datetime import datetime
from hashlib import sha256

from asyncpg import Record

from tuntas.sandbox.database import Connection
from tuntas.sandbox.models import Answer, Call
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.providers import honours_keys


def remembered(call: Call) -> bool:
    """Whether the provider keeps its answer to this call under the caller's key."""
    return call.key is not None and honours_keys(call.provider)


def digest(call: Call) -> str:
    """What has to be equal for two calls with one key to be the same call."""
    return sha256(json.dumps([call.operation, call.object_id, call.body], sort_keys=True).encode()).hexdigest()


def _replay(row: Record, call: Call) -> Answer:
    if row["digest"] != digest(call):
        raise Refusal(422, "key_reused", "this idempotency key was used with another request")
    return Answer.model_validate({**row["answer"], "replayed": True})


async def stored(tx: Connection, call: Call) -> Answer | None:
    """The stored answer to this call, if there is one. Raises Refusal(422, key_reused)."""
    row = await tx.fetchrow("SELECT digest, answer FROM answers WHERE key = $1", call.key) if remembered(call) else None
    return _replay(row, call) if row else None


async def claim(tx: Connection, call: Call, now: datetime) -> Answer | None:
    """Takes the key for this transaction, waiting for another that has it; the stored answer if that one came first."""
    if not remembered(call):
        return None
    mine = await tx.fetchval(
        "INSERT INTO answers (key, digest, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING true", call.key, digest(call), now
    )
    return None if mine else await stored(tx, call)


async def keep(tx: Connection, call: Call, answer: Answer) -> None:
    """Stores the answer under the key that was claimed."""
    if remembered(call):
        await tx.execute("UPDATE answers SET answer = $2 WHERE key = $1", call.key, answer.model_dump(mode="json"))
