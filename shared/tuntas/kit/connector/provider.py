"""What a connector's author writes: a provider that quotes, acts, is asked, quotes an undo and undoes. The kit guarantees the rest."""

from typing import Literal, Protocol, TypeVar
from uuid import UUID

from msgspec import field
from pydantic import Field

from tuntas.contracts.base import Code, Contract, Document, Text
from tuntas.contracts.connectors import Clocks, Outcome, UserAction
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer, Timing, Window
from tuntas.contracts.registry import ActionSpec, ProviderSpec
from tuntas.kit.decision import Answered
from tuntas.kit.forms import View


class Wish(Contract):
    """A goal to quote for. Its personal parameters and `travellers` are opened; they are never stored.

    `timing` says when and where another goal has to be met, `tz` in which time zone the person speaks of times.
    """

    task_id: UUID
    goal: Goal
    travellers: tuple[str, ...] = ()
    instrument: str = ""
    lang: str = "en"
    tz: str = "UTC"
    timing: Timing | None = None
    traceparent: str = ""


class Request(Contract):
    """One call about one effect. `reference` is ours (`<task>:<key>`), `object_reference` the provider's for the object acted on.

    `idempotency_key` is the same for every repeat of the same intention, and another one for each undo. `travellers` are told for an
    action only. `part` is how much money an undo gives back, if that is not all that was moved.
    """

    task_id: UUID
    key: UUID
    action: str
    idempotency_key: UUID
    reference: str
    input: Document = field(default_factory=dict)
    amount: Money | None = None
    object_reference: str | None = None
    own_reference: str | None = None
    travellers: tuple[str, ...] = ()
    callback_url: str | None = None
    quote_id: str | None = None
    part: Money | None = None
    traceparent: str = ""


class ActionAnswer(View):
    """What the provider says an action came to; `undone` when it says that the effect is gone.

    `window` is when it takes place as of now; another one than before means that the provider moved it.
    """

    outcome: Outcome
    code: Code | None = None
    reason: Text = ""
    reference: str | None = None
    amount: Money | None = None
    clocks: Clocks = Clocks()
    evidence: Document = Field(default_factory=dict)
    action: UserAction | None = None
    refund: Money | None = None
    window: Window | None = None


class UndoQuote(View):
    """What undoing would cost now. Not allowed: the provider will not undo it at any price."""

    allowed: bool = True
    fee: Money | None = None
    refund: Money | None = None
    quote_id: str | None = None
    code: Code | None = None


class UndoAnswer(View):
    """What an undo came to. `gone` says that the provider no longer knows the object or holds it expired."""

    outcome: Literal[Outcome.UNDONE, Outcome.REFUSED, Outcome.PENDING]
    code: Code | None = None
    fee: Money | None = None
    refund: Money | None = None
    reference: str | None = None
    gone: bool = False
    evidence: Document = Field(default_factory=dict)


V = TypeVar("V", bound=View)


def said(event: Answered, kind: type[V]) -> V:
    """Return what a provider answered; one inside the connector answers with the value itself."""
    return event.valid if isinstance(event.valid, kind) else kind.model_validate(event.result)


class Provider(Protocol):
    """One provider behind a connector.

    Every method may raise NotSent (nothing left the process) or InDoubt (it may have acted); a refusal is an answer, not an error.
    """

    spec: ProviderSpec

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return its own offers for a goal; an empty list if there are none."""
        ...

    async def act(self, request: Request) -> ActionAnswer:
        """Do the action. Called again with the same key only if the provider honours keys or was asked and settled."""
        ...

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Return what became of the action by our reference; None if the provider knows nothing of it, which proves nothing."""
        ...

    async def undo_quote(self, request: Request) -> UndoQuote:
        """Return what undoing would cost now."""
        ...

    async def undo(self, request: Request) -> UndoAnswer:
        """Undo the effect; without `own_reference`, cancel by our reference so that later arrivals are bound, if the provider can.

        With `part`, give back only so much of the money; asked for only of what was offered with `partly`, by a provider that honours keys:
        what became of a key is told each time, be it a refusal, and a request of it that arrives later changes nothing.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; called when the service stops, once for each provider that may share them."""
        ...


class Specs(Contract):
    """What the effects core must know of a connector: its actions and its providers, by name."""

    connector: str
    actions: dict[str, ActionSpec]
    providers: dict[str, ProviderSpec]
    obliging: frozenset[str] = frozenset()
