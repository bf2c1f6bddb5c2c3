"""Forward calls about an effect: act, inquire, and what their answers mean. Doubt is resolved by what the provider offers (protocol R5)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.connectors import EffectObserved, Outcome
from tuntas.contracts.ids import call_id, derive, undo_key
from tuntas.contracts.registry import ProviderSpec
from tuntas.contracts.topics import connector_events
from tuntas.kit.connector import undoing
from tuntas.kit.connector.effects import COMPENSATED, Effect, Effects, State
from tuntas.kit.connector.provider import ActionAnswer, Specs, said
from tuntas.kit.decision import Answered, Call, Context, Decision, Output, Send, Wake

CALL_SECONDS = 6.0
UNSENT_TRIES = 4
SLOWEST_SECONDS = 30.0
_BACKWARD = frozenset({"undo", "undo_quote"})
_NOBODY = frozenset({"erased", "unsealable"})


def call(state: Effects, effect: Effect, kind: str, context: Context) -> tuple[Effect, Call]:
    """Return the effect with one more call out, and the call: all a provider needs, but names still sealed."""
    parent = state.effects.get(effect.acts_on) if effect.acts_on else None
    body: dict[str, Any] = {
        "task_id": str(context.task_id),
        "key": str(effect.key),
        "action": effect.action,
        "idempotency_key": str(_intention(effect, kind)),
        "reference": f"{context.task_id}:{effect.key}",
        "input": effect.input,
        "amount": effect.amount.document() if effect.amount else None,
        "object_reference": parent.reference if parent else None,
        "own_reference": effect.reference,
        "travellers": list(effect.travellers),
        "quote_id": effect.undo.quote_id if effect.undo else None,
        "part": effect.part.document() if kind in _BACKWARD and effect.part else None,
    }
    effect = effect.model_copy(update={"calls": effect.calls + 1, "out": kind, "recheck": False})
    return effect, Call(effect.key, effect.calls, kind, effect.provider, body, CALL_SECONDS)


def _intention(effect: Effect, kind: str) -> UUID:
    """Return the key of what is asked, which never comes with two bodies: an undo that names the object is another one than one that can't.

    So is one on the terms of another quote; and every quote is asked for anew.
    """
    undo = effect.undo
    if kind == "undo_quote":
        return call_id(effect.key, effect.calls + 1)
    if kind != "undo" or undo is None:
        return effect.key
    key = undo_key(effect.key, undo.number)
    if effect.reference is None:
        key = derive("unnamed", key)
    return derive("undo", key, undo.quote_id) if undo.quote_id else key


def act(specs: Specs, state: Effects, effect: Effect, context: Context, *, force: bool = False) -> Decision[Effects]:
    """Send the action; the row with state `calling` is committed before the call leaves.

    While another call about the same object is out it waits its turn. Past the deadline it is refused, unless an answer is to be forced.
    """
    if effect.forward_by and context.now > effect.forward_by and not force:
        return _settle(specs, state, effect, State.REFUSED, {"code": "expired"}, context)
    if state.busy(effect):
        return _later(state, effect.model_copy(update={"state": State.UNSENT}), context)
    effect = effect.model_copy(update={"state": State.CALLING, "tries": effect.tries + 1, "missed_at": None})
    effect, out = call(state, effect, "act", context)
    return Decision(state.put(effect), (out,))


def inquire(state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """Ask the provider what became of the action."""
    effect, out = call(state, effect, "inquire", context)
    return Decision(state.put(effect), (out,))


def answered(specs: Specs, state: Effects, effect: Effect, event: Answered, context: Context) -> Decision[Effects]:
    """Take the answer to an action or an inquiry."""
    if event.result is None:
        return _no_answer(specs, state, effect, event, context)
    if event.result.get("found") is False:
        return _not_found(specs, state, effect, context)
    answer = said(event, ActionAnswer)
    if answer.outcome is Outcome.UNKNOWN:
        return _not_found(specs, state, effect, context)
    if effect.state in COMPENSATED or effect.state is State.REFUSED:
        return _after_the_end(specs, state, effect, answer, context)
    return _apply(specs, state, effect, answer, context)


def _no_answer(specs: Specs, state: Effects, effect: Effect, event: Answered, context: Context) -> Decision[Effects]:
    if event.call.kind == "inquire":
        parked = undoing.parked(effect, event)
        decision = _later(state, parked or effect, context)
        return Decision(decision.state, (Send(parked.undone()), *decision.out)) if parked else decision
    if event.lost or effect.lost:
        doubt = {"state": State.IN_DOUBT, "lost": True, "code": event.code, "reason": event.reason}
        return _later(state, effect.model_copy(update=doubt | {"seq": effect.seq + 1}), context, tell=True)
    if not effect.unwanted:
        return undoing.nothing(state, effect)
    if event.code in _NOBODY:
        return _settle(specs, state, effect, State.REFUSED, {"code": event.code}, context)
    if effect.tries >= UNSENT_TRIES:
        return _settle(specs, state, effect, State.REFUSED, {"code": "unavailable", "reason": event.reason}, context)
    return _later(state, effect.model_copy(update={"state": State.UNSENT}), context)


def _later(state: Effects, effect: Effect, context: Context, *, tell: bool = False) -> Decision[Effects]:
    """Come back with backoff: half a second first, half a minute at most."""
    pause = min(SLOWEST_SECONDS, 0.5 * 2 ** min(effect.calls, 8) / 2)
    out: tuple[Output, ...] = (Wake(f"ask:{effect.key}", context.now + timedelta(seconds=pause)),)
    return Decision(state.put(effect), (Send(effect.replied()), *out) if tell else out)


def _not_found(specs: Specs, state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """Not found proves nothing at first: the request may be on its way. After the settle time it is asked for once more."""
    provider = specs.providers[effect.provider]
    if effect.state is State.UNDOING:
        return undoing.missing(specs, state, effect, context)
    if effect.state in COMPENSATED or effect.state in {State.DONE, State.REFUSED}:
        return _watch(state, effect, context)
    settled = bool(effect.missed_at and context.now - effect.missed_at >= timedelta(seconds=provider.settle_seconds))
    missed = effect.model_copy(
        update={"misses": effect.misses + 1, "missed_at": effect.missed_at or context.now, "lost": effect.lost and not settled}
    )
    if not effect.unwanted:
        return undoing.unfound(specs, state, missed, context, settled=settled)
    late = effect.forward_by is not None and context.now > effect.forward_by
    if settled or (provider.honours_keys and not late):
        return act(specs, state, missed, context)
    return wait_settled(state, missed, provider, context)


def wait_settled(state: Effects, effect: Effect, provider: ProviderSpec, context: Context) -> Decision[Effects]:
    """Ask again when whatever was on its way must have arrived."""
    at = context.now + timedelta(seconds=provider.settle_seconds + 0.05)
    return Decision(state.put(effect), (Wake(f"ask:{effect.key}", at),))


def _watch(state: Effects, effect: Effect, context: Context) -> Decision[Effects]:
    """Look again for as long as a late success is possible."""
    if effect.watch_until is None or context.now > effect.watch_until:
        return Decision(state.put(effect))
    return Decision(state.put(effect), (Wake(f"ask:{effect.key}", context.now + timedelta(seconds=5)),))


def _apply(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer, context: Context) -> Decision[Effects]:
    """An answer while the action is open, done or being asked about again."""
    if answer.outcome is Outcome.UNDONE:
        return _lost_effect(specs, state, effect, answer)
    found = {
        "reference": answer.reference or effect.reference,
        "amount": answer.amount or effect.amount,
        "clocks": answer.clocks,
        "evidence": answer.evidence,
        "user_action": answer.action,
        "code": answer.code,
        "reason": answer.reason,
        "missed_at": None,
        "lost": False,
        "window": answer.window or effect.window,
    }
    if answer.outcome is Outcome.DONE:
        if effect.state is State.DONE:
            return _still(specs, state, effect, answer, context)
        return _settle(specs, state, effect, State.DONE, found, context)
    if answer.outcome is Outcome.REFUSED and effect.state is not State.DONE:
        return _settle(specs, state, effect, State.REFUSED, found, context)
    waiting = {Outcome.PENDING: State.PENDING, Outcome.NEEDS_USER: State.NEEDS_USER}.get(answer.outcome)
    if waiting is None or effect.state is State.DONE:
        return _later(state, effect, context)
    changed = effect.model_copy(update=found | {"state": waiting, "seq": effect.seq + (effect.state is not waiting)})
    return _later(state, changed, context, tell=effect.state is not waiting)


def _still(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer, context: Context) -> Decision[Effects]:
    """It is done as before, or at another time: what has to meet it must hear of that."""
    if not effect.unwanted:
        return undoing.again(specs, state.put(effect), effect, context)
    if answer.window in {None, effect.window}:
        return Decision(state.put(effect))
    known = effect.window is not None
    moved = effect.model_copy(update={"window": answer.window, "seq": effect.seq + known})
    return Decision(state.put(moved), (observed(specs, moved, Outcome.DONE, "moved"),) if known else ())


def _settle(specs: Specs, state: Effects, effect: Effect, to: State, found: dict[str, Any], context: Context) -> Decision[Effects]:
    """The action's outcome is known: tell the executor, and go on with an undo that waited for it."""
    effect = effect.model_copy(update={**found, "state": to, "seq": effect.seq + 1})
    out: tuple[Output, ...] = (Send(effect.replied()),)
    if effect.calls > 1:  # the first answer came at once: nothing was to be asked again
        out = (*out, Wake(f"ask:{effect.key}"))
    if effect.unwanted:
        return Decision(state.put(effect), out)
    onward = undoing.nothing(state, effect) if to is State.REFUSED else undoing.begin(specs, state, effect, context)
    return Decision(onward.state, (*out, *onward.out))


def _lost_effect(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer) -> Decision[Effects]:
    """The other side cancelled, or a hold ran out: the executor hears a refusal with a higher number, the coordinator an observation."""
    code = answer.code or "cancelled_by_provider"
    found = {
        "reference": answer.reference or effect.reference,
        "amount": answer.amount or effect.amount,
        "evidence": answer.evidence,
        "reason": answer.reason,
    }
    gone = effect.model_copy(update={**found, "state": State.UNDONE, "seq": effect.seq + 1, "code": code})
    if not effect.unwanted:
        return undoing.gone(specs, state, gone, answer)
    gone = undoing.by_other_side(gone, answer)
    return Decision(state.put(gone), (Send(gone.replied()), observed(specs, gone, Outcome.UNDONE, code), Wake(f"ask:{gone.key}")))


def _after_the_end(specs: Specs, state: Effects, effect: Effect, answer: ActionAnswer, context: Context) -> Decision[Effects]:
    """An answer about an effect that is refused, undone or being undone: a success now is a late one, and must be undone again."""
    if effect.state is State.UNDOING:
        return undoing.asked(specs, state, effect, answer, context)
    if effect.state is State.UNDO_REFUSED:
        if answer.outcome is Outcome.UNDONE:
            return _lost_effect(specs, state, effect, answer)
        return Decision(state.put(effect)) if effect.unwanted else undoing.begin(specs, state, effect, context)
    if answer.outcome is not Outcome.DONE:
        return _watch(state, effect, context)
    found = {"reference": answer.reference, "amount": answer.amount or effect.amount, "evidence": answer.evidence, "clocks": answer.clocks}
    alive = effect.model_copy(update=found | {"state": State.DONE, "seq": effect.seq + 1, "code": "success_after_undo"})
    return Decision(state.put(alive), (observed(specs, alive, Outcome.DONE, "success_after_undo"),))


def observed(specs: Specs, effect: Effect, outcome: Outcome, code: str) -> Send:
    """Return what tells the coordinator that the other side acted."""
    message = EffectObserved(
        step_id=effect.step_id,
        key=effect.key,
        seq=effect.seq,
        state=outcome,
        code=code,
        reference=effect.reference,
        amount=effect.amount,
        refund=effect.undo.refund if effect.undo else None,
        window=effect.window,
    )
    return Send(message, connector_events(specs.connector))
