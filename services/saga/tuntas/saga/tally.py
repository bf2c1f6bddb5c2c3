"""What was declared, and the tally that lists it: a set from one committed row, the authority in any order of arrival (protocol R1)."""

from datetime import timedelta

from tuntas.contracts.connectors import Declaration, EffectObserved, Outcome, StepStarted
from tuntas.contracts.executor import ExecutionEnded, TallyEntry
from tuntas.contracts.saga import AttemptRelease
from tuntas.saga import observing
from tuntas.saga.closing import NOT_IN_TALLY, reopen, stray
from tuntas.saga.state import FORWARD, Effect, Ending, Stage
from tuntas.saga.turn import Turn

_NO_EFFECT = frozenset({Outcome.REFUSED, Outcome.UNDONE})


def started(turn: Turn, message: StepStarted) -> None:
    """A step was started: its declaration is all that concerns the coordinator."""
    declare(turn, message.declaration)


def declare(turn: Turn, declaration: Declaration) -> None:
    """Record a declaration. One that no tally of an ended epoch lists is undone at once (protocol P4)."""
    if declaration.key in turn.saga.effects:
        return
    turn.put(Effect(declaration=declaration))
    _follow_clock(turn, declaration)
    if entry := turn.saga.awaited.get(declaration.key):
        _list(turn, entry)
    elif turn.saga.over and turn.saga.aim:
        reopen(turn, NOT_IN_TALLY)
        turn.put(stray(turn.saga.effects[declaration.key]))
    if early := turn.saga.early.get(declaration.key):
        turn.set(early={key: m for key, m in turn.saga.early.items() if key != declaration.key})
        observing.apply(turn, turn.saga.effects[declaration.key], early)


def _follow_clock(turn: Turn, declaration: Declaration) -> None:
    saga = turn.saga
    if saga.over:
        return
    if declaration.epoch > saga.epoch:
        turn.set(epoch=declaration.epoch)
    if saga.forward_by is None or declaration.forward_by > saga.forward_by:
        turn.set(forward_by=declaration.forward_by)
        if saga.status in FORWARD:
            arm(turn)


def arm(turn: Turn) -> None:
    """Set the backstop: a while after forward must be over, or a while from now if that has passed or is not known."""
    now, forward_by = turn.context.now, turn.saga.forward_by
    left = max(forward_by - now, timedelta()) if forward_by else timedelta()
    turn.wake("backstop", left.total_seconds() + turn.policy.grace_seconds)


def observed(turn: Turn, message: EffectObserved) -> None:
    """The other side acted. An observation that overtook its declaration is kept for it."""
    effect = turn.saga.effects.get(message.key)
    if effect is not None:
        observing.apply(turn, effect, message)
        return
    known = turn.saga.early.get(message.key)
    if known is None or message.seq > known.seq:
        turn.set(early={**turn.saga.early, message.key: message})


def ended(turn: Turn, message: ExecutionEnded) -> None:
    """Forward is over: take the tally. Older epochs, and repeats of a tally that is complete, change nothing."""
    saga = turn.saga
    if message.epoch < saga.epoch or (saga.over and not saga.awaited):
        return
    ending = Ending(epoch=message.epoch, result=message.result, code=message.code, titles=message.titles, rungs=message.rungs)
    turn.set(ended=ending, epoch=message.epoch)
    for entry in message.tally:
        _list(turn, entry)


def _list(turn: Turn, entry: TallyEntry) -> None:
    effect = turn.saga.effects.get(entry.key) or (Effect(declaration=entry.declaration) if entry.declaration else None)
    if effect is None:
        turn.set(awaited={**turn.saga.awaited, entry.key: entry})
        return
    turn.put(_listed(effect, entry))
    turn.set(awaited={key: e for key, e in turn.saga.awaited.items() if key != entry.key})


def _listed(effect: Effect, entry: TallyEntry) -> Effect:
    effect = effect.but(listed=entry.outcome, reference=entry.reference or effect.reference, amount=entry.amount or effect.amount)
    if entry.outcome not in _NO_EFFECT:
        return effect
    effect = effect.but(lost=False)
    if effect.stage is not Stage.STANDING:
        return effect
    if effect.observed is Outcome.DONE:
        return effect.unwanted()
    return effect.but(stage=Stage.UNDONE, nothing=entry.outcome is Outcome.REFUSED)


def release(turn: Turn, message: AttemptRelease) -> None:
    """Undo these attempts before another offer takes their place. After the end the tally decides, and only declarations count."""
    for declaration in message.declarations:
        declare(turn, declaration)
    if turn.saga.over or message.epoch < turn.saga.epoch:
        return
    keys = tuple(d.key for d in message.declarations)
    effects = (turn.saga.effects[key] for key in keys)
    turn.put(*(e.unwanted() for e in effects if e.stage is Stage.STANDING))
    turn.set(releases=(*turn.saga.releases, keys))
