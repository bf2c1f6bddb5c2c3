"""Telemetry that tells nobody: simulated services are many, and what they do is seen directly."""

from functools import cache
from typing import Any

from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing


class _Quiet(Log):
    def info(self, name: Any, **fields: Any) -> None:
        """Say nothing."""

    def warning(self, name: Any, **fields: Any) -> None:
        """Say nothing."""

    def error(self, name: Any, **fields: Any) -> None:
        """Say nothing."""


@cache
def log(service: str) -> Log:
    """Return a logger."""
    return _Quiet(service)


@cache
def metrics(service: str) -> Metrics:
    """Return a service's metrics, shared by all that are simulated."""
    return Metrics(service)


@cache
def tracing(service: str) -> Tracing:
    """Return spans that are not exported."""
    return Tracing(service, None, 0.0)
