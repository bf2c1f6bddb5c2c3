"""The intent service on one screen."""

from tuntas.contracts.topics import GATEWAY_EVENTS, INTENT_COMMANDS, REGISTRY
from tuntas.intent.core import core
from tuntas.intent.reader import Reader
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.registry import Registry


def parts(resources: Resources) -> Parts:
    """Make the service's parts: what the connectors declare is followed, words are opened and read."""
    registry = Registry()
    return Parts(core=core(registry), perform=Reader(resources.vault, registry).perform, follows={REGISTRY: registry.apply})


service = Service(name="intent", table="conversations", topics=(GATEWAY_EVENTS, INTENT_COMMANDS), parts=parts)
