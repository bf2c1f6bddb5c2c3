"""Settings from the environment; a service refuses to start with all that is wrong at once."""

import os
import ssl
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tuntas.contracts.topics import CONNECTORS
from tuntas.kit.errors import ConfigurationError

T = TypeVar("T", bound=BaseSettings)
_KAFKA = "TUNTAS_KAFKA_"


class KafkaSettings(BaseSettings):
    """How Kafka is reached (`TUNTAS_KAFKA_*`) and how names are prefixed (`TUNTAS_TOPIC_PREFIX`)."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=_KAFKA, secrets_dir=None)

    bootstrap: str = "127.0.0.1:9092"
    mechanism: Literal["none", "plain", "scram-sha-256", "scram-sha-512"] = "none"
    username: str = ""
    password: SecretStr = SecretStr("")
    tls: bool = False
    ca_file: Path | None = None
    instance: str = Field(default="", description="A stable replica name; static membership halves the pause after a crash")
    max_records: int = Field(default=500, ge=1, le=5000)
    topic_prefix: str = Field(default="", validation_alias="TUNTAS_TOPIC_PREFIX", pattern=r"^([A-Za-z0-9_-]+\.)?$")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse what would reach a broker with less security than was meant, or not at all."""
        if self.mechanism != "none" and not (self.username and self.password.get_secret_value()):
            raise ValueError(f"mechanism {self.mechanism} needs username and password")
        if self.mechanism == "none" and (self.username or self.password.get_secret_value()):
            raise ValueError("username and password need a mechanism")
        if self.ca_file and not self.tls:
            raise ValueError("ca_file needs tls")
        if self.ca_file:
            self._context()
        return self

    def _context(self) -> ssl.SSLContext | None:
        """Return how servers are verified: by `ca_file`, else by the system's authorities."""
        try:
            return ssl.create_default_context(cafile=self.ca_file) if self.tls else None
        except OSError as error:
            raise ValueError(f"ca_file {self.ca_file} holds no certificates that can be read: {error.strerror or error}") from None

    def security(self) -> BaseSecurity:
        """Return the framework's security object for these settings."""
        context = self._context()
        if self.mechanism == "none":
            return BaseSecurity(ssl_context=context, use_ssl=self.tls)
        kind = {"plain": SASLPlaintext, "scram-sha-256": SASLScram256, "scram-sha-512": SASLScram512}[self.mechanism]
        return kind(self.username, self.password.get_secret_value(), ssl_context=context, use_ssl=self.tls)

    def client_security(self) -> dict[str, Any]:
        """Return the same for the client library itself."""
        protocol = ("SASL_" if self.mechanism != "none" else "") + ("SSL" if self.tls else "PLAINTEXT")
        found: dict[str, Any] = {"security_protocol": protocol}
        if self.tls:
            found["ssl_context"] = self._context()
        if self.mechanism != "none":
            found |= {"sasl_mechanism": self.mechanism.upper(), "sasl_plain_username": self.username}
            found["sasl_plain_password"] = self.password.get_secret_value()
        return found

    def group(self, service: str) -> str:
        """Return a service's consumer group."""
        return f"{self.topic_prefix}tuntas.{service}"

    def instance_of(self, service: str) -> str | None:
        """Return the static member id of this replica of a service, if replicas are named."""
        return f"{service}-{self.instance}" if self.instance else None


class PlatformSettings(BaseSettings):
    """What every service shares (`TUNTAS_*`)."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="TUNTAS_")

    connectors: tuple[str, ...] = CONNECTORS
    otlp_traces: str | None = Field(default=None, description="OTLP/HTTP traces URL; none: nothing is exported")
    trace_ratio: float = Field(default=1.0, ge=0, le=1)
    vault_key: SecretStr = Field(description="32 bytes in hex; wraps the keys of persons")
    approval_keys: dict[str, str] = Field(description="Key id to Ed25519 public key in hex: whose approvals connectors accept")
    host: str = "127.0.0.1"
    engines_url: str = Field(default="", pattern=r"^(https?://.+)?$", description="Address of the engines; empty: they are not used")
    engines_key: SecretStr = Field(default=SecretStr(""), description="The services' shared key for the engines")

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if self.engines_url and not self.engines_key.get_secret_value():
            raise ValueError("engines_url needs engines_key")
        return self


class ServiceSettings(BaseSettings):
    """What each service has for itself (`TUNTAS_<SERVICE>_*`); services add their own."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    port: int = Field(default=0, ge=0, le=65535)
    pool_size: int = Field(default=4, ge=1, le=50)


def load(service: str, kind: type[T]) -> tuple[KafkaSettings, PlatformSettings, T]:
    """Read what a service needs from the environment.

    Raises:
        ConfigurationError: `bad_settings`, with every fault at once, and every unknown name under the service's prefix.
    """
    prefix = f"TUNTAS_{service.replace('-', '_').upper()}_"
    faults = [*_unknown(_KAFKA, KafkaSettings), *_unknown(prefix, kind)]
    loaded: list[Any] = []
    for make, shown in (
        (KafkaSettings, _KAFKA),
        (PlatformSettings, "TUNTAS_"),
        (partial(kind, _env_prefix=prefix), prefix),
    ):
        try:
            loaded.append(make())
        except ValidationError as error:
            faults += _faults(error, shown)
    if faults:
        raise ConfigurationError("bad_settings", "\n".join(faults))
    return loaded[0], loaded[1], loaded[2]


def load_kafka() -> KafkaSettings:
    """Read how Kafka is reached, for a command that is no service.

    Raises:
        ConfigurationError: `bad_settings`, with every fault at once.
    """
    faults = _unknown(_KAFKA, KafkaSettings)
    try:
        settings = KafkaSettings()
    except ValidationError as error:
        faults += _faults(error, _KAFKA)
    if faults:
        raise ConfigurationError("bad_settings", "\n".join(faults))
    return settings


def _unknown(prefix: str, kind: type[BaseSettings]) -> list[str]:
    """Find names that look like settings and are none: a misspelt one would be silently without effect."""
    known = {prefix + name.upper() for name, field in kind.model_fields.items() if not field.validation_alias}
    return [f"{name}: unknown setting" for name in sorted(os.environ) if name.startswith(prefix) and name not in known]


def _faults(error: ValidationError, prefix: str) -> list[str]:
    """Say what is wrong with which variable; a fault of several together is said of their prefix."""
    found = [("_".join(map(str, e["loc"])).upper(), e["msg"].removeprefix("Value error, ")) for e in error.errors(include_input=False)]
    return [f"{name if name.startswith('TUNTAS_') else prefix + (name or '*')}: {told}" for name, told in found]
