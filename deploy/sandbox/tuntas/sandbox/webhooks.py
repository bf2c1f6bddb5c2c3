"""What the provider tells by itself: signed, repeated a few times, possibly twice, kept until it is delivered."""

import asyncio
import hmac
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2
from asyncpg import Record

from tuntas.sandbox.database import Connection, Pool
from tuntas.sandbox.items import Item
from tuntas.sandbox.values import new_id, now

RETRY_AFTER_SECONDS = (0.2, 1.0, 3.0, 10.0, 30.0)
_AT_ONCE = 16
_TIMEOUT_SECONDS = 5.0
_LIMITS = httpx2.Limits(keepalive_expiry=3.0)  # common servers close a connection that is idle for 5 s


def signature(secret: str, body: bytes) -> str:
    """The value of ``X-Signature``: the hex HMAC-SHA256 of the raw body under the shared secret."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


async def enqueue(tx: Connection, item: Item, event_type: str, due_at: datetime, *, copies: int = 1) -> None:
    """Have the item's present state told to its callback address, if it has one, ``copies`` times."""
    if item.callback_url is None:
        return
    event = {"event_id": new_id("evt"), "type": event_type, "reference": item.reference, "object_id": item.object_id, "status": item.state}
    event["provider"] = item.provider
    for _ in range(copies):
        await tx.execute("INSERT INTO webhooks (url, event, due_at) VALUES ($1, $2, $3)", item.callback_url, event, due_at)


class Messenger:
    """Delivers due webhooks. Delivery is at least once; receivers tell repeats by ``event_id``."""

    def __init__(self, pool: Pool, secret: str) -> None:
        self._pool = pool
        self._secret = secret
        self._client = httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, limits=_LIMITS, trust_env=False)

    async def close(self) -> None:
        """Closes the connections to the receivers."""
        await self._client.aclose()

    async def deliver_due(self) -> datetime | None:
        """Sends what is due and returns when the next one will be."""
        rows = await self._pool.fetch(
            "SELECT seq, url, event, attempts FROM webhooks WHERE delivered_at IS NULL AND given_up_at IS NULL AND due_at <= $1"
            " ORDER BY due_at, seq LIMIT $2",
            now(),
            _AT_ONCE,
        )
        await asyncio.gather(*(self._deliver(row) for row in rows))
        due: datetime | None = await self._pool.fetchval(
            "SELECT min(due_at) FROM webhooks WHERE delivered_at IS NULL AND given_up_at IS NULL"
        )
        return due

    async def _deliver(self, row: Record) -> None:
        accepted = await self._post(row["url"], row["event"])
        attempts = row["attempts"] + 1
        over = not accepted and attempts > len(RETRY_AFTER_SECONDS)
        again = timedelta(seconds=RETRY_AFTER_SECONDS[min(attempts, len(RETRY_AFTER_SECONDS)) - 1])
        await self._pool.execute(
            "UPDATE webhooks SET attempts = $2, delivered_at = $3, given_up_at = $4, due_at = $5 WHERE seq = $1",
            row["seq"],
            attempts,
            now() if accepted else None,
            now() if over else None,
            now() + again,
        )

    async def _post(self, url: str, event: dict[str, Any]) -> bool:
        body = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "X-Signature": signature(self._secret, body)}
        try:
            response = await self._client.post(url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        return bool(response.is_success)
