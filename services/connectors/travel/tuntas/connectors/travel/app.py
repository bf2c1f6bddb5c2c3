"""The travel connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.travel.actions import FLIGHT, HOTEL, OBLIGING
from tuntas.connectors.travel.providers.bookings import FLIGHTS, HOTELS, Seller
from tuntas.connectors.travel.providers.searching import Searches
from tuntas.connectors.travel.settings import Settings
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed

_AIRLINES = (
    ProviderSpec(name="nusantara-air", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2),
    ProviderSpec(name="meridian-wings", honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=3),
    ProviderSpec(name="kite-regional", honours_keys=False, inquires=True, cancels_by_reference=False, settle_seconds=3),
)
_HOTELS = ProviderSpec(name="bale-stays", honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=3)


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name, each with what its interface offers for resolving doubt; all are behind one system."""
    client = Client(resources.settings.base_url)
    searches = Searches(client)
    flights = [Seller(FLIGHTS, spec, client, searches) for spec in _AIRLINES]
    found: list[Provider] = [*flights, Seller(HOTELS, _HOTELS, client, searches)]
    return {provider.spec.name: provider for provider in found}


connector = Connector("travel", (FLIGHT, HOTEL), providers, OBLIGING, Settings, signed)
service = connector.service()
