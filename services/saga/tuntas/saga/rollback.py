"""Undoing: in reverse order along `needs`, branches in parallel, each retried with the same number until its budget is spent."""

from collections.abc import Iterable, Mapping

from tuntas.contracts.connectors import Outcome, StepUndo, StepUndone
from tuntas.contracts.money import Money, plus
from tuntas.contracts.saga import SagaOutcome
from tuntas.contracts.topics import SAGA_REPLIES, connector_commands
from tuntas.saga.state import Effect, Saga, Stage, Status
from tuntas.saga.turn import Turn

CONSUMED = "consumed"
"""A connector's word for a hold whose later effect, such as its confirmation, is alive."""


def pump(turn: Turn) -> None:
    """Send every undo whose turn it is. While a halt is asked nothing is undone (protocol R2)."""
    if turn.saga.status is Status.HALTING:
        return
    for effect in ready(turn.saga):
        _send(turn, effect)


def ready(saga: Saga) -> list[Effect]:
    """Return the queued effects that nothing still being undone needs, transitively; what waits for a person holds up nothing."""
    if not any(e.stage is Stage.UNDOING for e in saga.effects.values()):
        return []
    undoing = list(saga.within(Stage.UNDOING))
    needs = _needs(saga.effects.values())
    reached = {e.key: _closure(needs, e.declaration.step_id) for e in undoing}
    return [e for e in undoing if not e.sends and not any(_blocks(e, other, reached[other.key]) for other in undoing)]


def dependents(saga: Saga, effect: Effect) -> list[Effect]:
    """Return the effects that need this one, transitively."""
    needs = _needs(saga.effects.values())
    return [e for e in saga.effects.values() if effect.declaration.step_id in _closure(needs, e.declaration.step_id)]


def _blocks(effect: Effect, other: Effect, reached: set[str]) -> bool:
    # Start numbers are compared so that even a circle of needs has a first effect to undo.
    return other.declaration.start > effect.declaration.start and effect.declaration.step_id in reached


def _needs(effects: Iterable[Effect]) -> dict[str, set[str]]:
    needs: dict[str, set[str]] = {}
    for effect in effects:
        needs.setdefault(effect.declaration.step_id, set()).update(effect.declaration.needs)
    return needs


def _closure(needs: Mapping[str, set[str]], step_id: str) -> set[str]:
    reached: set[str] = set()
    open_ = set(needs.get(step_id, ()))
    while open_:
        step = open_.pop()
        if step not in reached:
            reached.add(step)
            open_ |= needs.get(step, set())
    return reached


def _send(turn: Turn, effect: Effect) -> None:
    effect = effect.but(sends=effect.sends + 1)
    message = StepUndo(
        step_id=effect.declaration.step_id,
        key=effect.key,
        number=effect.number,
        fee_limit=effect.declaration.fee_limit if effect.fee_limit is None else effect.fee_limit,
        accepted_quote=effect.accepted_quote,
        part=effect.part,
    )
    turn.put(effect)
    turn.send(message, connector_commands(effect.declaration.connector), SAGA_REPLIES)
    turn.wake(f"undo:{effect.key}", turn.policy.undo_pause(effect.sends))


def again(turn: Turn, effect: Effect) -> None:
    """An undo's timer is due: repeat it, for the repeat is the inquiry, or let the effect wait."""
    if effect.stage is not Stage.UNDOING or not effect.sends:
        return
    if turn.saga.status is Status.HALTING:
        turn.wake(f"undo:{effect.key}", turn.policy.undo_pause(effect.sends))
    elif effect.sends >= turn.policy.undo_sends:
        turn.put(effect.waiting("undo_budget_spent"))
    else:
        _send(turn, effect)


def unblock(turn: Turn) -> None:
    """Ask again for what waited only because a later effect on its object did: no person has to decide about it any more."""
    for effect in list(turn.saga.within(Stage.WAITING)):
        if effect.code == CONSUMED and not _held_up(turn.saga, effect):
            turn.put(effect.but(stage=Stage.UNDOING, sends=1, code=None))
            turn.wake(f"undo:{effect.key}", turn.policy.undo_pause(1))


def replied(turn: Turn, effect: Effect, message: StepUndone) -> None:
    """Take an undo's answer. Lower numbers, older answers and answers to what is still queued change nothing (protocol R11)."""
    if message.number != effect.number or message.seq < effect.undo_seq or effect.stage is Stage.STANDING:
        return
    if effect.stage is Stage.UNDOING and not effect.sends and not effect.undo_seq:
        return  # it is asked in its turn, and whoever answered before answers again
    reference = effect.reference if effect.part else message.reference or effect.reference  # a part's is the refund's, not what stands
    facts = {"reference": reference, "amount": message.amount or effect.amount}
    effect = effect.but(undo_seq=message.seq, **facts)
    if message.outcome is Outcome.UNDONE and message.part:
        _given_back(turn, effect, message.part)
    elif message.outcome is Outcome.UNDONE:
        _undone(turn, effect, message)
    elif effect.stage in {Stage.UNDOING, Stage.WAITING}:
        _open(turn, effect, message)


def _undone(turn: Turn, effect: Effect, message: StepUndone) -> None:
    # An effect that the other side took back keeps saying so: the undo met nothing only because of that.
    nothing = message.nothing and not (effect.stage is Stage.UNDONE and not effect.nothing)
    lost = effect.lost or effect.part is not None  # only a part was asked for, and all is gone
    facts = {
        "lost": lost,
        "part": None,
        "fee": message.fee or effect.fee,
        "refund": message.refund or effect.refund,
        "nothing": nothing,
        "asked_fee": None,
    }
    turn.put(effect.but(stage=Stage.UNDONE, answered=True, code=message.code or effect.code, **facts))
    turn.wake(f"undo:{effect.key}", None)


def _given_back(turn: Turn, effect: Effect, part: Money) -> None:
    """A part of its money came back and it stands; unless all is being undone by now."""
    stands = effect.but(stage=Stage.STANDING, part=None, returned=plus(effect.returned, part), answered=True, code=None)
    turn.put(stands.unwanted() if turn.saga.aim is SagaOutcome.COMPENSATED else stands)
    turn.wake(f"undo:{effect.key}", None)


def _open(turn: Turn, effect: Effect, message: StepUndone) -> None:
    if message.outcome is Outcome.REFUSED:
        _wait(turn, effect.waiting(message.code or "undo_refused", answered=True, asked_fee=message.fee, quote_id=message.quote_id))
    elif message.outcome is Outcome.NEEDS_USER:
        _wait(turn, effect.waiting(message.code or "needs_user", asked_fee=message.fee, quote_id=message.quote_id))
    elif message.code == CONSUMED and _held_up(turn.saga, effect):
        _wait(turn, effect.waiting(CONSUMED))
    else:
        # A parked provider is not asked in earnest: its repeats spend nothing (protocol R22).
        sends = min(effect.sends, 1) if message.code == "parked" else effect.sends
        turn.put(effect.but(sends=sends, code=effect.code if effect.stage is Stage.WAITING else message.code))


def _held_up(saga: Saga, effect: Effect) -> bool:
    return any(e.stage in {Stage.WAITING, Stage.KEPT} for e in dependents(saga, effect))


def _wait(turn: Turn, effect: Effect) -> None:
    turn.put(effect)
    turn.wake(f"undo:{effect.key}", None)
