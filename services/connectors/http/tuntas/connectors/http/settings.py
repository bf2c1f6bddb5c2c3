"""The settings of a connector made by a manifest."""

from pydantic import SecretStr

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_CONNECTORS_<NAME>_*`: where the provider finds us, and with which secret it signs what it tells."""

    callback_base: str
    webhook_secret: SecretStr
