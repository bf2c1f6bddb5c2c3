"""The services of this installation, made with nothing around them: no database, no broker, no provider. What simulations decide by."""

from importlib.metadata import entry_points
from typing import Any

from pydantic import SecretStr

from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.privacy import Vault
from tuntas.kit.settings import KafkaSettings, PlatformSettings, ServiceSettings
from tuntas.kit.signing import public_hex
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing

KEY_ID = "test"
PRIVATE = "11" * 32
KEYS = {KEY_ID: public_hex(PRIVATE)}
"""Whose approvals simulated connectors accept."""

_GIVEN: dict[str, Any] = {
    "database_url": SecretStr("postgresql://nowhere"),
    "approval_key_id": KEY_ID,
    "approval_private_key": SecretStr(PRIVATE),
    "base_url": "http://127.0.0.1:9",
}
GROUP = "tuntas.services"


def service(name: str) -> Service:
    """Return a service by its name, such as `executor` or `connectors-travel`.

    Raises:
        LookupError: no such service is installed.
    """
    for point in entry_points(group=GROUP, name=name):
        found: Service = point.load()
        return found
    raise LookupError(f"{name}: no such service is installed; there are {sorted(entry_points(group=GROUP).names)}")


def parts(name: str) -> Parts:
    """Return what makes a service itself, with settings for tests.

    Raises:
        LookupError: no such service is installed.
    """
    made = service(name)
    return made.parts(_resources(name, made.settings))


def platform(connectors: tuple[str, ...]) -> PlatformSettings:
    """Return the settings of a deployment with these connectors."""
    return PlatformSettings(connectors=connectors, vault_key=SecretStr("22" * 32), approval_keys=KEYS)


def _resources(name: str, kind: type[ServiceSettings]) -> Resources:
    nothing: Any = None
    settings = kind.model_construct(**{field: value for field, value in _GIVEN.items() if field in kind.model_fields})
    vault = Vault(nothing, bytes.fromhex("22" * 32))
    return Resources(settings, platform(()), KafkaSettings(), nothing, vault, Log(name), Metrics(name), Tracing(name, None, 0.0), _said)


async def _said(*_: Any) -> None:
    """Say nothing: there is nobody."""
