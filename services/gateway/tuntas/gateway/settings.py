"""The gateway's settings."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_GATEWAY_*`. Bearer tokens are accepted only if issuer, audience and key file are set, all three."""

    pool_size: int = Field(default=8, ge=1, le=50)
    tenants_file: Path = Field(description="JSON: tenant to its API keys (SHA-256), signing keys and topics; read again when it changes")
    operations_url: SecretStr = Field(description="Database URL of the role tuntas_ops, which reads the operators' views")
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks_file: Path | None = Field(default=None, description="The issuer's public keys as a JWK set; read again when it changes")
    oidc_tenant_claim: str = "tenant"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [value is not None for value in (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_file)]
        if any(given) and not all(given):
            raise ValueError("oidc_issuer, oidc_audience and oidc_jwks_file go together")
        return self
