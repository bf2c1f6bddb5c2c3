"""The intent service on one screen."""

from tuntas.contracts.topics import GATEWAY_EVENTS, INTENT_COMMANDS, REGISTRY
from tuntas.intent.core import core
from tuntas.intent.reader import Reader
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.engines import engines_of
from tuntas.kit.registry import Registry


def parts(resources: Resources) -> Parts:
    """Make the service's parts: what the connectors declare is followed, words are opened and read."""
    registry = Registry()
    engines = engines_of(resources.platform, resources.metrics, resources.log)
    return Parts(
        core=core(registry),
        perform=Reader(resources.vault, registry, engines).perform,
        close=engines.close if engines else None,
        follows={REGISTRY: registry.apply},
    )


service = Service(name="intent", table="conversations", topics=(GATEWAY_EVENTS, INTENT_COMMANDS), parts=parts)
