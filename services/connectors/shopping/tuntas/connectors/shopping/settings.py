"""The shopping connector's settings."""

from pydantic import SecretStr

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_CONNECTORS_SHOPPING_*`: where the provider is, and where it finds us."""

    base_url: str
    callback_base: str
    webhook_secret: SecretStr
