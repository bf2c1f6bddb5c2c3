"""Those who carry money to others."""

from typing import Any

from tuntas.connectors.payment.actions import TRANSFER
from tuntas.connectors.payment.providers.orders import Orders, amount_of, offer_of, searched, with_own
from tuntas.contracts.base import Document
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish

WORDS = Words("/transfers", "transfers", "transfer_id", "people", "sent", "receipt_number", named=False)


class Transfers(Orders):
    """One way money goes to somebody else's account."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return what sending it costs; the recipient is looked up first and shown, in part, before anybody agrees.

        Raises:
            Rejected: `unknown_recipient`, `ambiguous_recipient`, `recipient_mismatch`, `limit`, `unsupported_currency`, `other_instrument`.
        """
        if wish.goal.type != TRANSFER.name:
            return []
        with_own(wish)
        found = await searched(self._client, "/transfers/search", query(wish.goal.parameters), wish)
        return [_offer(each) for each in found if each["provider"] == self.spec.name]


def query(asked: Document) -> Document:
    """Return the search for a transfer, or for a request.

    Raises:
        Rejected: `invalid`: the amount is none.
    """
    texts = {name: str(asked[name])[:200] for name in ("recipient", "account", "note") if name in asked}
    return texts | amount_of(asked).model_dump()


def _offer(found: Any) -> Offer:
    sent, fee, payee = Money.model_validate(found["sent"]), Money.model_validate(found["fee"]), found["payee"]
    title = f"{sent} to {payee['name']}, account {payee['account']}, fee {fee}"
    return offer_of("transfer", found, title, {"payee": payee, "sent": found["sent"], "fee": found["fee"]})
