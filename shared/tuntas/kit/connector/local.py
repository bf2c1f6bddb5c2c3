"""Effects that are this connector's own rows: no call leaves, so action and answer are one transaction (protocol 3, effect table)."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tuntas.contracts.base import Document
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote, Wish
from tuntas.kit.connector.rehearsing import KIND
from tuntas.kit.decision import Answered, Call, Context, Decision, Handler, Output
from tuntas.kit.forms import View

_FOUND: Document = {"found": True}


class Local(ABC):
    """A provider inside the connector. `act` and `undo` are pure: what they answer is kept in the effect's row, and that is the effect."""

    spec: ProviderSpec

    @abstractmethod
    async def quote(self, wish: Wish) -> list[Offer]:
        """Return offers for a goal; an empty list if there are none."""

    @abstractmethod
    def act(self, request: Request) -> ActionAnswer:
        """Return what the action came to; the same for the same request."""

    @abstractmethod
    def undo(self, request: Request) -> UndoAnswer:
        """Return what undoing came to."""

    def undo_quote(self, _: Request) -> UndoQuote:
        """Return what undoing would cost: nothing, unless a provider says otherwise."""
        return UndoQuote()

    async def close(self) -> None:  # noqa: B027 - a provider without connections has nothing to do here
        """Let go of connections; there are none."""

    def answer(self, call: Call) -> View:
        """Return the answer to one call of the effects core. An inquiry is answered like the action: there was no other try."""
        quote = self.undo_quote
        method: Callable[[Request], View] = {"undo": self.undo, "undo_quote": quote, KIND: quote}.get(call.kind, self.act)
        return method(Request.model_validate(call.body))


def locally(handler: Handler, answered: Handler, providers: Mapping[str, Local]) -> Handler:
    """Return a handler that answers the calls to local providers at once, in the same decision; a quote is asked of the connector."""

    def handle(state: Any, event: Any, context: Context) -> Decision[Any]:
        decision = handler(state, event, context)
        state, todo, out = decision.state, deque(decision.out), list[Output]()
        while todo:
            output = todo.popleft()
            if isinstance(output, Call) and output.kind != "quote" and output.party in providers:
                more = answered(state, Answered(output, result=_FOUND, valid=providers[output.party].answer(output)), context)
                state = more.state
                todo.extendleft(reversed(more.out))
            else:
                out.append(output)
        return Decision(state, tuple(out))

    return handle
