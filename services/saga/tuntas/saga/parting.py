"""Giving up some legs of a completed task and keeping the others: their effects are undone, then what they cost is given back."""

from collections.abc import Iterator

from tuntas.contracts.saga import SagaUndo, SagaUndoAnswered
from tuntas.kit.decision import Context, Decision, Handler, Send
from tuntas.saga.closing import reopen, roll_back
from tuntas.saga.state import Effect, Saga, Stage, Status
from tuntas.saga.turn import Turn

GIVEN_UP = "given_up"


def answering(decide: Handler) -> Handler:
    """Return the handler that answers also for a task that has no saga: nothing of it was done."""

    def handle(saga: Saga | None, message: SagaUndo, context: Context) -> Decision[Saga]:
        if saga is None:
            return Decision(None, (Send(SagaUndoAnswered(undo_id=message.undo_id, accepted=False, code="not_completed")),))
        return decide(saga, message, context)

    return handle


def give_up(turn: Turn, message: SagaUndo) -> None:
    """Undo the effects of some legs, or say why not; with nothing else left, all is undone."""
    code = _refusal(turn.saga, message)
    turn.send(SagaUndoAnswered(undo_id=message.undo_id, accepted=code is None, code=code or "undoing"))
    if code:
        return
    reopen(turn, GIVEN_UP)
    whole = not _kept(turn.saga, message)
    terms = {"fee_limit": message.fee_limit, "note": f"given up by {message.by}"[:500]}
    turn.put(*(e.but(**terms) for e in _standing(turn.saga) if whole or e.declaration.leg_id in message.legs))
    turn.set(given_up=tuple(dict.fromkeys((*turn.saga.given_up, *message.legs))))
    if whole:
        roll_back(turn)
    else:
        turn.put(*(e.unwanted() for e in _standing(turn.saga) if e.declaration.leg_id in message.legs))


def _refusal(saga: Saga, message: SagaUndo) -> str | None:
    if saga.status is not Status.COMPLETED:
        return "not_completed"
    if message.expected not in {None, saga.version}:
        return "moved"
    standing = list(_standing(saga))
    if not set(message.legs) <= {e.declaration.leg_id for e in standing} - _paying(saga):
        return "unknown_leg"
    chosen = [e for e in standing if e.declaration.leg_id in message.legs]
    if any(e.pivot for e in chosen):
        return "irreversible"
    returnable = not _kept(saga, message) or all(_returnable(saga, e) for e in chosen)
    return None if returnable else "no_partial_refund"


def _standing(saga: Saga) -> Iterator[Effect]:
    return (e for e in saga.within(Stage.STANDING) if not e.read)


def _kept(saga: Saga, message: SagaUndo) -> set[str]:
    """Return the legs that stay."""
    return {e.declaration.leg_id for e in _standing(saga)} - {*message.legs, *_paying(saga)}


def _paying(saga: Saga) -> set[str]:
    """Return the legs that only pay for others."""
    return {e.declaration.leg_id for e in saga.effects.values() if e.declaration.sums}


def _returnable(saga: Saga, effect: Effect) -> bool:
    """Say whether what an effect cost can be given back without giving back all."""
    paid = [e for e in _standing(saga) if effect.declaration.step_id in e.declaration.sums]
    return all(e.declaration.undo.partly for e in paid)
