"""What has to be given back of payments whose rest stands, because some of what they paid for was given up. Pure."""

from collections.abc import Iterator

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money, less
from tuntas.saga.receipts import fee_of
from tuntas.saga.state import Effect, Saga, Stage


def due(saga: Saga) -> Iterator[Effect]:
    """Yield the payments of which a part has to be given back, to be undone for that part: what given-up effects cost less their fees."""
    for effect in saga.within(Stage.STANDING):
        price = effect.price
        if not effect.declaration.sums or effect.marked or price is None:
            continue
        back = sum(_back(e, price.currency) for e in _given_up(saga, effect))
        owed = min(back, price.amount_minor) - (effect.returned.amount_minor if effect.returned else 0)
        if owed > 0:
            yield effect.unwanted().but(part=Money(amount_minor=owed, currency=price.currency))


def _given_up(saga: Saga, payment: Effect) -> Iterator[Effect]:
    paid = (e for e in saga.within(Stage.UNDONE) if e.declaration.step_id in payment.declaration.sums and e.listed is Outcome.DONE)
    return (e for e in paid if e.declaration.leg_id in saga.given_up)


def _back(effect: Effect, currency: str) -> int:
    price, fee = effect.price, fee_of(effect)
    if price is None or price.currency != currency:
        return 0
    return less(price, fee).amount_minor if fee and fee.currency == currency else price.amount_minor
