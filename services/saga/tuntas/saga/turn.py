"""One event being decided: the saga as it changes, and what leaves with it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tuntas.contracts.base import Message
from tuntas.contracts.topics import Topic
from tuntas.kit.decision import Context, Decision, Output, Send, Wake
from tuntas.saga.policy import Policy
from tuntas.saga.receipts import money_at_risk
from tuntas.saga.state import FORWARD, Effect, Saga, Stage, Status

_TIMERS = {Status.OPEN: ("backstop",), Status.REOPENED: ("backstop", "reopen"), Status.HALTING: ("halt",)}
_WAITS = {Status.OPEN: "execution", Status.REOPENED: "replan", Status.HALTING: "halt", Status.NEEDS_ATTENTION: "operator"}


class Turn:
    """Built for one event and thrown away; the only thing that changes while a decision is made."""

    def __init__(self, policy: Policy, saga: Saga, context: Context) -> None:
        self.policy, self.saga, self.context = policy, saga, context
        self._before = saga
        self._out: list[Output] = []

    def set(self, **changes: Any) -> None:
        """Change fields of the saga."""
        self.saga = self.saga.but(**changes)

    def put(self, *effects: Effect) -> None:
        """Replace or add effects."""
        self.set(effects={**self.saga.effects, **{e.key: e for e in effects}})

    def send(self, message: Message, topic: Topic | None = None, reply_to: Topic | None = None) -> None:
        """Publish a message with this decision."""
        self._out.append(Send(message, topic, reply_to=reply_to))

    def wake(self, purpose: str, seconds: float | None) -> None:
        """Set a timer so many seconds from now; none cancels it."""
        at = None if seconds is None else self.context.now + timedelta(seconds=seconds)
        self._out.append(Wake(purpose, at))

    def enter(self, status: Status) -> None:
        """Change the status; the timers of the one that is left are cancelled."""
        if status is self.saga.status:
            return
        for purpose in _TIMERS.get(self.saga.status, ()):
            self.wake(purpose, None)
        self.set(status=status, reason=None)

    def decision(self) -> Decision[Saga]:
        """Return the decision, with what the saga waits for and the money at risk up to date; if it changed, it is the next version."""
        waiting_for = _waiting_for(self.saga)
        since = self.saga.since if waiting_for == self.saga.waiting_for else self.context.now
        trace_id = self.saga.trace_id or self.context.trace_id
        self.set(at_risk=money_at_risk(self.saga), waiting_for=waiting_for, since=since or self.context.now, trace_id=trace_id)
        if self.saga != self._before:
            self.set(version=self._before.version + 1)
        return Decision(self.saga, tuple(self._out))


def _waiting_for(saga: Saga) -> str:
    if saga.status is Status.COMPENSATING:
        return _undo_waited_for(list(saga.within(Stage.UNDOING)))
    if saga.status in FORWARD and saga.over:
        return "declarations"
    return _WAITS.get(saga.status, "")


def _undo_waited_for(undoing: Sequence[Effect]) -> str:
    sent = next((e for e in undoing if e.sends), undoing[0])
    return f"undo:{sent.declaration.step_id}"
