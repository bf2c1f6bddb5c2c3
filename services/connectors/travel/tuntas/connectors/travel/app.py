"""The travel connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.travel.actions import FLIGHT, HOTEL, OBLIGING
from tuntas.connectors.travel.providers.bookings import FLIGHTS, HOTELS, Bookings
from tuntas.connectors.travel.settings import Settings
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name, each with what its interface offers for resolving doubt."""
    client = Client(resources.settings.base_url)
    found = (
        Bookings(FLIGHTS, _spec("nusantara-air", keys=True, by_reference=True, settle=2), client),
        Bookings(FLIGHTS, _spec("meridian-wings", keys=True, by_reference=False, settle=3), client),
        Bookings(FLIGHTS, _spec("kite-regional", keys=False, by_reference=False, settle=3), client),
        Bookings(HOTELS, _spec("bale-stays", keys=True, by_reference=False, settle=3), client),
    )
    return {provider.spec.name: provider for provider in found}


def _spec(name: str, *, keys: bool, by_reference: bool, settle: float) -> ProviderSpec:
    return ProviderSpec(name=name, honours_keys=keys, inquires=True, cancels_by_reference=by_reference, settle_seconds=settle)


connector = Connector("travel", (FLIGHT, HOTEL), providers, OBLIGING, Settings, signed)
service = connector.service()
