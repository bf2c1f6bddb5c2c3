"""The executor on one screen."""

from tuntas.contracts.topics import EXECUTOR_COMMANDS, EXECUTOR_REPLIES, PLANNER_EVENTS, TRUST_EVENTS
from tuntas.executor.core import core
from tuntas.executor.policy import Policy
from tuntas.executor.settings import Settings
from tuntas.kit.app import Parts, Resources, Service


def parts(resources: Resources) -> Parts:
    """Make the service's parts."""
    settings: Settings = resources.settings
    return Parts(core=core(Policy(margin_seconds=settings.margin_seconds)))


service = Service(
    name="executor",
    table="executions",
    topics=(TRUST_EVENTS, EXECUTOR_COMMANDS, EXECUTOR_REPLIES, PLANNER_EVENTS),
    parts=parts,
    settings=Settings,
)
