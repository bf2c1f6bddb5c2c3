"""Rehearsals of undoing, as they lie in their tables."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from tuntas.contracts.connectors import UndoQuoted
from tuntas.contracts.saga import SagaDrilled
from tuntas.gateway.drilling import Drill, bill
from tuntas.gateway.journal import Journal
from tuntas.kit.audit import Act


async def order(journal: Journal, task_id: UUID, by: str | None) -> UUID:
    """Keep a new rehearsal and return its id. It is in the audit log if an operator ordered it."""
    drill_id = uuid4()
    async with journal.pool.acquire() as con, con.transaction():
        await con.execute("insert into drills (id, task_id) values ($1, $2)", drill_id, task_id)
        if by is not None:
            await journal.write(con, [Act(by=by, action="drill.ordered", subject=str(task_id), details={"drill": str(drill_id)})])
    return drill_id


async def keep(con: Any, told: Sequence[SagaDrilled | UndoQuoted]) -> None:
    """Keep what rehearsals came to, in the transaction of the messages that said so."""
    for each in told:
        if isinstance(each, SagaDrilled):
            await con.execute("update drills set told = $2 where id = $1", each.drill_id, each.model_dump_json())
        else:
            await con.execute(
                "insert into drill_quotes (drill_id, key, quote) select id, $2, $3 from drills where id = $1 on conflict do nothing",
                each.drill_id,
                each.key,
                each.model_dump_json(),
            )


async def read(pool: Any, drill_id: UUID) -> Drill:
    """Return a rehearsal as far as it was answered."""
    row = await pool.fetchrow("select task_id, told from drills where id = $1", drill_id)
    rows = await pool.fetch("select quote from drill_quotes where drill_id = $1", drill_id)
    quotes = [UndoQuoted.model_validate_json(each["quote"]) for each in rows]
    told = SagaDrilled.model_validate_json(row["told"]) if row["told"] else None
    return bill(row["task_id"], drill_id, told, {quote.key: quote for quote in quotes})
