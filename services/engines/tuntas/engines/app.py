"""The engines on one screen."""

import os
from collections.abc import Mapping

from tuntas.contracts.topics import SAGA_EVENTS
from tuntas.engines import upstream
from tuntas.engines.answering import Backends
from tuntas.engines.catalogue import EMBEDDED, Catalogue, read_catalogue, read_policies
from tuntas.engines.core import core
from tuntas.engines.desk import Desk
from tuntas.engines.embedded import EmbeddedEngine
from tuntas.engines.http import Door, routes
from tuntas.engines.keys import Keys
from tuntas.engines.ledger import Ledger
from tuntas.engines.orders import Engine
from tuntas.engines.settings import Settings
from tuntas.engines.upstream import Upstream
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.errors import ConfigurationError


def parts(resources: Resources) -> Parts:
    """Make the service's parts."""
    settings: Settings = resources.settings
    catalogue = read_catalogue(settings.providers_file)
    policies = read_policies(catalogue, settings.scenarios_file)
    servers = _servers(catalogue, os.environ)
    engines: dict[str, Engine] = {EMBEDDED: EmbeddedEngine(), **servers}
    backends = Backends(engines, catalogue, Ledger(resources.pool), resources.metrics, resources.tracing)
    desk = Desk(backends, policies, frozenset(servers), tuple(server.client.aclose for server in servers.values()))
    keys = Keys(settings.key.get_secret_value(), settings.tenant_keys)
    return Parts(core=core(), routes=routes(Door(desk, keys, resources.tracing)), close=desk.close)


def _servers(catalogue: Catalogue, environment: Mapping[str, str]) -> dict[str, Upstream]:
    """Return the providers that can be asked: those whose key is there, and those that need none.

    Raises:
        ConfigurationError: `bad_key`.
    """
    found = {}
    for name, provider in catalogue.providers.items():
        key = environment.get(provider.key_variable, "").strip() if provider.key_variable else ""
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError("bad_key", f"{provider.key_variable}: not a key")
        if key or not provider.key_variable:
            found[name] = Upstream(upstream.client(provider.base_url, key), catalogue.rules_of(name), provider.renames)
    return found


service = Service(name="engines", table="episodes", topics=(SAGA_EVENTS,), parts=parts, settings=Settings)
