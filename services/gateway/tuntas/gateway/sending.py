"""Repairs leave: one task after the other, each repair at its own rate, whichever replica is there to send it."""

import asyncio
from dataclasses import dataclass

from tuntas.contracts.ids import derive
from tuntas.gateway.repairs import Repairs
from tuntas.kit.app import Publish
from tuntas.kit.decision import Send

_IDLE_SECONDS = 0.2


@dataclass(frozen=True)
class Sender:
    """Sends what is due. Every replica has one; a repair is held by one of them at a time.

    The message's id follows from repair and task: what left before a crash and was not marked leaves again, and counts once.
    """

    repairs: Repairs
    publish: Publish

    async def step(self) -> None:
        """Send the next task's repair, or wait a little for one to be due."""
        async with self.repairs.pool.acquire() as con, con.transaction():
            out = await self.repairs.due(con)
            if out:
                cause = derive("repair", out.repair_id, out.task_id)
                await self.publish(out.task_id, out.tenant, Send(out.message), out.traceparent, cause)
        if out is None:
            await asyncio.sleep(_IDLE_SECONDS)
