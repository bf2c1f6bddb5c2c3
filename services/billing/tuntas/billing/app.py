"""Billing on one screen."""

from tuntas.billing.book import load
from tuntas.billing.core import core
from tuntas.billing.settings import Settings
from tuntas.billing.store import Subjects
from tuntas.contracts.topics import ENGINES_EVENTS, PLANNER_EVENTS, SAGA_EVENTS
from tuntas.kit.app import Parts, Resources, Service


def parts(resources: Resources) -> Parts:
    """Make the service's parts: months and prices are those of the plans file."""
    settings: Settings = resources.settings
    book = load(settings.plans_file)
    return Parts(core=core(book), store=Subjects(book, resources.metrics))


service = Service(name="billing", table="subjects", topics=(SAGA_EVENTS, PLANNER_EVENTS, ENGINES_EVENTS), parts=parts, settings=Settings)
