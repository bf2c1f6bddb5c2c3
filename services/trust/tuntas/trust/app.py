"""Trust on one screen."""

from functools import partial

from tuntas.contracts.topics import PLANNER_EVENTS, SAGA_EVENTS, TRUST_COMMANDS
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.signing import approve
from tuntas.trust.core import core
from tuntas.trust.policy import Policy
from tuntas.trust.settings import Settings
from tuntas.trust.store import Consents


def parts(resources: Resources) -> Parts:
    """Make the service's parts: approvals are signed with this service's key."""
    own: Settings = resources.settings
    sign = partial(approve, key_id=own.approval_key_id, private_hex=own.approval_private_key.get_secret_value())
    policy = Policy(approval_seconds=own.approval_seconds, forward_seconds=own.forward_seconds)
    return Parts(core=core(sign, policy), store=Consents())


service = Service(name="trust", table="consents", topics=(PLANNER_EVENTS, TRUST_COMMANDS, SAGA_EVENTS), parts=parts, settings=Settings)
