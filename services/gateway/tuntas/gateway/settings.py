"""The gateway's settings."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from tuntas.contracts.money import Amounts
from tuntas.kit.settings import ServiceSettings
from tuntas.kit.signing import public_hex


class Settings(ServiceSettings):
    """`TUNTAS_GATEWAY_*`. Bearer tokens are accepted only if issuer, audience and key file are set, all three."""

    pool_size: int = Field(default=8, ge=1, le=50)
    tenants_file: Path = Field(description="JSON: tenant to its API keys (SHA-256), signing keys and topics; read again when it changes")
    operations_url: SecretStr = Field(description="Database URL of the role tuntas_ops, which reads the operators' views")
    audit_key_id: str = Field(min_length=1, max_length=100)
    audit_private_key: SecretStr = Field(description="Ed25519, 32 bytes in hex; signs the audit log")
    second_approver_above: Amounts = Field(
        default={"IDR": 10_000_000_00, "USD": 600_00, "EUR": 600_00, "SGD": 800_00},
        description="Minor units per currency that one operator may repair alone; of a currency that is not named, nothing",
    )
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks_file: Path | None = Field(default=None, description="The issuer's public keys as a JWK set; read again when it changes")
    oidc_tenant_claim: str = "tenant"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        public_hex(self.audit_private_key.get_secret_value())
        given = [value is not None for value in (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_file)]
        if any(given) and not all(given):
            raise ValueError("oidc_issuer, oidc_audience and oidc_jwks_file go together")
        return self
