"""Those who ask others for money in somebody's name."""

from datetime import datetime
from typing import Any

from tuntas.connectors.payment.actions import REQUEST
from tuntas.connectors.payment.providers.orders import hold_of, searched, with_own
from tuntas.connectors.payment.providers.transfers import query
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.bookings import Bookings, Words
from tuntas.kit.connector.http import Client
from tuntas.kit.connector.provider import Wish

WORDS = Words("/requests", "requests", "request_id", "people", "answered", "receipt_number", named=False)


class Requests(Bookings):
    """A request stands until it is answered, withdrawn, or a week is over; it obliges nobody and costs nothing."""

    def __init__(self, spec: ProviderSpec, client: Client) -> None:
        super().__init__(WORDS, spec, client)

    async def quote(self, wish: Wish) -> list[Offer]:
        """Return the request as it would be made; whom it goes to is looked up first.

        Raises:
            Rejected: `unknown_recipient`, `ambiguous_recipient`, `recipient_mismatch`, `other_instrument`.
        """
        if wish.goal.type != REQUEST.name:
            return []
        with_own(wish)
        found = await searched(self._client, "/requests/search", query(wish.goal.parameters), wish)
        return [_offer(each) for each in found]


def _offer(found: Any) -> Offer:
    payee = found["payee"]
    return Offer(
        offer_id=found["offer_id"],
        provider=found["provider"],
        payee=payee["payee_id"],
        title=f"Ask {payee['name']} for {Money.model_validate(found['asked'])}"[:200],
        expires_at=datetime.fromisoformat(found["expires_at"]),
        steps=(hold_of("request", found),),
        details={"payee": payee, "asked": found["asked"]},
    )
