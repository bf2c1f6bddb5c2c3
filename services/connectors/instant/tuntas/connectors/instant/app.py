"""The instant connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.instant.actions import GOAL_TYPES, OBLIGING
from tuntas.connectors.instant.providers.meals import Meals
from tuntas.connectors.instant.providers.rides import Rides
from tuntas.connectors.instant.providers.tables import Tables
from tuntas.connectors.instant.settings import Settings
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed

_MEALS = (
    ProviderSpec(name="larik-kilat", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2),
    ProviderSpec(name="sate-dash", honours_keys=False, inquires=True, cancels_by_reference=False, settle_seconds=3),
)
_RIDES = (
    ProviderSpec(name="gesit-ride", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2),
    ProviderSpec(name="oto-cab", honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=3),
)
_MEJA = ProviderSpec(name="meja", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2)


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name; all are behind one system."""
    client = Client(resources.settings.base_url)
    found: list[Provider] = [*(Meals(spec, client) for spec in _MEALS), *(Rides(spec, client) for spec in _RIDES), Tables(_MEJA, client)]
    return {provider.spec.name: provider for provider in found}


connector = Connector("instant", GOAL_TYPES, providers, OBLIGING, Settings, signed)
service = connector.service()
