"""All services of the platform, the only place that names them all: in one process, or one each."""

import logging
import sys
from importlib import import_module

import uvloop

from tuntas.contracts.topics import CONNECTORS
from tuntas.kit.app import Service
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.process import serve
from tuntas.kit.telemetry.log import configure

PACKAGES = {
    "engines": "tuntas.engines",
    "gateway": "tuntas.gateway",
    "intent": "tuntas.intent",
    "planner": "tuntas.planner",
    "trust": "tuntas.trust",
    "executor": "tuntas.executor",
    "saga": "tuntas.saga",
    "billing": "tuntas.billing",
    **{f"connectors-{name}": f"tuntas.connectors.{name}" for name in CONNECTORS},
}
"""Service name to package. The engines come first: in one process their paths lie beside the gateway's, which takes all that is left."""

FOREIGN = "tuntas.connectors.http"
"""The package of a connector that a manifest makes."""


def declared(name: str) -> Service:
    """Return a service's declaration."""
    found: Service = import_module(f"{PACKAGES[name]}.app").service
    return found


async def _serve_all(port: int) -> int:
    return await serve([declared(name) for name in PACKAGES], "127.0.0.1", port)


def main(port: int) -> None:
    """Run all services in this process until SIGTERM."""
    configure(logging.INFO)
    try:
        sys.exit(uvloop.run(_serve_all(port)))
    except ConfigurationError as error:
        sys.stderr.write(f"{error.code}: {error.reason}\n")
        sys.exit(2)


if __name__ == "__main__":
    main(int(sys.argv[1]))
