"""Asks the engines for an order of offers; an answer that is no order of them is none."""

from typing import Any

from tuntas.contracts.base import Document
from tuntas.kit.decision import Call
from tuntas.kit.engines import Engines, Forgone
from tuntas.kit.errors import NotSent
from tuntas.kit.messaging.fold import Event
from tuntas.planner.ranking import orders

SCENARIO = "plan.rank"
ANSWER_SECONDS = 1.8
"""Less than the call's own deadline, so that a late engine is told apart from a lost call."""


class Ranker:
    """Performs the calls of kind `rank`."""

    def __init__(self, engines: Engines | None) -> None:
        self._engines = engines

    async def perform(self, call: Call, event: Event) -> Document:
        """Return the engines' answer if it is an order of what was asked about. Raises Forgone."""
        if self._engines is None:
            raise NotSent("no_engines")
        try:
            found = await self._engines.ask(
                SCENARIO,
                call.body,
                seconds=ANSWER_SECONDS,
                tenant=event.tenant,
                task=event.task_id,
                traceparent=event.traceparent,
            )
            return _checked(found, call)
        except Forgone as error:
            self._engines.forgo(SCENARIO, error, event.task_id)
            raise


def _checked(found: Any, call: Call) -> Document:
    if orders(found, call.body) is None:
        raise Forgone("invalid", "no order of the offers")
    document: Document = found
    return document
