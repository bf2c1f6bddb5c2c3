"""What the other side did by itself (protocol R21): a success after an undo, an effect taken back, a refund that failed."""

from tuntas.contracts.connectors import EffectObserved, Outcome
from tuntas.contracts.plan import Window
from tuntas.saga.closing import reopen
from tuntas.saga.state import Effect, Stage
from tuntas.saga.turn import Turn

MOVED = "moved"


def apply(turn: Turn, effect: Effect, message: EffectObserved) -> None:
    """Record what is true now; a settled task whose effects it changes is reopened."""
    if message.seq <= effect.observed_seq:
        return
    if message.code == MOVED and message.window:
        _moved(turn, effect, message.window)
    facts = {"reference": message.reference or effect.reference, "amount": message.amount or effect.amount}
    before = effect.but(observed=message.state, observed_seq=message.seq, **facts)
    after = _react(before, message)
    if after.stage is not before.stage or after.number != before.number:
        reopen(turn, message.code)
        turn.wake(f"undo:{effect.key}", None)
    turn.put(after)


def _moved(turn: Turn, effect: Effect, window: Window) -> None:
    """It takes place at another time: what meets it is planned anew, at once or when forward is over."""
    if effect.stage is Stage.STANDING:
        turn.set(moved={**turn.saga.moved, effect.declaration.leg_id: window})
        reopen(turn, MOVED)


def _react(effect: Effect, message: EffectObserved) -> Effect:
    if message.code == "refund_failed" or message.state not in {Outcome.DONE, Outcome.UNDONE, Outcome.REFUSED}:
        return _refund_failed(effect, message.code)
    return _appeared(effect) if message.state is Outcome.DONE else _vanished(effect, message)


def _refund_failed(effect: Effect, code: str) -> Effect:
    if effect.stage is Stage.STANDING and effect.returned:
        return effect.waiting(code, answered=True, part=effect.returned, returned=None)
    return effect.waiting(code, answered=True) if effect.stage is Stage.UNDONE else effect


def _appeared(effect: Effect) -> Effect:
    if effect.part:
        return effect
    if effect.lost:
        return effect.but(stage=Stage.STANDING, lost=False, code=None)
    undo_left = effect.stage in {Stage.UNDOING, Stage.WAITING} and effect.sends > 0
    if effect.stage is Stage.UNDONE or undo_left:
        return effect.but(answered=effect.answered or effect.number > 0, nothing=False).unwanted()
    return effect


def _vanished(effect: Effect, message: EffectObserved) -> Effect:
    if effect.stage is Stage.UNDONE:
        return effect
    lost = effect.stage is Stage.STANDING or effect.part is not None
    return effect.but(stage=Stage.UNDONE, lost=lost, part=None, code=message.code, refund=message.refund or effect.refund, answered=True)
