"""Prometheus metrics by their declared names, one registry per service."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tuntas.kit.telemetry.names import METRICS, MetricName

_KINDS: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


class Metrics:
    """A service's metrics. Every sample carries the label `service`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._service = service
        self._made = {name: _KINDS[m.kind](name, m.help, ("service", *m.labels), registry=self.registry) for name, m in METRICS.items()}

    def of(self, name: MetricName, **labels: str) -> Any:
        """Return the counter, gauge or histogram of this name with these labels."""
        return self._made[name].labels(service=self._service, **labels)

    def clear(self, name: MetricName) -> None:
        """Forget all labelled values of a gauge before it is set anew."""
        self._made[name].clear()
