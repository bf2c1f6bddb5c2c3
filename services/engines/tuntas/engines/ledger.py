"""What calls used, kept and told: one row and one event for each attempt, in one transaction, before anybody is answered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuntas.contracts.engines import EngineUsed
from tuntas.kit.decision import Send
from tuntas.kit.failpoints import pass_point
from tuntas.kit.messaging.unit_of_work import packed
from tuntas.kit.messaging.wire import encode
from tuntas.kit.persistence.postgres import keep

SERVICE = "engines"

_INSERT = """insert into calls (call, attempt, at, tenant, task_id, scenario, engine, model, outcome, input, cached, output, estimated,
        milliseconds, charge, reference)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Keeps attempts. The event lies in the runtime's outbox, from which whoever owns its partition publishes it, also after a crash."""

    pool: Any

    async def keep(self, used: EngineUsed, tenant: str, traceparent: str) -> None:
        """Keep one attempt; it is told at least once, always under the same id."""
        at = datetime.now(UTC)
        record = encode(
            Send(used),
            source=SERVICE,
            task_id=used.task or used.call,
            tenant=tenant,
            cause_id=used.call,
            ordinal=used.attempt,
            now=at,
            traceparent=traceparent,
        )
        row = (used.call, used.attempt, at, tenant, used.task, used.scenario, used.engine, used.model, used.outcome)
        tokens = (used.tokens.input, used.tokens.cached, used.tokens.output, used.tokens.estimated)
        charges = (used.charge.model_dump_json() if used.charge else None, used.reference.model_dump_json() if used.reference else None)
        async with self.pool.acquire() as con, con.transaction():
            await con.execute(_INSERT, *row, *tokens, used.milliseconds, *charges)
            await keep(con, packed([record], at))
        pass_point(SERVICE, "committed")
