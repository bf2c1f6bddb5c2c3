"""Which steps may start, for how much, and how an attempt is declared and asked again."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from tuntas.contracts import ids
from tuntas.contracts.connectors import Declaration
from tuntas.contracts.money import Money, total
from tuntas.contracts.plan import OfferStep, Phase, Step, StepKind
from tuntas.executor.run import Run
from tuntas.executor.state import Attempt, AttemptStatus


def startable(run: Run) -> Iterator[Step]:
    """Yield the steps that may be attempted now: none that stands, or whose leg is lost or makes room for another offer."""
    state = run.state
    latest = {attempt.step_id: attempt for attempt in state.attempts}
    standing = {attempt.step_id for attempt in state.attempts if not attempt.gone}
    blocked = {attempt.leg_id for attempt in state.attempts if attempt.status is AttemptStatus.RELEASING}
    blocked |= {loss.leg_id for loss in state.losses}
    awaited = run.chart.awaited
    for step in run.plan.steps:
        if step.step_id not in standing and step.leg_id not in blocked and _may_start(run, step, awaited[step.step_id], latest):
            yield step


def _may_start(run: Run, step: Step, awaited: frozenset[str], latest: Mapping[str, Attempt]) -> bool:
    """Say whether it is time for a step, and all is done that must be done before it."""
    last = latest.get(step.step_id)
    if last and last.not_before and run.now < last.not_before:
        return False
    return all((before := latest.get(need)) is not None and before.done for need in awaited)


def lapsing(run: Run) -> Iterator[Attempt]:
    """Yield the effects whose clock is within the margin while a step that will act on them has not begun to."""
    for attempt in run.state.attempts:
        if not attempt.done or not attempt.clock or run.now < attempt.clock - run.policy.margin:
            continue
        followers = [run.state.latest(s.step_id) for s in run.plan.steps if s.acts_on == attempt.step_id]
        if any(f is None or f.gone for f in followers):
            yield attempt


def amount_of(run: Run, step: Step) -> Money | None:
    """Return what a step obliges or moves: the actual amounts it sums up, its ceiling if it sets money aside, or its offer's price."""
    if step.sums:
        return _sum(run, step)
    if step.phase is Phase.AUTHORIZE and step.ceiling and _offer_step(run, step).moves_money:
        return step.ceiling
    return run.offer(step.leg_id).price


def _sum(run: Run, step: Step) -> Money | None:
    parts = [a for name in step.sums if (a := run.state.latest(name))]
    sums = total(money for a in parts if (money := a.actual or a.amount))
    currency = step.ceiling.currency if step.ceiling else next(iter(sums), None)
    return Money(amount_minor=sums.get(currency, 0), currency=currency) if currency else None


def within_ceiling(step: Step, amount: Money | None) -> bool:
    """Say whether an amount is in the currency of the step's ceiling and not above it."""
    if step.ceiling is None or amount is None:
        return True
    return amount.currency == step.ceiling.currency and amount.amount_minor <= step.ceiling.amount_minor


def declare(run: Run, step: Step) -> None:
    """Declare the next attempt of a step and command it, in one record."""
    attempt = _attempt(run, step)
    run.set(attempts=(*run.state.attempts, attempt))
    run.transmit(attempt)


def ask_again(run: Run, attempt: Attempt, *, silent: int) -> None:
    """Send an attempt once more, with the same key and body; `silent` counts sendings since the last sign of life."""
    run.transmit(run.change(attempt, tries=attempt.tries + 1, silent=silent))


def _offer_step(run: Run, step: Step) -> OfferStep:
    return run.offer(step.leg_id).step(step.name)


def _attempt(run: Run, step: Step) -> Attempt:
    offered, amount = _offer_step(run, step), amount_of(run, step)
    object_ = run.state.latest(step.acts_on) if step.acts_on else None
    body = {
        "action": offered.action,
        "input": offered.input,
        "acts_on": object_ and str(object_.key),
        "amount": amount,
    }
    return Attempt(
        declaration=_declaration(run, step, offered, amount, _digest(body)),
        input=offered.input,
        acts_on=object_.key if object_ else None,
        amount=amount,
        obliges=offered.obliges or offered.moves_money,
        offer_id=run.offer(step.leg_id).offer_id,
    )


def _digest(body: object) -> str:
    return ids.digest(msgspec.json.encode(body, order="sorted"))


def _until(run: Run, step: Step, forward_by: datetime) -> datetime:
    """Return until when an attempt may act: a pivot only while all it relies on outlives the margin, however late it is sent."""
    if step.kind is not StepKind.PIVOT:
        return forward_by
    used = {a.acts_on for a in run.state.attempts if not a.gone}
    held = (a.clock for a in run.state.attempts if a.done and a.clock and a.key not in used)
    return min([forward_by, *(clock - run.policy.margin for clock in held)])


def _declaration(run: Run, step: Step, offered: OfferStep, amount: Money | None, digest: str) -> Declaration:
    state, number = run.state, len(run.state.of_step(step.step_id)) + 1
    assert state.forward_by is not None, "an execution with a plan has a deadline"  # noqa: S101 - for the type checker
    return Declaration(
        step_id=step.step_id,
        leg_id=step.leg_id,
        connector=run.chart.legs[step.leg_id].connector,
        provider=run.offer(step.leg_id).provider,
        attempt=number,
        key=ids.attempt_key(run.context.task_id, step.step_id, number),
        body_digest=digest,
        revision=state.revision,
        epoch=state.epoch,
        kind=step.kind,
        phase=offered.phase,
        action=offered.action,
        needs=step.needs,
        sums=step.sums,
        start=len(state.attempts) + 1,
        undo=offered.undo,
        at_risk=amount,
        moves_money=offered.moves_money,
        forward_by=_until(run, step, state.forward_by),
        fee_limit=state.fee_limit,
    )
