"""Who calls: the platform's own services with one shared key, or a tenant with a key of its own."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from tuntas.kit.errors import Rejected

PLATFORM = "platform"
"""The tenant of a call that one of our own services makes for nobody in particular."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that was recognised. Only an `inner` one may say for which task and tenant it calls."""

    tenant: str
    inner: bool


@dataclass(frozen=True)
class Keys:
    """The keys that are known: our services' own, and the SHA-256 in hex of each tenant's."""

    inner: str
    tenants: Mapping[str, str]

    def recognise(self, authorization: str) -> Caller:
        """Return the caller of an Authorization header.

        Raises:
            Rejected: `unauthenticated`.
        """
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Rejected("unauthenticated", "a key is needed: Authorization: Bearer ...")
        raw = key.encode("utf-8", "replace")
        if hmac.compare_digest(raw, self.inner.encode()):
            return Caller(PLATFORM, inner=True)
        tenant = self.tenants.get(hashlib.sha256(raw).hexdigest())
        if tenant is None:
            raise Rejected("unauthenticated", "nobody we know")
        return Caller(tenant, inner=False)
