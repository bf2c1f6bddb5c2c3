"""The gateway on one screen."""

from functools import partial

from tuntas.contracts.topics import (
    EXECUTOR_REPLIES,
    GATEWAY_EVENTS,
    INTENT_EVENTS,
    INTENTS,
    PLANNER_EVENTS,
    REGISTRY,
    SAGA_EVENTS,
    SAGA_REPLIES,
    TRUST_EVENTS,
)
from tuntas.gateway.admission import Admission
from tuntas.gateway.auth import Doorkeeper, tokens_of
from tuntas.gateway.core import core
from tuntas.gateway.door import Door
from tuntas.gateway.gate import Gate
from tuntas.gateway.http import route
from tuntas.gateway.journal import Journal
from tuntas.gateway.pressure import Pressure
from tuntas.gateway.progress import Watch
from tuntas.gateway.repairs import Repairs
from tuntas.gateway.replying import Replies
from tuntas.gateway.sending import Sender
from tuntas.gateway.settings import Settings
from tuntas.gateway.store import Reader, TaskStore
from tuntas.gateway.tenants import Tenants
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.engines import engines_of
from tuntas.kit.operations import connected
from tuntas.kit.registry import Registry

INNER = (GATEWAY_EVENTS, INTENT_EVENTS, PLANNER_EVENTS, TRUST_EVENTS, EXECUTOR_REPLIES, SAGA_REPLIES, SAGA_EVENTS)
"""The topics that only the platform writes; `GATEWAY_EVENTS` tells ownership."""


def parts(resources: Resources) -> Parts:
    """Make the service's parts."""
    settings: Settings = resources.settings
    prefix = resources.kafka.topic_prefix
    tenants = Tenants(settings.tenants_file, resources.log)
    reader = Reader(resources.pool)
    watch = Watch(reader)
    door = Door(tenants, frozenset(prefix + topic.name for topic in INNER), prefix)
    doorkeeper = Doorkeeper(tenants, tokens_of(settings))
    registry = Registry()
    views = partial(connected, settings.operations_url.get_secret_value())
    engines = engines_of(resources.platform, resources.metrics, resources.log)
    journal = Journal(resources.pool, settings.audit_key_id, settings.audit_private_key)
    repairs = Repairs(resources.pool, journal)
    pressure = Pressure(resources.pool)
    own = (journal, repairs, settings.second_approver_above, pressure)
    gate = Gate(doorkeeper, reader, resources.vault, registry, watch, resources.tracing, resources.publish, views, Replies(engines), *own)
    return Parts(
        core=core(lambda tenant: tenants().events_topic(tenant)),
        store=TaskStore(repairs),
        read=door.read,
        prepare=Admission(reader, resources.vault, registry, resources.tracing).prepare,
        after=watch.committed,
        follows={REGISTRY: registry.apply},
        routes=[route(gate)],
        close=engines.close if engines else None,
        topics=[prefix + topic for topic in tenants().doors],
        loops=[Sender(repairs, resources.publish).step, pressure.step],
    )


service = Service(name="gateway", table="tasks", topics=(*INNER, INTENTS), parts=parts, settings=Settings)
