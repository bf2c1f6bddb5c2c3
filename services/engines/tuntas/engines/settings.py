"""The engines' settings."""

import re
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_ENGINES_*`. Providers' keys are read from the variables that their table names, such as TUNTAS_PROVIDER_QWEN_KEY."""

    pool_size: int = Field(default=8, ge=1, le=50)
    key: SecretStr = Field(min_length=16, description="The key of the platform's own services")
    url: str = Field(default="", description="Where the platform's own services find this one: theirs, not read here")
    tenant_keys: dict[str, str] = Field(default_factory=dict, description="SHA-256 of a tenant's key in hex, to the tenant")
    providers_file: Path | None = Field(default=None, description="TOML: more providers, or other facts about known ones")
    scenarios_file: Path | None = Field(default=None, description="TOML: other policies for scenarios")

    @field_validator("tenant_keys")
    @classmethod
    def _hashed(cls, keys: dict[str, str]) -> dict[str, str]:
        """Refuse what is no digest without repeating it: it may be the key itself."""
        if not all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
            raise ValueError("a name is not a SHA-256 in lower-case hex")
        return keys
