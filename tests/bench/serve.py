"""`python -m tests.bench.serve PORT SERVICE...`: these services in one process."""

import logging
import os
import sys
from importlib import import_module
from pathlib import Path

import uvloop
from tests.bench.sampler import FILE, Sampler

from tuntas.kit.app import Service
from tuntas.kit.process import serve
from tuntas.kit.telemetry.log import configure

PACKAGES = {name: f"tuntas.{name}" for name in ("gateway", "intent", "planner", "trust", "executor", "saga")}
"""Service name to package; the bench's own connector is not among them."""


CONNECTOR_MODULE = "TUNTAS_BENCH_CONNECTOR"
"""The environment variable that names the module whose `service` makes the connector; the bench's own by default."""


def declared(name: str) -> Service:
    """Return a service's declaration."""
    if name not in PACKAGES:
        connector: Service = import_module(os.environ.get(CONNECTOR_MODULE, "tests.bench.trip")).service()
        return connector
    found: Service = import_module(f"{PACKAGES[name]}.app").service
    return found


if __name__ == "__main__":
    configure(logging.WARNING)
    if profile := os.environ.get(FILE):
        Sampler(Path(profile))
    sys.exit(uvloop.run(serve([declared(name) for name in sys.argv[2:]], "127.0.0.1", int(sys.argv[1]))))
