"""The database itself keeps the ledger balanced and unedited, and a fact is recorded once however often it is told."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.integration.billing.conftest import MONTH, NOW, Office
from tests.unit.billing.conftest import BOOK, ended, used
from tests.unit.billing.conftest import Office as Model

from tuntas.billing.core import core
from tuntas.billing.store import Subjects
from tuntas.kit.messaging.unit_of_work import UnitOfWork
from tuntas.kit.persistence.postgres import Postgres
from tuntas.kit.telemetry.metrics import Metrics

ENTRY = "insert into entries (id, usage, kind, tenant, billed_in, at) select $1, id, 'test', tenant, billed_in, now() from usage limit 1"
Sides = tuple[tuple[str, str, int], ...]
POSTING = "insert into postings (entry, account, currency, amount_micro) values ($1, $2, $3, $4)"


@pytest.fixture(scope="module")
async def ledger(office: Office) -> Office:
    """Billing with something in its books."""
    await office.settled(ended(uuid4(), tenant="ledger", at=NOW))
    return office


async def entered(office: Office, *sides: tuple[str, str, int]) -> None:
    entry = uuid4()
    async with office.pool.acquire() as con, con.transaction():
        await con.execute(ENTRY, entry)
        for side in sides:
            await con.execute(POSTING, entry, *side)


@pytest.mark.parametrize(
    "sides",
    [
        (),
        (("a", "IDR", 5),),
        (("a", "IDR", 5), ("b", "IDR", -4)),
        (("a", "IDR", 5), ("b", "USD", -5)),
        (("a", "IDR", 5), ("b", "IDR", -5), ("a", "USD", 1)),
    ],
)
async def test_an_entry_that_does_not_sum_to_zero_is_refused_by_the_database(
    ledger: Office, sides: tuple[tuple[str, str, int], ...]
) -> None:
    before = await ledger.rows("select count(*) from entries")
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await entered(ledger, *sides)
    assert await ledger.rows("select count(*) from entries") == before


async def test_a_posting_added_to_an_old_entry_is_refused(ledger: Office) -> None:
    entry = (await ledger.rows("select id from entries limit 1"))[0]["id"]
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await ledger.pool.execute(POSTING, entry, "a", "IDR", 5)


@pytest.mark.parametrize("sides", [(("a", "IDR", 0), ("b", "IDR", 0)), (("a", "rupiah", 5), ("b", "rupiah", -5))])
async def test_a_side_of_nothing_or_in_no_currency_is_refused(ledger: Office, sides: Sides) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await entered(ledger, *sides)


@pytest.mark.parametrize("table", ["usage", "entries", "postings"])
@pytest.mark.parametrize("verb", ["delete from {}", "truncate {} cascade", "update {} set {column} = {column}"])
async def test_what_is_recorded_is_never_edited_or_deleted(ledger: Office, table: str, verb: str) -> None:
    column = "entry" if table == "postings" else "id"
    with pytest.raises(asyncpg.RestrictViolationError, match="is only added to"):
        await ledger.pool.execute(verb.format(table, column=column))


async def _facts(office: Office, tenant: str) -> set[tuple[Any, ...]]:
    query = "select id, meter, quantity, number, month, supersedes from usage where tenant = $1"
    return {tuple(row) for row in await office.rows(query, tenant)}


async def _sums(office: Office, tenant: str) -> dict[tuple[str, str], int]:
    rows = await office.rows(
        """select account, currency, sum(amount_micro)::bigint as n from postings join entries on id = entry
        where tenant = $1 group by 1, 2 having sum(amount_micro) <> 0""",
        tenant,
    )
    return {(r["account"], r["currency"]): r["n"] for r in rows}


def _model(*events: Any) -> tuple[set[tuple[Any, ...]], dict[tuple[str, str], int]]:
    model = Model()
    model.take(events, NOW)
    sums: dict[tuple[str, str], int] = {}
    for _, _, entry in model.entries:
        for account, amount in entry.sides():
            sums[account, entry.currency] = sums.get((account, entry.currency), 0) + amount
    facts = {(f.id, f.meter, f.quantity, f.number, f.month, f.supersedes) for _, f, _ in model.facts.values()}
    return facts, {key: n for key, n in sums.items() if n}


async def test_told_thrice_and_out_of_order_it_is_recorded_as_if_told_once_in_order(office: Office) -> None:
    tasks, calls, tenant = [uuid4() for _ in range(6)], [uuid4() for _ in range(4)], "thrice"
    closings = [ended(task, tenant=tenant, at=NOW, moved=900) for task in tasks]
    closings += [ended(task, "compensated", 2, fee=70, tenant=tenant, at=NOW) for task in tasks[:3]]
    attempts = [used(call, n, 4_321 * n, tenant=tenant, at=NOW) for call in calls for n in (1, 2)]
    events = [*closings, *attempts]
    expected = _model(*events)
    again = [ended(task, tenant=tenant, at=NOW, moved=900, name="in another message") for task in tasks]
    await office.settled(*reversed(events), *events, *again, *events)
    assert (await _facts(office, tenant), await _sums(office, tenant)) == expected


async def test_all_records_read_again_by_a_process_that_remembers_nothing_change_nothing(office: Office) -> None:
    task, tenant = uuid4(), "again"
    events = [ended(task, tenant=tenant, at=NOW), ended(task, "compensated", 2, tenant=tenant, at=NOW)]
    await office.settled(*events)
    before = await _everything(office, tenant)
    await office.stop()
    await office.start()
    await office.settled(*events, ended(task, "completed", 3, tenant=tenant, at=NOW))
    assert set(before) < set(await _everything(office, tenant))
    assert len(await _facts(office, tenant)) == len(before) + 2


async def _everything(office: Office, tenant: str) -> list[str]:
    return [r["row"] for r in await office.rows("select usage::text as row from usage where tenant = $1 order by 1", tenant)]


async def test_writers_of_one_tenant_take_turns_so_that_tiers_are_counted_right(office: Office) -> None:
    tenant = "busy"
    events = [ended(uuid4(), tenant=tenant, at=NOW) for _ in range(24)]
    replicas = [UnitOfWork("billing", core(BOOK), Subjects(BOOK, Metrics("billing")), Postgres(office.pool)) for _ in range(4)]
    await asyncio.gather(*(replica.process(events[n::4]) for n, replica in enumerate(replicas)))
    assert (await _sums(office, tenant)) == _model(*events)[1]
    status, found = await office.get(f"/v1/operations/billing/invoices/{MONTH}", tenant=tenant)
    assert (status, found["total"]) == (200, {"IDR": 5_000_000 + 2 * 250_000 + 21 * 200_000})


async def test_a_failed_write_leaves_nothing_behind_and_the_repeat_records_all(office: Office) -> None:
    tenant = "stumbles"
    event = ended(uuid4(), tenant=tenant, at=NOW)
    replica = UnitOfWork("billing", core(BOOK), _Stumbling(), Postgres(office.pool))
    with pytest.raises(RuntimeError, match="stumbled"):
        await replica.process([event])
    assert await _facts(office, tenant) == set()
    await replica.process([event])
    assert await _facts(office, tenant) == _model(event)[0]


class _Stumbling(Subjects):
    """Fails once, after it wrote."""

    def __init__(self) -> None:
        super().__init__(BOOK, Metrics("billing"))
        self.stumbles = True

    async def beside(self, session: Any, rows: Any) -> None:
        await super().beside(session, rows)
        if self.stumbles:
            self.stumbles = False
            raise RuntimeError("stumbled")


async def test_another_tenants_event_is_set_aside_and_billed_to_nobody(office: Office) -> None:
    task: UUID = uuid4()
    await office.settled(ended(task, tenant="owner", at=NOW))
    await office.say(ended(task, "compensated", 2, tenant="thief", at=NOW))
    assert await office.dead_letters(task) == ["foreign_tenant"]
    assert await _facts(office, "thief") == set()


async def test_the_largest_numbers_fit_and_larger_ones_are_set_aside(office: Office) -> None:
    tenant, task = "large", uuid4()
    await office.settled(
        ended(uuid4(), "compensated", 2**31 - 1, fee=10**13, moved=10**17, tenant=tenant, at=NOW),
        used(uuid4(), 2**31 - 1, 10**17, tenant=tenant, at=NOW),
    )
    status, found = await office.get(f"/v1/operations/billing/invoices/{MONTH}", tenant=tenant)
    assert (status, found["total"]["USD"]) == (200, 11 * 10**12)
    await office.say(ended(task, "compensated", fee=10**13 + 1, tenant=tenant, at=NOW))
    assert await office.dead_letters(task) == ["out_of_bounds"]


async def test_a_message_from_tomorrow_is_set_aside(office: Office) -> None:
    task = uuid4()
    await office.say(ended(task, tenant="early", at=NOW + timedelta(days=3)))
    assert await office.dead_letters(task) == ["implausible_time"]
