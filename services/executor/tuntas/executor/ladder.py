"""The fallback ladder: what is tried when an attempt will not do, before the task is given up (architecture, "The fallback ladder")."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from tuntas.contracts.executor import EndResult
from tuntas.contracts.plan import Offer, StepKind, Window
from tuntas.contracts.planner import PlanAmend
from tuntas.contracts.saga import AttemptRelease
from tuntas.executor.declare import within_ceiling
from tuntas.executor.run import AMEND, Run
from tuntas.executor.state import Attempt, AttemptStatus, Loss, Status
from tuntas.executor.tally import end


class Rung(StrEnum):
    """One way of going on. `elsewhere` is a substitute at another provider."""

    REPEAT = "repeat"
    REHOLD = "rehold"
    SUBSTITUTE = "substitute"
    ELSEWHERE = "elsewhere"
    AMEND = "amend"


_LAPSED = (Rung.REHOLD, Rung.SUBSTITUTE, Rung.AMEND)
_OTHER_OFFER = (Rung.SUBSTITUTE, Rung.AMEND)
_OTHER_PROVIDER = (Rung.REPEAT, Rung.ELSEWHERE, Rung.AMEND)
_GIVE_UP: tuple[Rung, ...] = ()

LADDER: Mapping[str, tuple[Rung, ...]] = MappingProxyType(
    {
        # Commerce 5.1 S3: the offer is as good as it was; only our hold on it ran out, or is not there any more.
        "hold_expired": _LAPSED,
        "authorization_expired": _LAPSED,
        "authorization_voided": _LAPSED,
        "expired": _LAPSED,
        "voided": _LAPSED,
        "not_alive": _LAPSED,
        "no_object": _LAPSED,
        # C1 and X2: this offer is gone or changed; the next in line was approved with it.
        "sold_out": _OTHER_OFFER,
        "coupon_gone": _OTHER_OFFER,
        "price_changed": _OTHER_OFFER,
        "offer_expired": _OTHER_OFFER,
        "cancelled_by_provider": _OTHER_OFFER,
        # P2: the person left this provider's page; another may not ask them.
        "user_timeout": _OTHER_OFFER,
        # C2, C4 and S1: not this offer but this provider is the trouble; its other offers would meet the same.
        "unavailable": _OTHER_PROVIDER,
        "overloaded": _OTHER_PROVIDER,
        "rate_limited": _OTHER_PROVIDER,
        "no_answer": _OTHER_PROVIDER,
        # P1 and P3: the person's money or limit says no; a second try elsewhere would be a way around it.
        "declined": _GIVE_UP,
        "insufficient_funds": _GIVE_UP,
        "limit": _GIVE_UP,
        # R18 and A3: more than was approved, or not approved at all.
        "amount": _GIVE_UP,
        "over_ceiling": _GIVE_UP,
        "payee": _GIVE_UP,
        "instrument": _GIVE_UP,
        "not_approved": _GIVE_UP,
        "not_in_approval": _GIVE_UP,
        "forged_approval": _GIVE_UP,
        "foreign_approval": _GIVE_UP,
        "stale_approval": _GIVE_UP,
        "approval_expired": _GIVE_UP,
        # Ours to mend: the next offer would carry the same fault.
        "invalid": _GIVE_UP,
        "travellers_missing": _GIVE_UP,
        "key_reused": _GIVE_UP,
        # The coordinator has undone it: forward is over, whether we have heard of it or not.
        "compensated": _GIVE_UP,
        # V3: someone stopped this party on purpose, or erased the person.
        "parked": _GIVE_UP,
        "erased": _GIVE_UP,
        # The money went back: what was paid for is not ours any more.
        "refunded": _GIVE_UP,
        # The old effect may still be there: another beside it would be two (P2).
        "release_stuck": _GIVE_UP,
    }
)
"""First rung first. A code that is not listed is a provider's own reason, which another offer need not share."""

_RETRIABLE = frozenset({Rung.REPEAT, Rung.REHOLD})


def climb(run: Run, loss: Loss) -> None:
    """Take the first rung that holds for a lost attempt; without one the execution ends."""
    kind = next(a.declaration.kind for a in run.state.attempts if a.key == loss.key)
    for rung in LADDER.get(loss.code, _OTHER_OFFER):
        if (kind is not StepKind.RETRIABLE or rung in _RETRIABLE) and _RUNGS[rung](run, loss):
            name = Rung.SUBSTITUTE if rung is Rung.ELSEWHERE else rung
            run.set(rungs=(*run.state.rungs, f"{name}:{loss.leg_id}"))
            return
    end(run, EndResult.FAILED, loss.code)


def release(run: Run, attempts: list[Attempt]) -> None:
    """Have the coordinator undo these attempts before anything takes their place."""
    for attempt in attempts:
        run.settle(attempt, AttemptStatus.RELEASING)
    if attempts:
        run.send(AttemptRelease(epoch=run.state.epoch, declarations=tuple(a.declaration for a in attempts)))


def amend(
    run: Run, legs: tuple[str, ...], code: str, *, failed: tuple[str, ...] | None = None, windows: Mapping[str, Window] | None = None
) -> None:
    """Ask the planner for the next revision with other offers for these legs, and none again that `failed`: without it, all have."""
    wanted = max(run.state.revision, run.state.asked) + 1
    gone = legs if failed is None else failed
    tried = tuple(dict.fromkeys((*run.state.tried, *(run.offer(leg).offer_id for leg in gone))))
    run.set(status=Status.AMENDING, failed_legs=legs, asked=wanted, tried=tried)
    base = run.state.revision if run.state.revision < wanted - 1 else None
    message = PlanAmend(
        revision=wanted - 1, base=base, epoch=run.state.epoch, failed_legs=legs, tried=tried, windows=dict(windows or {}), code=code
    )
    run.send(message)
    run.wake(AMEND, run.later(run.policy.amend_seconds))


def _repeat(run: Run, loss: Loss) -> bool:
    """Only a step that must succeed in the end is attempted anew for a refusal that passes."""
    attempt = run.state.attempt(loss.key)
    attempts = len(run.state.of_step(loss.step_id))
    if not attempt or not attempt.gone or attempt.declaration.kind is not StepKind.RETRIABLE:
        return False
    if attempts >= run.policy.tries[StepKind.RETRIABLE]:
        return False
    at = run.now + run.policy.backoff(attempts)
    run.change(attempt, not_before=at)
    run.wake(attempt.again_timer, at)
    _forget(run, loss.leg_id)
    return True


def _rehold(run: Run, loss: Loss) -> bool:
    if run.state.reheld.count(loss.leg_id) >= run.policy.reholds or _bound(run, loss):
        return False
    run.set(reheld=(*run.state.reheld, loss.leg_id))
    _restart(run, loss.leg_id)
    return True


def _substitute(run: Run, loss: Loss) -> bool:
    return _substitute_by(run, loss, lambda _: True)


def _elsewhere(run: Run, loss: Loss) -> bool:
    provider = run.offer(loss.leg_id).provider
    return _substitute_by(run, loss, lambda offer: offer.provider != provider)


def _substitute_by(run: Run, loss: Loss, suits: Callable[[Offer], bool]) -> bool:
    offers, at = run.plan.leg(loss.leg_id).offers, run.state.choices.get(loss.leg_id, 0)
    found = next((i for i in range(at + 1, len(offers)) if suits(offers[i]) and _stands_in(run, loss.leg_id, offers[i])), None)
    if found is None or _bound(run, loss):
        return False
    run.set(choices={**run.state.choices, loss.leg_id: found}, tried=(*run.state.tried, offers[at].offer_id))
    _restart(run, loss.leg_id)
    return True


def _stands_in(run: Run, leg_id: str, offer: Offer) -> bool:
    """The planner filtered the alternatives; that was when the plan was made, and money is checked twice."""
    steps = [step for step in run.plan.steps if step.leg_id == leg_id]
    return (
        offer.kinds() == run.offer(leg_id).kinds()
        and offer.expires_at > run.now
        and offer.offer_id not in run.state.tried
        and all(within_ceiling(step, offer.price) for step in steps if not step.sums)
    )


def _amend(run: Run, loss: Loss) -> bool:
    if run.state.amendments >= run.policy.amendments or _bound(run, loss):
        return False
    run.set(amendments=run.state.amendments + 1)
    _forget(run, loss.leg_id)
    amend(run, (loss.leg_id,), loss.code)
    return True


def _bound(run: Run, loss: Loss) -> bool:
    """A leg can no longer be replaced once something irreversible is in it, or money that includes it is moving."""
    steps = {step.step_id for step in run.plan.steps if step.leg_id == loss.leg_id}
    sums = {step.step_id for step in run.plan.steps if steps & {*step.sums}}
    since = min(a.declaration.start for a in run.state.attempts if a.key == loss.key or (a.leg_id == loss.leg_id and not a.gone))
    return any(a.pivot for a in run.state.alive(loss.leg_id)) or any(
        not a.gone and a.step_id in sums and a.declaration.start > since for a in run.state.attempts
    )


def _restart(run: Run, leg_id: str) -> None:
    _forget(run, leg_id)
    release(run, list(run.state.alive(leg_id)))


def _forget(run: Run, leg_id: str) -> None:
    run.set(losses=tuple(loss for loss in run.state.losses if loss.leg_id != leg_id))


_RUNGS: Mapping[Rung, Callable[[Run, Loss], bool]] = MappingProxyType(
    {Rung.REPEAT: _repeat, Rung.REHOLD: _rehold, Rung.SUBSTITUTE: _substitute, Rung.ELSEWHERE: _elsewhere, Rung.AMEND: _amend}
)
