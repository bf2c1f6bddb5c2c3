"""Invoices, usage and the ledger from the views that billing grants operators; read by the gateway's doors and by the command's `--db`."""

from typing import Any
from uuid import UUID

import asyncpg

from tuntas.contracts.base import Contract, Instant
from tuntas.contracts.money import Amounts
from tuntas.kit.billing.invoices import Counted, Facts, Invoice, invoice
from tuntas.kit.billing.months import month_named
from tuntas.kit.billing.rating import Key, Plan
from tuntas.kit.errors import Rejected

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

MOST = 1000
"""So many rows of usage are listed at most."""

_COUNTED = """
with each as (
    select month, meter, party, item, currency, subject, price,
        coalesce(sum(quantity) filter (where billed_in < $2), 0) as before,
        coalesce(sum(quantity) filter (where billed_in = $2), 0) as quantity,
        bool_or(billed_in = $2) as here
    from billing.ops_usage
    where tenant = $1 and billed_in <= $2 and month in (select month from billing.ops_usage where tenant = $1 and billed_in = $2)
    group by month, meter, party, item, currency, subject, price
)
select month, meter, party, item, currency, sum(before)::bigint as before, sum(quantity)::bigint as quantity,
    count(distinct subject) filter (where quantity <> 0) as subjects,
    coalesce(array_agg(distinct price order by price) filter (where quantity <> 0 and price <> ''), '{}') as prices
from each group by month, meter, party, item, currency having bool_or(here)
"""
_MONTHS = "select month, zone, plan from billing.ops_months where tenant = $1"
_SUMS = """
select currency, sum(amount_micro)::bigint as all, coalesce(sum(amount_micro) filter (where account = $3), 0)::bigint as owed
from billing.ops_postings where tenant = $1 and billed_in = $2 group by currency
"""
_BALANCES = """
select account, currency, coalesce(sum(amount_micro) filter (where amount_micro > 0), 0)::bigint as debit,
    coalesce(-sum(amount_micro) filter (where amount_micro < 0), 0)::bigint as credit, sum(amount_micro)::bigint as balance
from billing.ops_postings where billed_in = $1 and ($2::text is null or tenant = $2) group by 1, 2 order by 1, 2
"""
_USAGE = f"""
select id, tenant, subject, task, meter, party, item, currency, quantity, number, price,
    month, billed_in, occurred_at, recorded_at, supersedes
from billing.ops_usage
where ($1::uuid is null or subject = $1 or task = $1) and ($2::text is null or billed_in = $2) and ($3::text is null or meter = $3)
    and ($4::text is null or tenant = $4)
order by recorded_at, id limit {MOST}
"""


class Used(Contract):
    """One row of usage, as it was recorded for ever. What `supersedes` another takes that one's quantity back.

    `number` is a task's closing or a call's attempt; `quantity` is in units, minor units of the currency, or for engines its millionths.
    """

    id: UUID
    tenant: str
    subject: UUID
    task: UUID | None
    meter: str
    party: str
    item: str
    currency: str
    quantity: int
    number: int
    price: str
    month: str
    billed_in: str
    occurred_at: Instant
    recorded_at: Instant
    supersedes: UUID | None


class Balance(Contract):
    """What a month's entries make of one account, in millionths of the currency; debits are positive."""

    account: str
    currency: str
    debit: int
    credit: int
    balance: int


class Trial(Contract):
    """The trial balance of a month's entries. `sum` is zero in each currency."""

    month: str
    accounts: tuple[Balance, ...]
    sum: Amounts


async def read_invoice(con: Connection, tenant: str, month: str) -> Invoice:
    """Return a tenant's invoice of a month, from one picture of the database.

    Raises:
        Rejected: `bad_month`, `unknown_tenant`, `not_found` (nothing stands on it), or `does_not_add_up`.
    """
    month = month_named(month)
    async with con.transaction(isolation="repeatable_read", readonly=True):
        pinned = {r["month"]: r for r in await con.fetch(_MONTHS, tenant)}
        if not pinned:
            raise Rejected("unknown_tenant", "nothing was ever used by a tenant of this name")
        counted = [_counted(r) for r in await con.fetch(_COUNTED, tenant, month)]
        if not counted:
            raise Rejected("not_found", f"nothing stands on an invoice of {month}")
        sums = await con.fetch(_SUMS, tenant, month, f"receivable:{tenant}")
        now = await con.fetchval("select now()")
    return invoice(
        Facts(
            tenant=tenant,
            month=month,
            zone=pinned[month]["zone"],
            now=now,
            plans={name: Plan.model_validate_json(r["plan"]) for name, r in pinned.items()},
            counted=counted,
            receivable={r["currency"]: r["owed"] for r in sums},
            ledger={r["currency"]: r["all"] for r in sums},
        )
    )


def _counted(r: Any) -> Counted:
    key = Key(r["meter"], r["party"], r["item"], r["currency"])
    return Counted(r["month"], key, r["before"], r["quantity"], r["subjects"], tuple(r["prices"]))


async def read_usage(
    con: Connection, *, task: UUID | None = None, month: str | None = None, meter: str | None = None, tenant: str | None = None
) -> tuple[Used, ...]:
    """Return rows of usage, oldest first: of a task or call, or what stands behind a month's invoice.

    Raises:
        Rejected: `bad_month`.
    """
    rows = await con.fetch(_USAGE, task, month_named(month) if month else None, meter, tenant)
    return tuple(Used.model_validate(dict(r)) for r in rows)


async def read_ledger(con: Connection, month: str, tenant: str | None = None) -> Trial:
    """Return the trial balance of a month, of one tenant or of all.

    Raises:
        Rejected: `bad_month`.
    """
    rows = await con.fetch(_BALANCES, month_named(month), tenant)
    sums: Amounts = {}
    for r in rows:
        sums[r["currency"]] = sums.get(r["currency"], 0) + r["balance"]
    return Trial(month=month, accounts=tuple(Balance.model_validate(dict(r)) for r in rows), sum=dict(sorted(sums.items())))
