"""What undoing would cost, asked without undoing: the effect's row stays as it is, whatever the answer (protocol 3, effect table)."""

from typing import Any

from tuntas.contracts.connectors import UndoQuoted, UndoQuoteRequested
from tuntas.contracts.ids import call_id, derive
from tuntas.contracts.plan import Phase
from tuntas.kit.connector import asking
from tuntas.kit.connector.effects import LIVE, OPEN, Effect, Effects
from tuntas.kit.connector.provider import Specs, UndoQuote, said
from tuntas.kit.decision import Answered, Call, Context, Decision, Send

KIND = "rehearse"


def rehearse(specs: Specs, state: Effects | None, message: UndoQuoteRequested, context: Context) -> Decision[Effects]:
    """Ask the provider for a quote if undoing would ask for one, else say why not."""
    effect = state.effects.get(message.key) if state else None
    code = _unasked(specs, state, effect)
    if state is None or effect is None or code:
        told = UndoQuoted(drill_id=message.drill_id, step_id=message.step_id, key=message.key, asked=False, code=code)
        return Decision(state, (Send(told),))
    _, quote = asking.call(state, effect, "undo_quote", context)
    own = derive(KIND, message.drill_id, message.key)
    body = quote.body | {"idempotency_key": str(call_id(own, 1)), "quote_id": None, "asked": message.document()}
    return Decision(state, (Call(own, 1, KIND, quote.party, body, quote.deadline_seconds),))


def _unasked(specs: Specs, state: Effects | None, effect: Effect | None) -> str | None:
    """Return why a provider is not asked about an effect; none if it is."""
    if state is None or effect is None or effect.state not in LIVE:
        return "no_effect"
    if any(consumer.state in LIVE for consumer in state.consumers(effect)):
        return "consumed"
    if effect.state in OPEN:
        return "open"
    return "free" if specs.actions[effect.action].phase in {Phase.HOLD, Phase.AUTHORIZE} else None


def answered(state: Effects, event: Answered) -> Decision[Effects]:
    """Pass on what the provider said, or that it said nothing; a question that was lost is not asked again."""
    asked: Any = event.call.body["asked"]
    request = UndoQuoteRequested.model_validate(asked)
    about: Any = {"drill_id": request.drill_id, "step_id": request.step_id, "key": request.key}
    if event.result is None:
        return Decision(state, (Send(UndoQuoted(**about, asked=False, code=event.code or "no_answer")),))
    quote = said(event, UndoQuote)
    facts = quote.model_dump(include={"allowed", "fee", "refund", "code"})
    return Decision(state, (Send(UndoQuoted.model_validate(about | facts | {"asked": True})),))
