"""The engine inside: no network, no key, no price. It answers the scenarios it has a module for, and nothing else."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping

from tuntas.contracts.base import Document
from tuntas.contracts.engines import Tokens
from tuntas.engines.embedded import intent_parse, plan_rank, reply_write
from tuntas.engines.embedded.counting import count, count_said
from tuntas.engines.faults import EngineFault, Kind
from tuntas.engines.orders import Order, Piece

SCENARIOS: Mapping[str, Callable[[Document], Document]] = {
    "intent.parse": intent_parse.answer,
    "plan.rank": plan_rank.answer,
    "reply.write": reply_write.answer,
}
"""Scenario to the function that answers it; each is pure and raises EngineFault for a question it can't read."""


class EmbeddedEngine:
    """Answers typed questions with typed answers."""

    async def converse(self, model: str, order: Order, traceparent: str) -> AsyncGenerator[Piece, None]:
        """Yield the whole answer at once. Raises EngineFault `bad_request`: the question is no document of the scenario."""
        del traceparent
        if order.document is None:
            raise EngineFault(Kind.BAD_REQUEST, f"{model} answers one user message that is a JSON document")
        text = json.dumps(SCENARIOS[model](order.document), ensure_ascii=False)
        yield Piece(text, "stop", Tokens(input=count_said(order.said), output=count(text), estimated=True))
