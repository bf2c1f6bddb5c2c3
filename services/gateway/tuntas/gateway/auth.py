"""Who calls: an API key or an OIDC bearer token, and the tenant it stands for."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tuntas.contracts.ids import derive
from tuntas.gateway.settings import Settings
from tuntas.gateway.tenants import OPERATORS, Directory
from tuntas.kit.errors import ConfigurationError, Rejected

ALGORITHMS = ["RS256", "ES256", "Ed25519", "EdDSA"]
"""Signatures that are taken; `EdDSA` is the older name of `Ed25519` (RFC 9864)."""

_LEEWAY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that was recognised. `name` goes into audit logs; it says nothing about a person unless the tenants file gives one."""

    tenant: str
    name: str

    @property
    def operator(self) -> bool:
        """Whether the caller may look at every task and act on it."""
        return self.tenant == OPERATORS

    def sees(self, tenant: str) -> bool:
        """Say whether a row of this tenant exists for the caller."""
        return self.operator or tenant == self.tenant


class Tokens:
    """Verifies bearer tokens of one issuer: signature, issuer, audience, expiry, and a tenant that we know."""

    def __init__(self, issuer: str, audience: str, keys: Path, claim: str) -> None:
        self._path, self._claim = keys, claim
        self._read_at = 0
        self._rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            self._keys = self._fresh()
        except (OSError, ValueError, TypeError, KeyError, JoseError) as error:
            raise ConfigurationError("bad_jwks", f"{keys}: {error}") from None

    def _fresh(self) -> KeySet:
        """Read the keys again if the file changed."""
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._read_at:
            self._keys, self._read_at = KeySet.import_key_set(json.loads(self._path.read_bytes())), stamp
        return self._keys

    def verify(self, token: str) -> tuple[str, UUID]:
        """Return the tenant and an id derived from the subject.

        Raises:
            Rejected: `unauthenticated`.
        """
        try:
            claims = jwt.decode(token, self._fresh(), algorithms=ALGORITHMS).claims
            self._rules.validate(claims)
            return str(claims[self._claim]), derive("subject", claims["iss"], claims["sub"])
        except (JoseError, ValueError, TypeError, KeyError, OSError) as error:
            raise Rejected("unauthenticated", f"the bearer token is not valid: {type(error).__name__}") from None


def tokens_of(settings: Settings) -> Tokens | None:
    """Return what verifies bearer tokens, if it is set up.

    Raises:
        ConfigurationError: `bad_jwks`.
    """
    if settings.oidc_issuer is None or settings.oidc_audience is None or settings.oidc_jwks_file is None:
        return None
    return Tokens(settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_file, settings.oidc_tenant_claim)


@dataclass(frozen=True)
class Doorkeeper:
    """Recognises callers."""

    tenants: Callable[[], Directory]
    tokens: Tokens | None = None

    def recognise(self, api_key: str | None, bearer: str | None) -> Caller:
        """Return the caller of an API key or, if there is none, of a bearer token.

        Raises:
            Rejected: `unauthenticated`.
        """
        directory = self.tenants()
        if api_key is not None:
            tenant = directory.of_key(api_key)
            name = f"key:{hashlib.sha256(api_key.encode('utf-8', 'replace')).hexdigest()[:8]}"
        elif bearer is not None and self.tokens is not None:
            tenant, subject = self.tokens.verify(bearer)
            name = f"subject:{subject}"
        else:
            raise Rejected("unauthenticated")
        if tenant is None or tenant not in directory.tenants:
            raise Rejected("unauthenticated", "nobody we know")
        return Caller(tenant, directory.tenants[tenant].names.get(name, name))
