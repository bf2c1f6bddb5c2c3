"""The planner on one screen."""

from tuntas.contracts.topics import INTENT_EVENTS, PLANNER_COMMANDS, PLANNER_REPLIES, REGISTRY
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.engines import engines_of
from tuntas.kit.registry import Registry
from tuntas.planner.core import core
from tuntas.planner.ranker import Ranker


def parts(resources: Resources) -> Parts:
    """Make the service's parts: what the connectors declare is followed, engines may rank what typed criteria accept."""
    registry = Registry()
    engines = engines_of(resources.platform, resources.metrics, resources.log)
    return Parts(
        core=core(registry, ranks=engines is not None),
        perform=Ranker(engines).perform,
        close=engines.close if engines else None,
        follows={REGISTRY: registry.apply},
    )


service = Service(name="planner", table="plans", topics=(INTENT_EVENTS, PLANNER_COMMANDS, PLANNER_REPLIES), parts=parts)
