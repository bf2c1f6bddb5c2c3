"""Billing's settings."""

from pathlib import Path

from pydantic import Field

from tuntas.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """`TUNTAS_BILLING_*`."""

    plans_file: Path | None = Field(default=None, description="YAML: price plans and who pays by which; none: the package's own")
