"""What undoing everything would cost, effect by effect: as providers quoted it, else by the terms that were declared. Pure."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from tuntas.contracts.base import Code, Contract
from tuntas.contracts.connectors import UndoQuoted
from tuntas.contracts.money import Amounts, Money, total
from tuntas.contracts.saga import DrilledEffect, SagaDrilled

_NOTHING = frozenset({"free", "consumed", "no_effect"})


class Costed(Contract):
    """One effect of a rehearsal. `source` says who says so: the provider now, our own rows, or the terms of its declaration.

    Not `allowed`: the provider would not undo it at any price, so its amount would be lost. `fee` none: nothing, or (declared) not said.
    """

    step_id: str
    key: UUID
    provider: str
    amount: Money | None
    source: Literal["provider", "own", "declared"]
    allowed: bool = True
    fee: Money | None = None
    refund: Money | None = None
    code: Code | None = None


class Drill(Contract):
    """A rehearsal of undoing a task: nothing was undone. `complete` says that every effect's connector answered in time.

    `cost` is all fees, and the amounts of what would not be undone at any price, per currency.
    """

    task_id: UUID
    drill_id: UUID
    version: int
    complete: bool
    cost: Amounts
    effects: tuple[Costed, ...]


def bill(task_id: UUID, drill_id: UUID, told: SagaDrilled | None, quotes: Mapping[UUID, UndoQuoted]) -> Drill:
    """Return a rehearsal as far as it was answered."""
    effects = tuple(_costed(effect, quotes.get(effect.key)) for effect in told.effects) if told else ()
    fees = (each.fee if each.allowed else each.amount for each in effects)
    complete = told is not None and all(effect.key in quotes for effect in told.effects)
    version = told.version if told else 0
    cost = total(fee for fee in fees if fee)
    return Drill(task_id=task_id, drill_id=drill_id, version=version, complete=complete, cost=cost, effects=effects)


def _costed(effect: DrilledEffect, quote: UndoQuoted | None) -> Costed:
    shown = Costed(step_id=effect.step_id, key=effect.key, provider=effect.provider, amount=effect.amount, source="declared")
    if quote and quote.asked and (quote.fee or quote.refund or not quote.allowed):
        return shown.model_copy(update={"source": "provider", **quote.model_dump(include={"allowed", "code"}), **_money(quote)})
    if quote and quote.code in _NOTHING:
        return shown.model_copy(update={"source": "own", "code": quote.code})
    return shown.model_copy(update={"fee": effect.worst_fee, "code": _silence(quote)})


def _money(quote: UndoQuoted) -> dict[str, Money | None]:
    return {"fee": quote.fee, "refund": quote.refund}


def _silence(quote: UndoQuoted | None) -> str:
    """Return why the terms of the declaration have to do."""
    if quote is None:
        return "no_answer"
    return quote.code or "no_quote"
