"""Consents with the wallets of their persons: loaded and locked together, written together, so that a budget is reserved atomically."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.trust import MandateSet
from tuntas.kit.persistence.database import Row, Session, Shared, SharedTable
from tuntas.kit.persistence.store import Store
from tuntas.trust.state import Consent, Wallet, blank

WALLETS = SharedTable("wallets", "person")


class Consents(Store[Consent]):
    """Task rows in `consents`, persons' wallets in `wallets`, which are locked in key order."""

    wide = True

    def __init__(self) -> None:
        super().__init__("consents", Consent)
        self._versions: dict[UUID, int] = {}

    async def rows_for(self, session: Session, events: Sequence[Any], new: frozenset[UUID]) -> dict[UUID, Row[Consent]]:
        """Load the tasks of a batch, make blank ones for messages that name a person, and lend every one its person's wallet."""
        rows = await self.load(session, (event.task_id for event in events), new)
        for event in events:
            if event.task_id not in rows and isinstance(event.body, (PlanProposed, MandateSet)):
                rows[event.task_id] = Row(event.task_id, event.tenant, 0, blank(event.body.person), frozenset())
        wallets = await self._wallets(session, {row.state.person for row in rows.values() if row.state and row.state.person})
        for row in rows.values():
            if row.state and row.state.person:
                row.state = row.state.model_copy(update={"wallet": wallets[row.state.person]})
        return rows

    async def _wallets(self, session: Session, persons: Iterable[UUID]) -> dict[UUID, Wallet]:
        wanted = sorted(persons)
        found = await session.shared(WALLETS, wanted) if wanted else {}
        self._versions = {person: shared.version for person, shared in found.items()}
        return {p: Wallet.model_validate_json(found[p].doc) if p in found else Wallet(person=p) for p in wanted}

    def kept(self, state: Consent) -> Consent:
        """Return a consent without the wallet that was lent to it."""
        return state.model_copy(update={"wallet": None})

    async def beside(self, session: Session, rows: Sequence[Row[Consent]]) -> None:
        """Write each wallet once.

        Raises:
            Transient: `conflict`: another writer was quicker.
        """
        lent = {row.state.person: (row.tenant, row.state.wallet) for row in rows if row.state and row.state.person and row.state.wallet}
        if lent:
            changed = {p: Shared(tenant, self._versions.get(p, 0), wallet.model_dump_json()) for p, (tenant, wallet) in lent.items()}
            await session.share(WALLETS, changed)
