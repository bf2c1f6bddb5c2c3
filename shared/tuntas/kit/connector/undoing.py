"""Backward calls about an effect: quote the undo, undo, and what their answers mean. Undone is said only with evidence (protocol P7)."""

from datetime import timedelta
from typing import Any

from tuntas.contracts.connectors import Outcome, StepUndo
from tuntas.contracts.money import Money, plus
from tuntas.contracts.plan import Phase
from tuntas.kit.connector import asking
from tuntas.kit.connector.effects import LIVE, OPEN, Effect, Effects, State, Undo
from tuntas.kit.connector.provider import ActionAnswer, Specs, UndoAnswer, UndoQuote, said
from tuntas.kit.decision import Answered, Context, Decision, Output, Send, Wake

WATCH_SETTLES = 10
SLOWEST_SECONDS = 60.0
CONSUMED_SECONDS = 5.0


def undo(specs: Specs, state: Effects, message: StepUndo, context: Context) -> Decision[Effects]:
    """Take an undo command."""
    known = state.effects.get(message.key)
    if known is None:
        blank = Effect(key=message.key, step_id=message.step_id, attempt=0, state=State.TOMBSTONE)
        return nothing(state, blank.wanted(message))
    if known.undo and message.number < known.undo.number:
        return Decision(state)
    if known.undo and _repeats(message, known.undo):
        return _again_or_answer(state, known, context)
    return _want(specs, state, known.wanted(message), context)


def _repeats(message: StepUndo, undo_: Undo) -> bool:
    terms = message.accepted_quote in {None, undo_.accepted_quote} and message.fee_limit == undo_.fee_limit
    return message.number == undo_.number and terms and message.part == undo_.part


def _again_or_answer(state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """A repeat is an inquiry: tell the latest, and ask the provider if that is not the last word."""
    if effect.state in OPEN | {State.UNDOING} and effect.out is None:
        asked = asking.inquire(state, effect, context)
        return Decision(asked.state, (Send(effect.undone()), *asked.out))
    return Decision(state, (Send(effect.undone()),))


def _want(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    if effect.state is State.REFUSED or effect.state in {State.UNDONE, State.TOMBSTONE}:
        return nothing(state, effect, keep=effect.state is not State.REFUSED)
    if effect.state is State.UNSENT and effect.out is None:
        return nothing(state, effect)
    if effect.state is State.NEEDS_USER and effect.out is None:
        return begin(specs, state, effect, context)
    if effect.state in OPEN or effect.out:
        return _wait(specs, state, effect, context)
    return begin(specs, state, effect, context)


def _wait(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """The action's outcome is open: say pending, and resolve it now if nobody is asking already."""
    told = _answer(effect, Outcome.PENDING)
    if told.out is not None:
        return Decision(state.put(told), (Send(told.undone()),))
    if specs.providers[effect.provider].cancels_by_reference and _free(specs, effect):
        onward = _cancel(state, told, context)
    else:
        onward = asking.inquire(state, told, context)
    return Decision(onward.state, (Send(told.undone()), *onward.out))


def begin(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """Undo an effect that exists: nothing if a later effect on its object took it along, else quote if it may cost something."""
    if effect.undo and effect.undo.part:
        return _give_back(specs, state, effect, context)
    consumers = state.consumers(effect)
    if any(c.state is State.UNDONE for c in consumers):
        return nothing(state, effect.model_copy(update={"state": State.UNDONE}))
    if any(c.state in LIVE for c in consumers):
        return _consumed(state, effect, context)
    # A later effect that was given up for lost may still be there, and would be undone along with this one, at its price.
    sure = _free(specs, effect) and not any(c.state is State.TOMBSTONE and c.tries for c in consumers)
    if sure or _accepted(effect):
        return _cancel(state, effect, context)
    effect, out = asking.call(state, effect, "undo_quote", context)
    return Decision(state.put(effect), (out,))


def _give_back(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """Give back a part of the money: the rest stands. Repeats are one refund by their key, so keys have to be honoured."""
    if not (effect.partly and specs.providers[effect.provider].honours_keys):
        return _refused(state, effect, "no_partial_refund")
    return _cancel(state, effect, context)


def _consumed(state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """A later effect on the object is alive: wait for its end, and say so once."""
    said = effect.undo is not None and effect.undo.code == "consumed"
    again_at = Wake(f"undo:{effect.key}", context.now + timedelta(seconds=SLOWEST_SECONDS if said else CONSUMED_SECONDS))
    if said:
        return Decision(state.put(effect), (again_at,))
    waiting = _answer(effect, Outcome.PENDING, code="consumed")
    return Decision(state.put(waiting), (Send(waiting.undone()), again_at))


def _accepted(effect: Effect) -> bool:
    return effect.undo is not None and effect.undo.accepted_quote is not None and effect.undo.accepted_quote == effect.undo.quote_id


def _free(specs: Specs, effect: Effect) -> bool:
    return specs.actions[effect.action].phase in {Phase.HOLD, Phase.AUTHORIZE}


def _cancel(state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    effect = effect.model_copy(update={"state": State.UNDOING})
    effect, out = asking.call(state, effect, "undo", context)
    return Decision(state.put(effect), (out,))


def again(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """A wake-up of an undo."""
    if effect.undo is None or effect.undo.outcome is not Outcome.PENDING:
        return Decision(state)
    if effect.state is State.UNDOING:
        return asking.inquire(state, effect, context)
    return _want(specs, state, effect, context)


def answered(specs: Specs, state: Effects, effect: Effect, event: Answered, context: Context) -> Decision[Effects]:
    """Take the answer to an undo quote or an undo."""
    if event.result is None:
        told = parked(effect, event)
        out: tuple[Output, ...] = (Send(told.undone()),) if told else ()
        return Decision(state.put(told or effect), (*out, _wake(effect, context)))
    if event.call.kind == "undo_quote":
        return _quoted(state, effect, said(event, UndoQuote), context)
    return _cancelled(specs, state, effect, said(event, UndoAnswer), context)


def _quoted(state: Effects, effect: Effect, quote: UndoQuote, context: Context) -> Decision[Effects]:
    wish = effect.undo or Undo(number=1)
    if not quote.allowed:
        return _refused(state, effect, quote.code or "undo_refused")
    if not _affordable(quote.fee, wish):
        asked = _answer(effect, Outcome.NEEDS_USER, code="fee_above_limit", fee=quote.fee, refund=quote.refund, quote_id=quote.quote_id)
        return Decision(state.put(asked), (Send(asked.undone()),))
    effect = effect.model_copy(update={"undo": wish.model_copy(update={"quote_id": quote.quote_id, "fee": quote.fee})})
    return _cancel(state, effect, context)


def _affordable(fee: Money | None, wish: Undo) -> bool:
    """Within the limit, or not above the fee of the quote that was accepted, should that one have run out."""
    if fee is None or fee.amount_minor <= wish.fee_limit.get(fee.currency, 0):
        return True
    accepted = wish.fee if wish.accepted_quote else None
    return accepted is not None and accepted.currency == fee.currency and fee.amount_minor <= accepted.amount_minor


def parked(effect: Effect, event: Answered) -> Effect | None:
    """Return the effect saying that its undo waits for a parked provider (protocol R22), or does so no longer; None if that is known."""
    if effect.undo is None or effect.undo.outcome is not Outcome.PENDING:
        return None
    code = "parked" if event.code == "parked" and not event.lost else None
    return None if (effect.undo.code == "parked") == bool(code) else _answer(effect, Outcome.PENDING, code=code)


def _cancelled(specs: Specs, state: Effects, effect: Effect, answer: UndoAnswer, context: Context) -> Decision[Effects]:
    if answer.outcome is Outcome.REFUSED and answer.code == "fee_grown":
        wish = effect.undo and effect.undo.model_copy(update={"quote_id": None})
        return begin(specs, state, effect.model_copy(update={"state": State.DONE, "undo": wish}), context)
    if answer.outcome is Outcome.REFUSED:
        return _refused(state, effect, answer.code or "undo_refused")
    if answer.gone and not _free(specs, effect):
        return asking.inquire(state, effect, context)
    if answer.outcome is Outcome.PENDING:
        waiting = _answer(effect, Outcome.PENDING)
        return Decision(state.put(waiting), (Send(waiting.undone()), _wake(waiting, context)))
    refund = plus(effect.returned, answer.refund) if answer.refund else None
    facts: dict[str, Any] = {"fee": answer.fee, "refund": refund, "reference": answer.reference, "evidence": answer.evidence}
    if effect.undo and effect.undo.part:
        return _given_back(state, effect, effect.undo.part, facts)
    return _undone(state, effect, nothing=answer.gone, **facts)


def _given_back(state: Effects, effect: Effect, part: Money, facts: dict[str, Any]) -> Decision[Effects]:
    """A part came back: what was asked for counts, whatever the provider says of it, so that never more is asked for than was paid."""
    returned = plus(effect.returned, part)
    stands = effect.model_copy(update={"state": State.DONE, "returned": returned})
    given = _answer(stands, Outcome.UNDONE, **facts | {"refund": returned})
    return Decision(state.put(given), (Send(given.undone()), Wake(f"undo:{given.key}")))


def asked(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer, context: Context) -> Decision[Effects]:
    """An inquiry while undoing: the answer to the undo was lost. Gone: undone. Still there: undo again with the same undo key."""
    if answer.outcome is Outcome.UNDONE:
        return gone(specs, state, effect.model_copy(update={"amount": answer.amount or effect.amount}), answer)
    if answer.outcome is Outcome.REFUSED:
        return nothing(state, effect)
    if answer.outcome is Outcome.DONE:
        return begin(
            specs, state, effect.model_copy(update={"reference": answer.reference or effect.reference, "state": State.DONE}), context
        )
    if answer.outcome is Outcome.NEEDS_USER:
        return _cancel(state, effect, context)
    return Decision(state.put(effect), (_wake(effect, context),))


def gone(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer) -> Decision[Effects]:
    """The provider says that the effect is no more."""
    return _undone(state, effect, fee=_kept_back(specs, effect, answer), refund=answer.refund, evidence=answer.evidence)


def _kept_back(specs: Specs, effect: Effect, answer: ActionAnswer) -> Money | None:
    """What was not refunded, if that is told; else the quoted fee, unless it was only asked about: then the other side ended it."""
    price, refund = effect.amount, answer.refund
    if price and refund and price.currency == refund.currency and not _free(specs, effect):
        return Money(amount_minor=max(0, price.amount_minor - refund.amount_minor), currency=price.currency)
    return effect.undo.fee if effect.undo and effect.undo.outcome is Outcome.PENDING else None


def by_other_side(effect: Effect, answer: ActionAnswer) -> Effect:
    """Return an effect that the other side took back, with what it refunds; an undo's numbers go on rising."""
    before = effect.undo or Undo(number=0)
    undo_ = Undo(number=before.number, seq=before.seq, outcome=Outcome.UNDONE, refund=answer.refund, evidence=answer.evidence)
    return effect.model_copy(update={"undo": undo_})


def missing(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """The provider does not find what is being undone. A hold is simply given up again; of a booking that proves nothing, so ask on."""
    if _free(specs, effect):
        return _cancel(state, effect, context)
    return Decision(state.put(effect), (_wake(effect, context),))


def unfound(specs: Specs, state: Effects, effect: Effect, context: Context, *, settled: bool) -> Decision[Effects]:
    """An undo is wanted and the provider knows nothing of the action: bind late arrivals, force an answer, or wait until it is settled."""
    provider = specs.providers[effect.provider]
    if provider.cancels_by_reference and (settled or _free(specs, effect)):
        return _cancel(state, effect, context)
    if provider.honours_keys and _free(specs, effect):
        return asking.act(specs, state, effect, context, force=True)
    if not settled:
        return asking.wait_settled(state, effect, provider, context)
    watch = context.now + timedelta(seconds=max(30.0, WATCH_SETTLES * provider.settle_seconds))
    decision = nothing(state, effect.model_copy(update={"state": State.TOMBSTONE, "watch_until": watch}))
    return Decision(decision.state, (*decision.out, Wake(f"ask:{effect.key}", context.now + timedelta(seconds=5))))


def nothing(state: Effects, effect: Effect, *, keep: bool = False) -> Decision[Effects]:
    """There is no effect to undo; `keep` repeats the facts of an undo that is done already."""
    before = state.effects[effect.key].undo if keep else None
    if before:
        facts = {"fee": before.fee, "refund": before.refund, "reference": before.reference, "nothing": before.nothing}
        return _undone(state, effect, **facts)
    ended = State.TOMBSTONE if effect.state in OPEN else effect.state
    return _undone(state, effect.model_copy(update={"state": ended}), nothing=True)


def _undone(state: Effects, effect: Effect, **facts: Any) -> Decision[Effects]:
    done = _answer(effect, Outcome.UNDONE, **facts)
    if done.state in {State.UNDOING, State.DONE, State.UNDO_REFUSED, State.NEEDS_USER}:
        done = done.model_copy(update={"state": State.UNDONE, "code": None})
    out: tuple[Output, ...] = (Send(done.undone()), Wake(f"undo:{done.key}"))
    return Decision(state.put(done), out)


def _refused(state: Effects, effect: Effect, code: str) -> Decision[Effects]:
    stands = State.DONE if effect.undo and effect.undo.part else State.UNDO_REFUSED
    refused = _answer(effect.model_copy(update={"state": stands}), Outcome.REFUSED, code=code)
    return Decision(state.put(refused), (Send(refused.undone()), Wake(f"undo:{refused.key}")))


def _answer(effect: Effect, outcome: Outcome, **facts: Any) -> Effect:
    undo_ = effect.undo or Undo(number=1)
    return effect.model_copy(update={"undo": undo_.model_copy(update={"seq": undo_.seq + 1, "outcome": outcome, "code": None, **facts})})


def _wake(effect: Effect, context: Context) -> Wake:
    pause = min(SLOWEST_SECONDS, 0.5 * 2 ** min(effect.calls, 8) / 2)
    return Wake(f"undo:{effect.key}", context.now + timedelta(seconds=pause))
