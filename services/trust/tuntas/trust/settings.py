"""Trust's settings."""

from pydantic import Field, SecretStr

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_TRUST_*`. The private key never leaves this service; connectors know its public half (`TUNTAS_APPROVAL_KEYS`)."""

    approval_key_id: str
    approval_private_key: SecretStr = Field(description="Ed25519, 32 bytes in hex")
    approval_seconds: float = Field(default=600.0, gt=0, description="How long a person's answer is waited for")
    forward_seconds: float = Field(default=600.0, gt=0, description="How long an approved plan may go forward")
