"""What messages say was used, as facts with ids that every repeat has again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tuntas.billing.state import Usage
from tuntas.contracts.engines import Charge, EngineUsed
from tuntas.contracts.ids import derive
from tuntas.contracts.money import Money, total
from tuntas.contracts.saga import Posting, SagaEnded, SagaOutcome
from tuntas.kit.billing import rating
from tuntas.kit.billing.months import begins
from tuntas.kit.billing.rating import Key
from tuntas.kit.decision import require

LARGEST = 10**17
"""A quantity, and what it is in millionths, must not be larger: 64 bits then hold it with any plan's margin."""

_MOST_NUMBER = 2**31 - 1
_FEES = "fees:"
"""How the receipt's accounts begin that hold what a provider kept."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where facts come from: whose they are, of what, told when, and the month this is in the tenant's zone."""

    tenant: str
    subject: UUID
    task: UUID | None
    number: int
    at: datetime
    month: str

    def fact(self, key: Key, quantity: int, price: str = "") -> Usage:
        """Return a fact. Its id follows from tenant, subject, what is counted, and the closing's or attempt's number.

        Raises:
            InvalidMessage: `out_of_bounds`: a number that the books cannot hold would be met again for ever.
        """
        posted = rating.micro(quantity, key.currency) if key.meter == rating.FEE else quantity
        require(abs(posted) <= LARGEST and 0 <= self.number <= _MOST_NUMBER, "out_of_bounds", f"{key.meter} {quantity}")
        return Usage(
            id=derive("usage", self.tenant, self.subject, key.meter, key.party, key.item, key.currency, self.number),
            subject=self.subject,
            task=self.task,
            meter=key.meter,
            party=key.party,
            item=key.item,
            currency=key.currency,
            quantity=quantity,
            number=self.number,
            price=price,
            month=self.month,
            at=self.at,
        )


def closing(told: Told, message: SagaEnded) -> Iterator[Usage]:
    """Yield what a closing counts: the task by its outcome, what providers kept as fees, and what moved and did not come back."""
    done = message.outcome is SagaOutcome.COMPLETED
    yield told.fact(Key(rating.COMPLETED if done else rating.COMPENSATED), 1)
    for (provider, currency), minor in sorted(_fees(message.receipt.postings).items()):
        if minor:
            yield told.fact(Key(rating.FEE, provider, currency=currency), minor)
    for currency, minor in sorted(message.kept.items()):
        if minor:
            yield told.fact(Key(rating.MOVED, currency=currency), minor)


def _fees(postings: Iterable[Posting]) -> dict[tuple[str, str], int]:
    kept = [p for p in postings if p.account.startswith(_FEES)]
    return {
        (provider, currency): minor
        for provider in {p.account.removeprefix(_FEES) for p in kept}
        for currency, minor in total(
            Money(amount_minor=p.amount_minor, currency=p.currency) for p in kept if p.account == _FEES + provider
        ).items()
    }


def engine(told: Told, message: EngineUsed) -> Iterator[Usage]:
    """Yield what one attempt at an engine counts; whether it helped is not asked, for it is charged all the same."""
    tokens = message.tokens
    counts = {rating.CALL: 1, rating.INPUT: tokens.input, rating.CACHED: tokens.cached, rating.OUTPUT: tokens.output}
    for meter, quantity in counts.items():
        if quantity:
            yield told.fact(Key(meter, message.engine, message.model), quantity)
    charges: tuple[tuple[str, Charge | None], ...] = ((rating.CHARGE, message.charge), (rating.REFERENCE, message.reference))
    for meter, charge in charges:
        if charge and charge.amount_micro:
            yield told.fact(Key(meter, message.engine, message.model, charge.currency), charge.amount_micro, charge.price)


def reversal(fact: Usage) -> Usage:
    """Return what takes a fact back, in the month of the fact itself."""
    return fact.model_copy(update={"id": derive("reversal", fact.id), "quantity": -fact.quantity, "supersedes": fact.id})


def opening(tenant: str, month: str, zone: str) -> Usage:
    """Return the month itself as a fact: it is owed once anything was used in it."""
    told = Told(tenant, derive("month", tenant, month), None, 0, begins(month, zone), month)
    return told.fact(Key(rating.BASE), 1)
