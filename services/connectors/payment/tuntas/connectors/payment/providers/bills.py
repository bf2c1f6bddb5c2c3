"""Those who take money for bills."""

from typing import Any

from tuntas.connectors.payment.actions import BILL
from tuntas.connectors.payment.providers.orders import Orders, amount_of, offer_of, searched, with_own
from tuntas.contracts.base import Document
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish
from tuntas.kit.errors import Rejected

WORDS = Words("/bills", "payments", "payment_id", "people", "paid", "receipt_number", named=False)


class Bills(Orders):
    """One counter where the bills of many are paid; what is owed is asked of the biller."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return what the biller wants now, or a top-up of the amount that was said.

        Raises:
            Rejected: `unknown_biller`, `unknown_customer`, `amount_missing`: a top-up needs one, `over_amount`: more is owed than the
                person wants to pay, `other_instrument`; `no_offer` if it is paid already.
        """
        if wish.goal.type != BILL.name:
            return []
        with_own(wish)
        asked = wish.goal.parameters
        found = await searched(self._client, "/bills/search", _query(asked), wish)
        return [_offer(each, amount_of(asked) if "amount" in asked else None) for each in found]


def _query(asked: Document) -> Document:
    named: Document = {name: str(asked[name])[:200] for name in ("biller", "customer")}
    return named | (amount_of(asked).model_dump() if "amount" in asked else {})


def _offer(found: Any, most: Money | None) -> Offer:
    price, payee = Money.model_validate(found["price"]), found["payee"]
    if most and price.amount_minor > most.amount_minor:
        raise Rejected("over_amount", f"{price} is owed")
    what = f"for {found['period'][:4]}-{found['period'][4:]}" if found["period"] else "topped up"
    title = f"{payee['name']}, {found['sort']}, {price} {what}"
    return offer_of("bill", found, title, {"payee": payee, "sort": found["sort"], "period": found["period"]})
