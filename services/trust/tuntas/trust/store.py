"""Consents with the wallets of their persons: loaded and locked together, written together, so that a budget is reserved atomically."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.trust import MandateSet
from tuntas.kit.errors import Transient
from tuntas.kit.persistence.store import Connection, Row, Store
from tuntas.trust.state import Consent, Wallet, blank

_LOAD = "select person, version, doc from wallets where person = any($1::uuid[]) order by person for update"
_SAVE = """insert into wallets as w (person, tenant, version, doc)
    select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[])
    on conflict (person) do update set doc = excluded.doc, version = excluded.version, updated_at = now()
    where w.version = excluded.version - 1 returning person"""


class Consents(Store[Consent]):
    """Task rows in `consents`, persons' wallets in `wallets`, which are locked in key order."""

    wide = True

    def __init__(self) -> None:
        super().__init__("consents", Consent)
        self._versions: dict[UUID, int] = {}

    async def rows_for(self, con: Connection, events: Sequence[Any], new: frozenset[UUID]) -> dict[UUID, Row[Consent]]:
        """Load the tasks of a batch, make blank ones for messages that name a person, and lend every one its person's wallet."""
        rows = await self.load(con, (event.task_id for event in events), new)
        for event in events:
            if event.task_id not in rows and isinstance(event.body, (PlanProposed, MandateSet)):
                rows[event.task_id] = Row(event.task_id, event.tenant, 0, blank(event.body.person), frozenset())
        wallets = await self._wallets(con, {row.state.person for row in rows.values() if row.state and row.state.person})
        for row in rows.values():
            if row.state and row.state.person:
                row.state = row.state.model_copy(update={"wallet": wallets[row.state.person]})
        return rows

    async def _wallets(self, con: Connection, persons: Iterable[UUID]) -> dict[UUID, Wallet]:
        wanted = sorted(persons)
        found = {r["person"]: r for r in await con.fetch(_LOAD, wanted)}
        self._versions = {person: row["version"] for person, row in found.items()}
        return {p: Wallet.model_validate_json(found[p]["doc"]) if p in found else Wallet(person=p) for p in wanted}

    def kept(self, state: Consent) -> Consent:
        """Return a consent without the wallet that was lent to it."""
        return state.model_copy(update={"wallet": None})

    async def beside(self, con: Connection, rows: Sequence[Row[Consent]]) -> None:
        """Write each wallet once.

        Raises:
            Transient: `conflict`: another writer was quicker.
        """
        lent = {row.state.person: (row.tenant, row.state.wallet) for row in rows if row.state and row.state.person and row.state.wallet}
        if not lent:
            return
        columns = [(p, tenant, self._versions.get(p, 0) + 1, wallet.model_dump_json()) for p, (tenant, wallet) in sorted(lent.items())]
        written = await con.fetch(_SAVE, *(list(column) for column in zip(*columns, strict=True)))
        if len(written) != len(columns):
            raise Transient("conflict", "a wallet moved")
