"""The way to an outcome: judge the tally, roll back, close by number, rest, reopen (protocol 3, saga)."""

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.executor import AttemptReleased, EndResult, ExecutionReopen, TallyEntry
from tuntas.contracts.saga import CancelAnswered, SagaEnded, SagaNeedsAttention, SagaOutcome, SagaReopened
from tuntas.saga.receipts import receipt, undo_price
from tuntas.saga.refunds import due
from tuntas.saga.rollback import pump, unblock
from tuntas.saga.state import TERMINAL, Effect, Saga, Stage, Status
from tuntas.saga.turn import Turn

NOT_IN_TALLY = "not_in_tally"


def advance(turn: Turn) -> None:
    """After every event: judge what can be judged, send what may be sent, close what can be closed."""
    if turn.saga.judgeable:
        _judge(turn)
    if turn.saga.aim and turn.saga.status not in TERMINAL:
        _settle(turn)
    else:
        pump(turn)
    _answer_releases(turn)


def _judge(turn: Turn) -> None:
    saga = turn.saga
    if saga.ended is None:
        return
    turn.set(releases=(), code=saga.ended.code)
    if saga.ended.result is EndResult.FINISHED:
        _finished(turn)
    elif _stays(saga, saga.ended.result):
        rest(turn, saga.ended.code)
        _answer_cancel_if_final(turn)
    else:
        roll_back(turn)


def _stays(saga: Saga, result: EndResult) -> bool:
    """Say whether nobody but an operator may undo: a pivot is in doubt or done (protocol P8), or the executor is stuck."""
    if result is EndResult.STUCK:
        settled_by_hand = any(e.marked for e in saga.effects.values()) and not saga.pivots()
        return not settled_by_hand and any(saga.within(Stage.STANDING))
    reopened = saga.closing or saga.lost_legs
    return bool(saga.pivots()) and not reopened


def _finished(turn: Turn) -> None:
    saga = turn.saga
    if saga.cancel and not saga.pivots():
        roll_back(turn)
        return
    strays = [e for e in saga.effects.values() if e.stage is Stage.STANDING and e.listed is None]
    turn.put(*(stray(e) for e in strays))
    if any(e.doubtful for e in turn.saga.effects.values()):
        rest(turn, "in_doubt")
        return
    turn.set(aim=SagaOutcome.COMPLETED)
    _answer_cancel_if_final(turn)


def stray(effect: Effect) -> Effect:
    """Return an effect that no tally lists, to be undone (protocol P4)."""
    return effect.unwanted().but(note=NOT_IN_TALLY)


def roll_back(turn: Turn) -> None:
    """Undo all that stands or may stand; a recorded cancel is thereby accepted."""
    turn.put(*(e.unwanted() for e in turn.saga.within(Stage.STANDING)))
    turn.put(*(e.but(lost=False) for e in turn.saga.effects.values()))
    turn.set(aim=SagaOutcome.COMPENSATED)
    if turn.saga.cancel:
        answer_cancel(turn, accepted=True, code="cancelled")


def answer_cancel(turn: Turn, *, accepted: bool, code: str) -> None:
    """Answer a cancel for good; a refusal names the price of undoing."""
    price = {} if accepted else undo_price(turn.saga, turn.context.now)
    turn.send(CancelAnswered(accepted=accepted, code=code, undo_price=price))
    turn.set(cancel=False)


def _answer_cancel_if_final(turn: Turn) -> None:
    if turn.saga.cancel and (turn.saga.pivot_done or turn.saga.aim):
        answer_cancel(turn, accepted=False, code="too_late")


def _settle(turn: Turn) -> None:
    unblock(turn)
    waiting = next(turn.saga.within(Stage.WAITING), None)
    lost = sorted(
        (e for e in turn.saga.effects.values() if e.lost), key=lambda e: e.declaration.start
    )  # PostgreSQL keeps keys in its own order
    if any(turn.saga.within(Stage.UNDOING)):
        turn.enter(Status.COMPENSATING)
        pump(turn)
    elif waiting:
        rest(turn, waiting.code or "undo_refused")
    elif turn.saga.aim is SagaOutcome.COMPLETED:
        _complete(turn, lost)
    else:
        _close(turn)


def _complete(turn: Turn, lost: list[Effect]) -> None:
    """Nothing is being undone: replace what is lost, give back what is due, follow what was moved, or close."""
    if lost:
        _replace(turn, lost)
    elif parts := tuple(due(turn.saga)):
        turn.put(*parts)
        turn.enter(Status.COMPENSATING)
        pump(turn)
    elif turn.saga.moved and not turn.saga.given_up:
        reopen_execution(turn, (), "moved")
    else:
        _close(turn)


def _replace(turn: Turn, lost: list[Effect]) -> None:
    """A step of a finished plan is gone: the executor replaces its legs, or the rest is undone.

    A plan of which a person gave up a part is not gone on with.
    """
    code = lost[0].code or "effect_lost"
    turn.set(code=code)
    if turn.policy.replan_lost and not turn.saga.given_up:
        reopen_execution(turn, tuple(dict.fromkeys(e.declaration.leg_id for e in lost)), code)
    else:
        roll_back(turn)
        _settle(turn)


def reopen_execution(turn: Turn, lost_legs: tuple[str, ...], code: str) -> None:
    """Ask the executor to go forward again, in a new epoch, from the effects that stand."""
    saga = turn.saga
    turn.set(epoch=saga.epoch + 1, aim=None, forward=Status.REOPENED, lost_legs=lost_legs, windows=saga.moved, moved={}, code=code)
    turn.put(*(e.but(lost=False) for e in turn.saga.effects.values()))
    ask_to_reopen(turn)


def ask_to_reopen(turn: Turn) -> None:
    """Send the reopening of the current epoch, again if need be, and open its window."""
    saga = turn.saga
    alive = tuple(_entry(e) for e in reversed(list(saga.within(Stage.STANDING))))
    code = saga.code or "effect_lost"
    turn.send(ExecutionReopen(epoch=saga.epoch, alive=alive, lost_legs=saga.lost_legs, windows=saga.windows, code=code))
    turn.enter(Status.REOPENED)
    turn.wake("reopen", turn.policy.reopen_seconds)


def _entry(effect: Effect) -> TallyEntry:
    declared = effect.declaration
    return TallyEntry(
        step_id=declared.step_id,
        attempt=declared.attempt,
        key=declared.key,
        outcome=effect.listed or Outcome.UNKNOWN,
        reference=effect.reference,
        amount=effect.amount,
        declaration=declared,
    )


def _close(turn: Turn) -> None:
    saga, outcome = turn.saga, turn.saga.aim
    if outcome is None:
        return
    turn.set(closing=saga.closing + 1)
    turn.enter(Status(outcome.value))
    proof = receipt(turn.saga, turn.context, outcome, turn.saga.closing)
    titles = saga.ended.titles if saga.ended else ()
    turn.send(SagaEnded(outcome=outcome, closing=proof.closing, code=proof.code, kept=proof.kept, titles=titles, receipt=proof))


def rest(turn: Turn, code: str) -> None:
    """Rest with an operator, told once per entering."""
    if turn.saga.status is Status.NEEDS_ATTENTION:
        turn.set(reason=code)
        return
    turn.enter(Status.NEEDS_ATTENTION)
    turn.set(reason=code)
    proof = receipt(turn.saga, turn.context, None, turn.saga.closing + 1)
    turn.send(SagaNeedsAttention(code=code, actions=safe_actions(turn.saga), receipt=proof))


def safe_actions(saga: Saga) -> tuple[str, ...]:
    """Return the repairs that an operator can choose while the saga rests."""
    if saga.aim is None:
        by_hand = ("skip", "mark_done") if saga.judgeable else ()
        return ("retry", *by_hand, "force")
    quoted = any(e.quote_id for e in saga.within(Stage.WAITING))
    return ("retry", "skip", "mark_done", *(("accept_fee",) if quoted else ()))


def reopen(turn: Turn, code: str) -> None:
    """A settled effect changed: the next closing begins."""
    if turn.saga.status in TERMINAL:
        turn.send(SagaReopened(code=code, closing=turn.saga.closing + 1))
        turn.set(code=code)
        turn.enter(Status.REOPENED)


def _answer_releases(turn: Turn) -> None:
    if not turn.saga.releases:
        return
    pending = []
    for keys in turn.saga.releases:
        stages = {turn.saga.effects[key].stage for key in keys}
        if Stage.UNDOING in stages:
            pending.append(keys)
        else:
            turn.send(AttemptReleased(keys=keys, stuck=bool(stages - {Stage.UNDONE})))
    turn.set(releases=tuple(pending))
