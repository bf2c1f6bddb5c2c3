"""What a core decides with: events in; state, messages, timers and calls out. No I/O, no clock, no randomness."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from tuntas.contracts.base import Document, Frozen, Message
from tuntas.contracts.topics import Topic
from tuntas.kit.errors import InvalidMessage

S = TypeVar("S", bound=Frozen)


class Context(msgspec.Struct, frozen=True, gc=False):
    """What surrounds an event. `cause` is the id from which the ids of all outputs are derived; `now` is the database's clock.

    `told_at` is when a message's sender told it, the same at every delivery; a timer and an answer have none.
    """

    now: datetime
    task_id: UUID
    tenant: str
    cause: UUID
    expired: bool = False
    traceparent: str = ""
    told_at: datetime | None = None

    @property
    def trace_id(self) -> str:
        """Return the id of the trace that the event belongs to; empty if it is in none."""
        return self.traceparent[3:35]


class Send(msgspec.Struct, frozen=True, gc=False):
    """A message to publish after the commit, on its own topic or on the one named here; at least once, always with the same id."""

    message: Message
    topic: Topic | None = None
    expires_at: datetime | None = None
    reply_to: Topic | None = None
    tenant: str | None = None


class Wake(msgspec.Struct, frozen=True, gc=False):
    """Set the timer of this purpose, replacing an earlier one; no `at` cancels it."""

    purpose: str
    at: datetime | None = None


class Call(msgspec.Struct, frozen=True, gc=False):
    """Call somebody outside, from the durable work table. `party` has its own breaker and concurrency limit.

    The answer comes back as `Answered`; if the process dies before it is stored, as `Answered` with `lost`.
    """

    key: UUID
    number: int
    kind: str
    party: str
    body: Document
    deadline_seconds: float = 10.0


class Fired(msgspec.Struct, frozen=True, gc=False):
    """A timer is due."""

    purpose: str
    due_at: datetime


class Answered(msgspec.Struct, frozen=True):
    """A call is over: `result`, or the `code` of a failure. `lost` says that it may have acted; else a failure means that it never left.

    `valid` is the result as a value, if it comes from code that made one; else the result is only a document.
    """

    call: Call
    result: Document | None = None
    code: str | None = None
    reason: str = ""
    lost: bool = False
    valid: Any = None


Output = Send | Wake | Call


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """The state after an event (None: no row is kept) and what leaves with it, in order."""

    state: S | None
    out: tuple[Output, ...] = ()


Handler = Callable[[Any, Any, Context], Decision[Any]]


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True)
class Core(Generic[S]):
    """A service's decisions as a table: message type to handler, plus one handler for timers and one for answers.

    Handlers are pure functions `(state or None, event, context) -> Decision`. A message type without a handler changes nothing.
    `share(changed, other)` returns another task's state with what both have in common, such as a person's wallet, as the change left it.
    `begins` says whether a message most often is a task's first here: it is decided without looking for its row, which is safe because a
    row that is there after all refuses the write. `waits` are messages whose decision may come up to some seconds late: they wait for the
    next event of their task (`tuntas.kit.messaging.waiting`). `ends` are statuses after which hardly anything comes: such rows are not kept
    in memory.
    """

    state: type[S]
    on: Mapping[type[Message], Handler]
    fired: Handler | None = None
    answered: Handler | None = None
    share: Callable[[S, S], S] | None = None
    begins: Callable[[Any], bool] = _never
    waits: frozenset[type[Message]] = frozenset()
    ends: frozenset[str] = frozenset()

    def decide(self, state: S | None, event: Message | Fired | Answered, context: Context) -> Decision[S]:
        """Decide one event.

        Raises:
            InvalidMessage: the event can never be handled.
        """
        handler = self._handler(event)
        return handler(state, event, context) if handler else Decision(state)

    def handles(self, event: Message | Fired | Answered) -> bool:
        """Say whether this core has a handler for the event; what it has none for needs neither its row nor counting."""
        return self._handler(event) is not None

    def _handler(self, event: Message | Fired | Answered) -> Handler | None:
        if isinstance(event, Fired):
            return self.fired
        if isinstance(event, Answered):
            return self.answered
        return self.on.get(type(event))


def require(condition: object, code: str, reason: str = "") -> None:
    """Refuse a message as invalid unless the condition holds.

    Raises:
        InvalidMessage: it does not.
    """
    if not condition:
        raise InvalidMessage(code, reason)
