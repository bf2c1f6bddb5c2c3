"""A connector made by a manifest, on one screen."""

from collections.abc import Mapping

from tuntas.connectors.http.manifest import Manifest
from tuntas.connectors.http.provider import Api
from tuntas.connectors.http.settings import Settings
from tuntas.kit.app import Resources
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Provider
from tuntas.kit.connector.service import Connector
from tuntas.kit.connector.webhooks import signed


def connector(manifest: Manifest) -> Connector:
    """Return the connector that a manifest describes."""

    def providers(_: Resources) -> Mapping[str, Provider]:
        return {manifest.provider.name: Api(manifest, Client(manifest.base_url, manifest.headers))}

    goal_types = tuple(goal.goal_type() for goal in manifest.goal_types)
    return Connector(manifest.connector, goal_types, providers, manifest.obliging, Settings, signed)
