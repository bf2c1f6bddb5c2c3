"""The secrets of one local stack, made at its first start and kept in a file only its owner can read."""

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tuntas.kit.signing import public_hex

TENANT = "acme"
SIGNING_KEY = "acme-1"
APPROVAL_KEY = "trust-1"
AUDIT_KEY = "audit-1"


@dataclass(frozen=True)
class Secrets:
    """Passwords and keys, all hex. `passwords` has one for each role in PostgreSQL."""

    passwords: dict[str, str]
    vault_key: str
    approval_private: str
    signing_private: str
    api_key: str
    operator_key: str
    webhook: str
    engines_key: str
    audit_private: str

    @property
    def approval_public(self) -> str:
        """Return the key that connectors verify approvals with."""
        return public_hex(self.approval_private)

    @property
    def audit_public(self) -> str:
        """Return the key that operators check the audit log with."""
        return public_hex(self.audit_private)

    @property
    def signing_public(self) -> str:
        """Return the key that the gateway verifies the demo tenant's submissions with."""
        return public_hex(self.signing_private)


def _private() -> str:
    return Ed25519PrivateKey.generate().private_bytes_raw().hex()


def of_stack(folder: Path, roles: tuple[str, ...]) -> Secrets:
    """Return the secrets of the stack in this folder; missing ones are made, and so are those of roles that are new since then."""
    path = folder / "secrets.json"
    passwords = {role: secrets.token_hex(16) for role in roles}
    if path.exists():
        known = Secrets(**{"engines_key": secrets.token_hex(16), "audit_private": _private()} | json.loads(path.read_text()))
        made = replace(known, passwords=passwords | known.passwords)
        path.write_text(json.dumps(made.__dict__))
        return made
    made = Secrets(
        passwords=passwords,
        vault_key=secrets.token_hex(32),
        approval_private=_private(),
        signing_private=_private(),
        api_key=secrets.token_hex(16),
        operator_key=secrets.token_hex(16),
        webhook=secrets.token_hex(32),
        engines_key=secrets.token_hex(16),
        audit_private=_private(),
    )
    path.touch(mode=0o600)
    path.write_text(json.dumps(made.__dict__))
    return made
