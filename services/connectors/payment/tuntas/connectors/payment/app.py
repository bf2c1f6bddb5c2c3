"""The payment connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.payment.actions import GOAL_TYPES, OBLIGING
from tuntas.connectors.payment.providers.bills import Bills
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.payment.providers.requests import Requests
from tuntas.connectors.payment.providers.transfers import Transfers
from tuntas.connectors.payment.settings import Settings
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed

_ANTAR = ProviderSpec(name="antar-dana", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2)
_KILAT = ProviderSpec(name="kilat-dana", honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=3)
_LOKET = ProviderSpec(name="loket", honours_keys=True, inquires=True, cancels_by_reference=False, settle_seconds=2)
_TAGIH = ProviderSpec(name="tagih", honours_keys=True, inquires=True, cancels_by_reference=True, settle_seconds=2)


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name; all are behind one system."""
    client = Client(resources.settings.base_url)
    found: list[Provider] = [
        Lontar(client),
        *(Transfers(spec, client) for spec in (_ANTAR, _KILAT)),
        Bills(_LOKET, client),
        Requests(_TAGIH, client),
    ]
    return {provider.spec.name: provider for provider in found}


connector = Connector("payment", GOAL_TYPES, providers, OBLIGING, Settings, signed)
service = connector.service()
