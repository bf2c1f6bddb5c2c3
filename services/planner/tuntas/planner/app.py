"""The planner on one screen."""

from tuntas.contracts.topics import INTENT_EVENTS, PLANNER_COMMANDS, PLANNER_REPLIES, REGISTRY
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.registry import Registry
from tuntas.planner.core import core


def parts(_: Resources) -> Parts:
    """Make the service's parts: what the connectors declare is followed."""
    registry = Registry()
    return Parts(core=core(registry), follows={REGISTRY: registry.apply})


service = Service(name="planner", table="plans", topics=(INTENT_EVENTS, PLANNER_COMMANDS, PLANNER_REPLIES), parts=parts)
