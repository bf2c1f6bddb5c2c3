"""Receipts: what is left of each effect, and every movement of money as a double entry (protocol P13, P14, P16)."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from tuntas.contracts.connectors import Declaration, Outcome
from tuntas.contracts.money import Amounts, Money, total
from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.saga import EffectRecord, EffectState, Posting, Receipt, SagaOutcome
from tuntas.kit.decision import Context
from tuntas.saga.state import TERMINAL, Effect, Saga, Stage

_CLEARING, _PERSON = "clearing", "person"
_OBLIGING_NOTHING = frozenset({Phase.READ, Phase.HOLD, Phase.AUTHORIZE})


def receipt(saga: Saga, context: Context, outcome: SagaOutcome | None, closing: int) -> Receipt:
    """Return the receipt of a closing; without an outcome it is provisional."""
    effects = sorted((e for e in saga.effects.values() if not e.read), key=lambda e: e.declaration.start)
    postings = tuple(p for e in effects for p in _postings(e))
    return Receipt(
        task_id=context.task_id,
        tenant=context.tenant,
        closing=closing,
        outcome=outcome,
        provisional=outcome is None,
        code=saga.reason or saga.code or "unknown",
        effects=tuple(map(_record, effects)),
        postings=postings,
        kept=kept(postings),
        residue=tuple(_name(e) for e in effects if e.stage is Stage.KEPT),
        rungs=saga.ended.rungs if saga.ended else (),
        trace_id=saga.trace_id or context.trace_id,
    )


def kept(postings: Iterable[Posting]) -> Amounts:
    """Return what is not coming back, per currency: merchants' prices and fees, or what the person paid if that is more."""
    owed: Amounts = {}
    paid: Amounts = {}
    for posting in postings:
        if posting.account == _PERSON:
            paid[posting.currency] = paid.get(posting.currency, 0) - posting.amount_minor
        elif posting.account != _CLEARING:
            owed[posting.currency] = owed.get(posting.currency, 0) + posting.amount_minor
    most = {currency: max(owed.get(currency, 0), paid.get(currency, 0)) for currency in sorted({*owed, *paid})}
    return {currency: amount for currency, amount in most.items() if amount}


def money_at_risk(saga: Saga) -> Amounts:
    """Return what stands or may stand at providers while the outcome is open, per currency."""
    if saga.status in TERMINAL:
        return {}
    alive = saga.within(Stage.STANDING, Stage.UNDOING, Stage.WAITING)
    return total(e.declaration.at_risk for e in alive if e.declaration.at_risk)


def undo_price(saga: Saga, now: datetime) -> Amounts:
    """Return what undoing everything would cost at worst, per currency."""
    alive = saga.within(Stage.STANDING, Stage.UNDOING, Stage.WAITING)
    return total(fee for e in alive if (fee := worst_fee(e.declaration, now)))


def worst_fee(declaration: Declaration, now: datetime) -> Money | None:
    """Return what undoing costs at worst by the terms that were declared; none if they say nothing."""
    terms = declaration.undo
    late = terms.until is not None and now > terms.until
    unstated = terms.fee is None and declaration.kind is StepKind.PIVOT
    return declaration.at_risk or terms.fee if late or unstated else terms.fee


def _record(effect: Effect) -> EffectRecord:
    declared = effect.declaration
    return EffectRecord(
        step_id=declared.step_id,
        attempt=declared.attempt,
        key=declared.key,
        connector=declared.connector,
        provider=declared.provider,
        action=declared.action,
        state=_state(effect),
        reference=effect.reference,
        amount=effect.price,
        fee=fee_of(effect) or effect.asked_fee,
        refund=effect.refund or effect.returned,
        note=(effect.note or effect.code or "")[:500],
    )


def _state(effect: Effect) -> EffectState:
    if effect.stage is Stage.UNDONE:
        return EffectState.NOTHING if effect.nothing else EffectState.UNDONE
    if effect.stage is Stage.KEPT:
        return EffectState.RESIDUE
    done = (effect.stage is Stage.STANDING or effect.part) and effect.listed is Outcome.DONE
    return EffectState.KEPT if done else EffectState.IN_DOUBT


def _name(effect: Effect) -> str:
    return f"{effect.declaration.step_id} {effect.reference or effect.key}"


def _happened(effect: Effect) -> bool:
    """Say whether it is posted. What a person decided to keep is, even if in doubt: money must not be freed on a guess."""
    if effect.stage is Stage.UNDONE:
        return not effect.nothing
    return effect.stage is Stage.KEPT or Outcome.DONE in {effect.listed, effect.observed}


def _obliges_nothing(effect: Effect) -> bool:
    return effect.declaration.phase in _OBLIGING_NOTHING


def fee_of(effect: Effect) -> Money | None:
    """Return what the provider kept of an undone effect: the fee it named, else what it did not refund."""
    price, refund = effect.price, effect.refund
    if effect.stage is not Stage.UNDONE or effect.fee or not _happened(effect) or _obliges_nothing(effect):
        return effect.fee
    if not (price and refund) or price.currency != refund.currency or refund.amount_minor >= price.amount_minor:
        return None
    return Money(amount_minor=price.amount_minor - refund.amount_minor, currency=price.currency)


def _postings(effect: Effect) -> Iterator[Posting]:
    fee = fee_of(effect) if effect.stage is Stage.UNDONE else None
    price = effect.price
    if price and _happened(effect) and not _obliges_nothing(effect):
        yield from _moved(effect, price, fee)
    if fee and fee.amount_minor:
        yield from _pair(effect, f"fees:{effect.declaration.provider}", fee.amount_minor, fee.currency)


def _moved(effect: Effect, price: Money, fee: Money | None) -> Iterator[Posting]:
    account, amount, back = f"merchant:{effect.declaration.provider}", price.amount_minor, price.amount_minor
    if effect.declaration.moves_money:
        account, amount = _PERSON, -price.amount_minor
        back = amount + (fee.amount_minor if fee and fee.currency == price.currency else 0)
    yield from _pair(effect, account, amount, price.currency)
    if effect.stage is Stage.UNDONE:
        yield from _pair(effect, account, -back, price.currency)
    elif effect.returned:
        yield from _pair(effect, account, effect.returned.amount_minor, price.currency)


def _pair(effect: Effect, account: str, amount: int, currency: str) -> Iterator[Posting]:
    where = {"currency": currency, "step_id": effect.declaration.step_id, "attempt": effect.declaration.attempt}
    yield Posting.model_validate({"account": account, "amount_minor": amount, **where})
    yield Posting.model_validate({"account": _CLEARING, "amount_minor": -amount, **where})
