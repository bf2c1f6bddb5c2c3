"""The saga coordinator on one screen."""

from tuntas.contracts.topics import EXECUTOR_EVENTS, SAGA_COMMANDS, SAGA_REPLIES, Topic, connector_commands, connector_events
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.settings import PlatformSettings
from tuntas.saga.core import core


def topics(platform: PlatformSettings) -> tuple[Topic, ...]:
    """Return what the coordinator reads: its own topics, and every connector's commands (declarations) and events (observations)."""
    connectors = [make(name) for name in platform.connectors for make in (connector_commands, connector_events)]
    return (EXECUTOR_EVENTS, SAGA_COMMANDS, SAGA_REPLIES, *connectors)


def parts(_: Resources) -> Parts:
    """Make the service's parts."""
    return Parts(core=core())


service = Service(name="saga", table="sagas", topics=topics, parts=parts)
