"""Sealing personal values with a key per person. Keys lie wrapped in `vault.person_keys`; erasing a person is deleting the row.

AES-256-GCM with a random nonce; the person and tenant are authenticated. Keys are cached for a minute, so that erasure is complete
after that at the latest.
"""

import base64
import os
import time
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tuntas.contracts.personal import Personal
from tuntas.kit.errors import Rejected

CACHE_SECONDS = 60.0
_NONCE = 12


class Vault:
    """Seals and opens personal values of one deployment.

    Args:
        pool: connections of a role that may read and add to `vault.person_keys`.
        master: 32 bytes that wrap the keys of persons; they never lie in the database.
    """

    def __init__(self, pool: asyncpg.Pool, master: bytes) -> None:
        self._pool, self._wrap = pool, AESGCM(master)
        self._keys: dict[tuple[str, UUID], tuple[float, AESGCM]] = {}

    async def seal(self, tenant: str, person: UUID, text: str) -> Personal:
        """Seal a value; the person's key is made at first use."""
        nonce = os.urandom(_NONCE)
        key = await self._key(tenant, person, create=True)
        sealed = key.encrypt(nonce, text.encode(), _bound(tenant, person))
        return Personal(f"sealed:v1:{person}:{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}")

    async def open(self, tenant: str, value: Personal) -> str:
        """Open a sealed value.

        Raises:
            Rejected: `erased`: the person's key is gone; `unsealable`: it was sealed elsewhere or altered.
        """
        raw = base64.urlsafe_b64decode(value.rsplit(":", 1)[1] + "==")
        key = await self._key(tenant, UUID(value.person), create=False)
        try:
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], _bound(tenant, UUID(value.person))).decode()
        except InvalidTag:
            raise Rejected("unsealable") from None

    async def erase(self, tenant: str, person: UUID) -> None:
        """Delete a person's key: whatever was sealed with it, anywhere, is noise from then on."""
        self._keys.pop((tenant, person), None)
        await self._pool.execute("delete from vault.person_keys where tenant = $1 and person = $2", tenant, person)

    async def _key(self, tenant: str, person: UUID, *, create: bool) -> AESGCM:
        at, key = self._keys.get((tenant, person), (0.0, None))
        if key is None or time.monotonic() - at > CACHE_SECONDS:
            key = AESGCM(await self._fetch(tenant, person, create=create))
            self._keys[tenant, person] = (time.monotonic(), key)
        return key

    async def _fetch(self, tenant: str, person: UUID, *, create: bool) -> bytes:
        if create:
            nonce = os.urandom(_NONCE)
            wrapped = nonce + self._wrap.encrypt(nonce, AESGCM.generate_key(256), _bound(tenant, person))
            await self._pool.execute(
                "insert into vault.person_keys (tenant, person, wrapped) values ($1, $2, $3) on conflict do nothing",
                tenant,
                person,
                wrapped,
            )
        found = await self._pool.fetchval("select wrapped from vault.person_keys where tenant = $1 and person = $2", tenant, person)
        if found is None:
            raise Rejected("erased")
        return self._wrap.decrypt(found[:_NONCE], found[_NONCE:], _bound(tenant, person))


def _bound(tenant: str, person: UUID) -> bytes:
    return f"{len(tenant)}:{tenant}:{person}".encode()
