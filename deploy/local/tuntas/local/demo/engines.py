"""What the engines did for the demo's tasks, as the operators' view has it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

Document = dict[str, Any]
_CALLS = """select call, engine, outcome, input + cached + output as tokens, charge, reference
    from engines.ops_calls where task_id = any($1::uuid[])"""


async def used(url: str, tasks: Sequence[UUID]) -> Document:
    """Return the calls made for these tasks: how many, by whom answered, tokens, cost, and what the reference engines would have asked.

    Amounts are millionths of a unit, by currency; `would_have_cost` is by engine.
    """
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_CALLS, list(tasks))
    finally:
        await connection.close()
    charges = [json.loads(row["charge"]) for row in rows if row["charge"]]
    references = [json.loads(row["reference"]) for row in rows if row["reference"]]
    return {
        "calls": len({row["call"] for row in rows}),
        "by_engine": dict(Counter(row["engine"] for row in rows if row["outcome"] == "answered")),
        "tokens": sum(row["tokens"] for row in rows),
        "cost": _sums((charge["currency"], charge) for charge in charges),
        "would_have_cost": _sums((f"{each['price'].rpartition('/')[0]} {each['currency']}", each) for each in references),
    }


def _sums(charges: Iterable[tuple[str, Document]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, charge in charges:
        found[name] += charge["amount_micro"]
    return dict(found)
