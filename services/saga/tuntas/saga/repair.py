"""What an operator decides on a resting saga: retry, skip with a reason, mark done with evidence, accept a fee, force. Each is answered."""

from collections.abc import Callable, Mapping

from tuntas.contracts.executor import EndResult
from tuntas.contracts.money import plus
from tuntas.contracts.saga import SagaRepair, SagaRepaired
from tuntas.kit.decision import Context, Decision, Handler, Send, require
from tuntas.kit.errors import InvalidMessage
from tuntas.saga.closing import ask_to_reopen, reopen_execution, roll_back
from tuntas.saga.halting import halt
from tuntas.saga.state import Effect, Ending, Saga, Stage, Status
from tuntas.saga.turn import Turn


def answering(decide: Handler) -> Handler:
    """Return the handler of repairs: it decides only on the version that is expected, and says what became of the repair."""

    def handle(saga: Saga | None, message: SagaRepair, context: Context) -> Decision[Saga]:
        if saga is None:
            return Decision(None, (_answer(message, 0, 0, "no_saga"),))
        if message.expected not in {None, saga.version}:
            return Decision(saga, (_answer(message, saga.version, saga.version, "moved"),))
        try:
            decision = decide(saga, message, context)
        except InvalidMessage as error:
            return Decision(saga, (_answer(message, saga.version, saga.version, error.code),))
        after = decision.state.version if decision.state else saga.version
        code = "applied" if after != saga.version else "nothing_to_do"
        return Decision(decision.state, (*decision.out, _answer(message, saga.version, after, code)))

    return handle


def _answer(message: SagaRepair, before: int, after: int, code: str) -> Send:
    order = {"repair_id": message.repair_id, "action": message.action, "key": message.key, "by": message.by}
    return Send(SagaRepaired.model_validate(order | {"applied": before != after, "code": code, "before": before, "after": after}))


def repair(turn: Turn, message: SagaRepair) -> None:
    """Carry out an operator's decision; in a state it is not meant for, it changes nothing.

    Raises:
        InvalidMessage: `unknown_key`, `key_required`, `evidence_required` or `no_quote`.
    """
    require(message.key is None or message.key in turn.saga.effects, "unknown_key", str(message.key))
    _ACTIONS[message.action](turn, message)


def _retry(turn: Turn, message: SagaRepair) -> None:
    if turn.saga.aim:
        chosen = [e for e in turn.saga.within(Stage.WAITING) if message.key in {None, e.key}]
        turn.put(*(_noted(e.unwanted(), message) for e in chosen))
    elif turn.saga.status is Status.NEEDS_ATTENTION:
        _retry_forward(turn)


def _retry_forward(turn: Turn) -> None:
    if turn.saga.judgeable:
        reopen_execution(turn, (), "operator_retry")
    elif turn.saga.over:
        halt(turn)
    else:
        ask_to_reopen(turn)


def _skip(turn: Turn, message: SagaRepair) -> None:
    if effect := _decidable(turn, message):
        kept = effect.but(stage=Stage.STANDING, part=None, marked=True) if effect.part else effect.but(stage=Stage.KEPT)
        turn.put(_noted(kept, message))


def _mark_done(turn: Turn, message: SagaRepair) -> None:
    require(message.evidence, "evidence_required")
    if effect := _decidable(turn, message):
        turn.put(_noted(_done(effect).but(marked=True, answered=True), message))


def _done(effect: Effect) -> Effect:
    """Return it as undone; of a part that was to be given back, as standing without it."""
    if effect.part is None:
        return effect.but(stage=Stage.UNDONE)
    return effect.but(stage=Stage.STANDING, part=None, returned=plus(effect.returned, effect.part))


def _decidable(turn: Turn, message: SagaRepair) -> Effect | None:
    """Return the effect if a person may decide it: it waits, or the saga rests with it in doubt."""
    require(message.key, "key_required")
    effect = turn.saga.effects[message.key] if message.key else None
    if effect and effect.stage is Stage.WAITING:
        return effect
    rests = turn.saga.status is Status.NEEDS_ATTENTION and turn.saga.aim is None
    return effect if effect and rests and effect.stage is Stage.STANDING else None


def _accept_fee(turn: Turn, message: SagaRepair) -> None:
    require(message.key, "key_required")
    effect = turn.saga.effects[message.key] if message.key else None
    if effect and effect.stage is Stage.WAITING:
        require(effect.quote_id, "no_quote")
        turn.put(_noted(effect.unwanted().but(accepted_quote=effect.quote_id), message))


def _force(turn: Turn, message: SagaRepair) -> None:
    """Roll back without an answer of the executor (protocol R6), or although a pivot stands (P8)."""
    saga = turn.saga
    if saga.aim or saga.status not in {Status.HALTING, Status.NEEDS_ATTENTION}:
        return
    turn.set(ended=Ending(epoch=saga.epoch, result=EndResult.HALTED, code="forced"), awaited={}, releases=(), code="forced")
    turn.put(*(_noted(e, message) for e in saga.within(Stage.STANDING)))
    roll_back(turn)


def _noted(effect: Effect, message: SagaRepair) -> Effect:
    return effect.but(note=f"{message.action} by {message.by}: {message.reason}"[:500])


_ACTIONS: Mapping[str, Callable[[Turn, SagaRepair], None]] = {
    "retry": _retry,
    "skip": _skip,
    "mark_done": _mark_done,
    "accept_fee": _accept_fee,
    "force": _force,
}
