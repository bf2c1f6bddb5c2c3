"""The shopping connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.shopping.actions import GOAL_TYPES, OBLIGING
from tuntas.connectors.shopping.providers.baskets import Baskets
from tuntas.connectors.shopping.settings import Settings
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed

_CHAINS = (
    ProviderSpec(name="pasar-terang", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2),
    ProviderSpec(name="toko-laris", honours_keys=False, inquires=True, cancels_by_reference=False, settle_seconds=3),
)


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name; all are behind one system."""
    client = Client(resources.settings.base_url)
    found: list[Provider] = [Baskets(spec, client) for spec in _CHAINS]
    return {provider.spec.name: provider for provider in found}


connector = Connector("shopping", GOAL_TYPES, providers, OBLIGING, Settings, signed)
service = connector.service()
