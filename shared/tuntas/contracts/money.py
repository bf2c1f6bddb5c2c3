"""Money: integer minor units and an ISO 4217 code. Never a float, never two currencies in one sum (protocol P14)."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta
from pydantic import Field

from tuntas.contracts.base import TO_THE_END, Contract

_CURRENCY = r"^[A-Z]{3}$"

Currency = Annotated[str, Meta(pattern=_CURRENCY + TO_THE_END), Field(pattern=_CURRENCY)]
"""An ISO 4217 code."""

Amounts = dict[Currency, int]
"""Minor units per currency."""

_NO_MINOR_UNIT = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})


class Money(Contract):
    """An amount in minor units (IDR has two decimals in ISO 4217, so one rupiah is 100)."""

    amount_minor: int
    currency: Currency

    def __str__(self) -> str:
        places = exponent(self.currency)
        whole, part = divmod(abs(self.amount_minor), 10**places)
        digits = f"{whole:,}" + (f".{part:0{places}d}" if places and part else "")
        return f"{self.currency} {'-' if self.amount_minor < 0 else ''}{digits}"


def exponent(currency: str) -> int:
    """Return how many decimal places a currency's minor unit is below its unit."""
    return 0 if currency in _NO_MINOR_UNIT else 2


def plus(left: Money | None, right: Money) -> Money:
    """Return the sum of two amounts in one currency; none counts as nothing."""
    return right if left is None else right.model_copy(update={"amount_minor": left.amount_minor + right.amount_minor})


def less(left: Money, right: Money | None) -> Money:
    """Return what is left of an amount after another in the same currency; none counts as nothing."""
    return left if right is None else left.model_copy(update={"amount_minor": left.amount_minor - right.amount_minor})


def total(parts: Iterable[Money]) -> Amounts:
    """Add up amounts, each currency by itself."""
    sums: Amounts = {}
    for part in parts:
        sums[part.currency] = sums.get(part.currency, 0) + part.amount_minor
    return sums


def difference(left: Mapping[str, int], right: Mapping[str, int]) -> Amounts:
    """Return left minus right for each currency, without zeros."""
    sums = {currency: left.get(currency, 0) - right.get(currency, 0) for currency in {*left, *right}}
    return {currency: amount for currency, amount in sums.items() if amount}


def within(amounts: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    """Say whether each amount has a limit in its own currency and stays within it."""
    return all(amount <= limits.get(currency, 0) for currency, amount in amounts.items())
