"""The executor's settings."""

from pydantic import Field

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_EXECUTOR_*`."""

    margin_seconds: float = Field(default=2.0, gt=0, description="How long before a hold's clock runs out it counts as lapsed")
