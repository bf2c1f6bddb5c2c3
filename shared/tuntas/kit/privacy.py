"""Sealing and digesting personal values with a key per person. Keys lie wrapped in `vault.person_keys`; to erase is to delete the row.

AES-256-GCM with a random nonce; the person and tenant are authenticated. Keys are cached for a minute, so that erasure is complete
after that at the latest.
"""

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tuntas.contracts.personal import Personal
from tuntas.kit.errors import Rejected, Transient

CACHE_SECONDS = 60.0
_NONCE = 12
_HMAC_KEY, _KEY_NAME = 32, 8

Person = tuple[str, UUID]
"""A tenant and the id of one of its persons."""


@dataclass(frozen=True, slots=True)
class Digester:
    """Digests text with one person's key: HMAC-SHA256 in hex, after the key's own name and a colon.

    Two digests are comparable only if they begin with the same name: a person who was erased and came back has another key.
    """

    name: str
    key: bytes = field(repr=False)

    def __call__(self, text: str) -> str:
        """Return the digest of a text."""
        return f"{self.name}:{hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Key:
    """A person's key in its two uses, and when it was read."""

    at: float
    seal: AESGCM
    digest: Digester


class Vault:
    """Seals and opens personal values of one deployment.

    Args:
        pool: connections of a role that may read and add to `vault.person_keys`.
        master: 32 bytes that wrap the keys of persons; they never lie in the database.
    """

    def __init__(self, pool: asyncpg.Pool, master: bytes) -> None:
        self._pool, self._wrap = pool, AESGCM(master)
        self._keys: dict[Person, _Key] = {}

    async def seal(self, tenant: str, person: UUID, text: str) -> Personal:
        """Seal a value; the person's key is made at first use.

        Raises:
            Transient: `erased_meanwhile`: it was made and is gone again.
        """
        nonce = os.urandom(_NONCE)
        key = await self._key(tenant, person, create=True)
        sealed = key.seal.encrypt(nonce, text.encode(), _bound(tenant, person))
        return Personal(f"sealed:v1:{person}:{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}")

    async def open(self, tenant: str, value: Personal) -> str:
        """Open a sealed value.

        Raises:
            Rejected: `erased`: the person's key is gone; `unsealable`: it was sealed elsewhere or altered.
        """
        raw = base64.urlsafe_b64decode(value.rsplit(":", 1)[1] + "==")
        key = await self._key(tenant, UUID(value.person), create=False)
        try:
            return key.seal.decrypt(raw[:_NONCE], raw[_NONCE:], _bound(tenant, UUID(value.person))).decode()
        except InvalidTag:
            raise Rejected("unsealable") from None

    async def digesters(self, persons: Collection[Person], *, create: bool) -> dict[Person, Digester]:
        """Return what digests text with each person's key; a digest confirms no guess once that key is erased.

        All keys that are not cached are read with one query.

        Args:
            persons: whose keys are needed.
            create: make the keys that are missing; without it a person who has none is left out of the answer.

        Raises:
            Transient: `erased_meanwhile`: a key was made and is gone again.
        """
        return {person: key.digest for person, key in (await self._known(persons, create=create)).items()}

    async def erase(self, tenant: str, person: UUID) -> None:
        """Delete a person's key: whatever was sealed or digested with it, anywhere, is noise from then on."""
        self._keys.pop((tenant, person), None)
        await self._pool.execute("delete from vault.person_keys where tenant = $1 and person = $2", tenant, person)

    async def _key(self, tenant: str, person: UUID, *, create: bool) -> _Key:
        found = await self._known([(tenant, person)], create=create)
        if (tenant, person) not in found:
            raise Rejected("erased")
        return found[tenant, person]

    async def _known(self, persons: Collection[Person], *, create: bool) -> dict[Person, _Key]:
        self._forget()
        found = {person: self._keys[person] for person in persons if person in self._keys}
        missing = sorted(set(persons) - found.keys())
        if missing:
            read = await self._fetch(missing, create=create)
            self._keys = {person: key for person, key in self._keys.items() if person not in read} | read
            found |= read
        if create and len(found) < len(set(persons)):
            raise Transient("erased_meanwhile")
        return found

    def _forget(self) -> None:
        """Drop the keys that were read too long ago; they lie in the order in which they were read."""
        oldest = time.monotonic() - CACHE_SECONDS
        while self._keys and next(iter(self._keys.values())).at < oldest:
            del self._keys[next(iter(self._keys))]

    async def _fetch(self, persons: list[Person], *, create: bool) -> dict[Person, _Key]:
        tenants, ids = [tenant for tenant, _ in persons], [person for _, person in persons]
        if create:
            await self._pool.execute(
                """insert into vault.person_keys (tenant, person, wrapped)
                select * from unnest($1::text[], $2::uuid[], $3::bytea[]) on conflict do nothing""",
                tenants,
                ids,
                [self._wrapped(*person) for person in persons],
            )
        rows = await self._pool.fetch(
            """select k.tenant, k.person, k.wrapped from vault.person_keys k
            join unnest($1::text[], $2::uuid[]) as u (tenant, person) using (tenant, person)""",
            tenants,
            ids,
        )
        return {(row["tenant"], row["person"]): self._unwrapped(row["wrapped"], row["tenant"], row["person"]) for row in rows}

    def _wrapped(self, tenant: str, person: UUID) -> bytes:
        """Return a new key as it lies in the database."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrap.encrypt(nonce, AESGCM.generate_key(256), _bound(tenant, person))

    def _unwrapped(self, wrapped: bytes, tenant: str, person: UUID) -> _Key:
        key = self._wrap.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _bound(tenant, person))
        derived = HKDFExpand(SHA256(), _HMAC_KEY + _KEY_NAME, b"tuntas.digest.v1").derive(key)
        return _Key(time.monotonic(), AESGCM(key), Digester(derived[_HMAC_KEY:].hex(), derived[:_HMAC_KEY]))


def _bound(tenant: str, person: UUID) -> bytes:
    return f"{len(tenant)}:{tenant}:{person}".encode()
