"""The audit log's table: one chain, one writer at a time, in the transaction of what is written about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from tuntas.kit.audit import Act, Head, Signed, signed

_LAST = """select clock_timestamp() as at, (select seq from audit order by seq desc limit 1) as seq,
    (select body from audit order by seq desc limit 1) as body"""


@dataclass(frozen=True)
class Journal:
    """Writes and reads the audit log. `pool` is the service's own; the key's public half is what whoever checks the log has to know."""

    pool: Any
    key_id: str
    private: SecretStr

    async def write(self, con: Any, acts: Sequence[Act]) -> None:
        """Append acts, last in a transaction: from here to its end nobody else writes."""
        await con.execute("select pg_advisory_xact_lock('audit'::regclass::oid::bigint)")
        last = await con.fetchrow(_LAST)
        head = Head().to(last["seq"], last["body"]) if last["seq"] else Head()
        for act in acts:
            entry = head.next(act, last["at"])
            made = signed(entry, self.key_id, self.private.get_secret_value())
            columns = (entry.seq, made.body, made.key_id, made.signature)
            await con.execute("insert into audit (seq, body, key_id, signature) values ($1, $2, $3, $4)", *columns)
            head = head.to(entry.seq, made.body)

    async def note(self, act: Act) -> None:
        """Append one act by itself, before what it speaks of leaves."""
        async with self.pool.acquire() as con, con.transaction():
            await self.write(con, [act])

    async def read(self, after: int, limit: int) -> list[Signed]:
        """Return the entries after a number, in order."""
        rows = await self.pool.fetch("select body, key_id, signature from audit where seq > $1 order by seq limit $2", after, limit)
        return [Signed(**row) for row in rows]

    async def last(self) -> int:
        """Return the number of the last entry, 0 if there is none."""
        found: int = await self.pool.fetchval("select coalesce(max(seq), 0) from audit")
        return found
