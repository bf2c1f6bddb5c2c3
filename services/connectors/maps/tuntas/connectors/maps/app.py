"""The maps connector on one screen."""

from collections.abc import Mapping

from tuntas.connectors.maps.actions import GOAL_TYPES
from tuntas.connectors.maps.providers.atlas import Atlas
from tuntas.connectors.maps.settings import Settings
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed


def providers(resources: Resources) -> Mapping[str, Provider]:
    """Return the providers by name."""
    atlas = Atlas(Client(resources.settings.base_url))
    return {atlas.spec.name: atlas}


connector = Connector("maps", GOAL_TYPES, providers, frozenset(), Settings, signed)
service = connector.service()
