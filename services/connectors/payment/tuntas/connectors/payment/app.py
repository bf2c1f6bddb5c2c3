"""The payment connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.payment.actions import CHARGE, OBLIGING
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.payment.settings import Settings
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name."""
    lontar = Lontar(Client(resources.settings.base_url))
    return {lontar.spec.name: lontar}


connector = Connector("payment", (CHARGE,), providers, OBLIGING, Settings, signed)
service = connector.service()
