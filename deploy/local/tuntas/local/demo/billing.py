"""The demo tenant's invoice of this month: whether it counts what was played, and adds up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tuntas.kit.billing.months import month_of
from tuntas.kit.billing.rating import COMPENSATED, COMPLETED
from tuntas.local.demo.stage import Stage

ZONE = "Asia/Jakarta"
"""Where the demo tenant's months end: the plans file's default."""

SECONDS = 20.0
Document = dict[str, Any]


async def billed(stage: Stage, receipts: Sequence[Document]) -> Document:
    """Return the invoice's lines, total and the ledger's sum; `fault` says what is wrong, such as `does_not_add_up`.

    Billing reads closings after they are told, so it is asked until it counts those of the receipts.
    """
    wanted = _outcomes(r["outcome"] for r in receipts)
    found: Document = {"lines": 0, "total": {}, "ledger_sum": None}
    deadline = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            invoice = await stage.call("GET", f"/v1/billing/invoices/{month_of(datetime.now(UTC), ZONE)}")
        except RuntimeError as error:
            found["fault"] = str(error)
        else:
            found = _summed(invoice, wanted)
        if "fault" not in found:
            break
        await asyncio.sleep(0.2)  # what was read last from a topic is told to nobody
    return found


def _outcomes(outcomes: Any) -> dict[str, int]:
    told = list(outcomes)
    return {COMPLETED: told.count("completed"), COMPENSATED: told.count("compensated")}


def _summed(invoice: Document, wanted: dict[str, int]) -> Document:
    counted = {meter: sum(int(line["quantity"]) for line in invoice["lines"] if line["meter"] == meter) for meter in wanted}
    found: Document = {
        "month": invoice["month"],
        "lines": len(invoice["lines"]),
        "total": invoice["total"],
        "ledger_sum": sum(map(abs, invoice["ledger_sum"].values())),
    }
    if counted != wanted:
        found["fault"] = f"billed {counted}, played {wanted}"
    elif found["ledger_sum"]:
        found["fault"] = f"the ledger sums to {invoice['ledger_sum']}"
    return found
