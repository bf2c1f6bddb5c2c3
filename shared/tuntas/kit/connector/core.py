"""The connector's decisions (protocol 3, effect table), purely; the provider is called by the shell.

A duplicate answers the first answer again, an undo without its action leaves a tombstone, an action after its undo is refused, doubt is
resolved and never guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import (
    Answer,
    Outcome,
    ProviderNotified,
    QuoteReplied,
    QuoteRequested,
    StepReplied,
    StepStarted,
    StepUndo,
    UndoQuoteRequested,
)
from tuntas.contracts.plan import Approval, Offer
from tuntas.kit.connector import asking, rehearsing, undoing
from tuntas.kit.connector.approvals import authorized
from tuntas.kit.connector.effects import LIVE, Effect, Effects, State
from tuntas.kit.connector.local import Local, locally
from tuntas.kit.connector.malformed import StepMalformed
from tuntas.kit.connector.provider import Specs
from tuntas.kit.decision import Answered, Call, Context, Core, Decision, Fired, Handler, Output, Send
from tuntas.kit.errors import Rejected

QUOTE_SECONDS = 8.0


@dataclass(frozen=True)
class Rules:
    """What the decisions depend on: the connector's specs, how an approval is verified and read, and the providers inside the connector."""

    specs: Specs
    open_approval: Callable[[Approval], Any]
    local: Mapping[str, Local] = field(default_factory=dict)


def core(rules: Rules) -> Core[Effects]:
    """Return the core of a connector with these rules."""
    shell = _Connector(rules)
    handlers: dict[type[Message], Handler] = {
        QuoteRequested: shell.on_quote_requested,
        StepStarted: shell.on_step_started,
        StepMalformed: shell.on_step_malformed,
        StepUndo: shell.on_step_undo,
        UndoQuoteRequested: shell.on_undo_quote_requested,
        ProviderNotified: shell.on_provider_notified,
    }
    on = {kind: locally(handler, shell.on_answered, rules.local) for kind, handler in handlers.items()}
    fired = locally(shell.on_fired, shell.on_answered, rules.local)
    return Core(Effects, on, fired=fired, answered=shell.on_answered, begins=_begins)


def _begins(event: Any) -> bool:
    return isinstance(event, QuoteRequested) or (isinstance(event, StepStarted) and event.first)


class _Connector:
    """Handlers bound to a connector's rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.specs = rules, rules.specs

    def on_quote_requested(self, state: Effects | None, message: QuoteRequested, _: Context) -> Decision[Effects]:
        """Ask the providers what they offer; a read, so a lost answer is simply asked again."""
        call = Call(message.quote_id, 1, "quote", self.specs.connector, message.document(), QUOTE_SECONDS)
        return Decision(state or Effects(), (call,))

    def on_step_started(self, state: Effects | None, message: StepStarted, context: Context) -> Decision[Effects]:
        """Act once for a key; repeat the latest answer to a repeat."""
        state = state or Effects()
        known = state.effects.get(message.declaration.key)
        if known is None:
            return self._begin(state, message, context)
        if known.digest and known.digest != message.declaration.body_digest:
            return Decision(state, (Send(_refusal(message, "key_reused")),))
        if not known.digest:
            return _met_tombstone(state, message, known, context)
        if known.state is State.IN_DOUBT and known.out is None:
            return asking.inquire(state, known, context)
        if known.state in {State.UNSENT, State.CALLING}:
            return Decision(state)
        return Decision(state, (Send(known.replied()),))

    def on_step_malformed(self, state: Effects | None, message: StepMalformed, _: Context) -> Decision[Effects]:
        """Refuse a command that can't be read, and keep the refusal as its key's row."""
        state = state or Effects()
        known = state.effects.get(message.key)
        if known is not None:
            return Decision(state)
        refused = Effect(
            key=message.key,
            step_id=message.step_id,
            attempt=message.attempt,
            state=State.REFUSED,
            seq=1,
            code="invalid",
            reason=message.reason,
        )
        return Decision(state.put(refused), (Send(refused.replied()),))

    def _begin(self, state: Effects, message: StepStarted, context: Context) -> Decision[Effects]:
        effect = _declared(message, context)
        try:
            revision = self._permitted(state, message, effect, context)
        except Rejected as error:
            refused = effect.model_copy(update={"state": State.REFUSED, "seq": 1, "code": error.code, "reason": error.reason})
            return Decision(state.put(refused), (Send(refused.replied()),))
        return asking.act(self.specs, state.model_copy(update={"revision": revision}), effect, context)

    def _permitted(self, state: Effects, message: StepStarted, effect: Effect, context: Context) -> int:
        spec = self.specs.actions.get(effect.action)
        if spec is None or effect.provider not in self.specs.providers:
            raise Rejected("invalid", f"{effect.provider} does not offer {effect.action}")
        if context.expired or context.now > message.declaration.forward_by:
            raise Rejected("expired")
        parent = state.effects.get(effect.acts_on) if effect.acts_on else None
        if effect.acts_on and (parent is None or parent.state is not State.DONE):
            raise Rejected("no_object", "what it acts on is not held")
        if effect.action not in self.specs.obliging:
            return max(state.revision, message.declaration.revision)
        return authorized(self.rules.open_approval, self.specs, state, message, effect, context)

    def on_step_undo(self, state: Effects | None, message: StepUndo, context: Context) -> Decision[Effects]:
        """Undo by key, whatever became of the action; without one, leave a tombstone."""
        return undoing.undo(self.specs, state or Effects(), message, context)

    def on_undo_quote_requested(self, state: Effects | None, message: UndoQuoteRequested, context: Context) -> Decision[Effects]:
        """Say what undoing would cost now; nothing is undone."""
        return rehearsing.rehearse(self.specs, state, message, context)

    def on_provider_notified(self, state: Effects | None, message: ProviderNotified, context: Context) -> Decision[Effects]:
        """A webhook is a hint: ask before believing it (protocol R20). It names the object's first effect, and may be about a later one."""
        effect = state.effects.get(message.key) if state else None
        if state is None or effect is None or not effect.provider:
            return Decision(state)
        out: list[Output] = []
        for each in state.about(effect):
            decision = self._look(state, each, context)
            state = decision.state or state
            out += decision.out
        return Decision(state, tuple(out))

    def _look(self, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
        if effect.out:
            return Decision(state.put(effect.model_copy(update={"recheck": True})))
        return asking.inquire(state, effect, context)

    def on_fired(self, state: Effects | None, event: Fired, context: Context) -> Decision[Effects]:
        """A wake-up of an effect: send what did not leave, ask about what is in doubt, look once more at what was undone."""
        purpose, _, key = event.purpose.partition(":")
        effect = state.effects.get(UUID(key)) if state else None
        if state is None or effect is None or effect.out:
            return Decision(state)
        if purpose == "undo":
            return undoing.again(self.specs, state, effect, context)
        if effect.state is State.UNSENT:
            return asking.act(self.specs, state, effect, context)
        return asking.inquire(state, effect, context)

    def on_answered(self, state: Effects | None, event: Answered, context: Context) -> Decision[Effects]:
        """An answer from a provider, or none."""
        if event.call.kind == "quote":
            return _quoted(state or Effects(), event, self.specs.connector, context)
        if event.call.kind == rehearsing.KIND:
            return rehearsing.answered(state or Effects(), event)
        effect = state.effects.get(event.call.key) if state else None
        if state is None or effect is None:
            return Decision(state)
        effect = effect.model_copy(update={"out": None})
        answered = undoing.answered if event.call.kind in {"undo", "undo_quote"} else asking.answered
        return self._afterwards(answered(self.specs, state, effect, event, context), effect, context)

    def _afterwards(self, decision: Decision[Effects], before: Effect, context: Context) -> Decision[Effects]:
        """Look again if a hint came while a call was out, and go on with what waited for this effect's end."""
        state = decision.state or Effects()
        effect = state.effects[before.key]
        if effect.recheck and not effect.out:
            looked = asking.inquire(state, effect, context)
            return Decision(looked.state, (*decision.out, *looked.out))
        parent = state.effects.get(effect.acts_on) if effect.acts_on else None
        if parent is None or parent.out or parent.unwanted or effect.state in LIVE:
            return decision
        onward = undoing.again(self.specs, state, parent, context)
        return Decision(onward.state, (*decision.out, *onward.out))


def _met_tombstone(state: Effects, message: StepStarted, tomb: Effect, context: Context) -> Decision[Effects]:
    """The undo came first: the action is refused, and its row now knows what it would have been."""
    kept = {"state": tomb.state, "undo": tomb.undo, "code": tomb.code, "seq": tomb.seq + 1}
    refused = _declared(message, context).model_copy(update=kept)
    return Decision(state.put(refused), (Send(refused.replied()),))


def _declared(message: StepStarted, context: Context) -> Effect:
    d = message.declaration
    return Effect(
        key=d.key,
        step_id=d.step_id,
        attempt=d.attempt,
        state=State.CALLING,
        provider=d.provider,
        action=d.action,
        digest=d.body_digest,
        input=message.input,
        amount=message.amount,
        travellers=message.travellers,
        acts_on=message.acts_on,
        forward_by=d.forward_by,
        traceparent=context.traceparent,
        partly=d.undo.partly,
    )


def _refusal(message: StepStarted, code: str) -> StepReplied:
    """Refuse a command without touching its key's row; number 0, so that nobody takes it for what became of the attempt."""
    d = message.declaration
    return StepReplied(step_id=d.step_id, attempt=d.attempt, key=d.key, seq=0, outcome=Outcome.REFUSED, code=code)


def _quoted(state: Effects, event: Answered, connector: str, context: Context) -> Decision[Effects]:
    request = QuoteRequested.model_validate(event.call.body)
    if event.result is None:
        if event.lost and event.call.number < 3:  # noqa: PLR2004
            again = Call(event.call.key, event.call.number + 1, "quote", event.call.party, event.call.body, QUOTE_SECONDS)
            return Decision(state, (again,))
        return Decision(state, (Send(QuoteReplied(quote_id=request.quote_id, connector=connector, code=event.code or "no_answer")),))
    offers: Any = event.result.get("offers") or []
    found = tuple(Offer.model_validate(o) for o in offers)
    found = tuple(o for o in found if o.expires_at > context.now + timedelta(seconds=1))
    answer = Answer.model_validate(event.result["answer"]) if event.result.get("answer") else None
    code = None if found or answer else str(event.result.get("code") or "no_offer")
    return Decision(state, (Send(QuoteReplied(quote_id=request.quote_id, connector=connector, offers=found, answer=answer, code=code)),))
