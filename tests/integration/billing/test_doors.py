"""Invoices at every door: who may read which, that they add up, and what is said to who asks for what cannot be."""

from typing import Any
from uuid import uuid4

import pytest
from tests.integration.billing.conftest import MONTH, NOW, Office
from tests.unit.billing.conftest import ended, used

TASKS = [uuid4() for _ in range(5)]
CALL = uuid4()


@pytest.fixture(scope="module")
async def busy(office: Office) -> Office:
    """Two tenants who used something."""
    await office.settled(
        *(ended(task, at=NOW) for task in TASKS[:4]),
        ended(TASKS[4], "compensated", fee=151_000, at=NOW),
        used(CALL, charge=2_500_000, task=TASKS[0], at=NOW),
        ended(uuid4(), tenant="brio", at=NOW),
    )
    return office


def total_of(lines: list[dict[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in lines:
        sums[line["currency"]] = sums.get(line["currency"], 0) + line["amount_minor"]
    return sums


async def test_a_tenant_reads_its_own_invoice_and_it_adds_up(busy: Office) -> None:
    status, found = await busy.get(f"/v1/billing/invoices/{MONTH}", "acme")
    assert (status, found["tenant"], found["total"]) == (200, "acme", {"IDR": 5_700_000, "USD": 275})
    assert total_of(found["lines"]) == found["total"] == found["receivable"]
    assert found["ledger_sum"] == {"IDR": 0, "USD": 0}
    completed = [(line["quantity"], line["unit_price"], line["subjects"]) for line in found["lines"] if line["meter"] == "task.completed"]
    assert completed == [("1", "0.00", 4), ("2", "2500.00", 4), ("1", "2000.00", 4)]


async def test_all_doors_show_the_same_invoice(busy: Office) -> None:
    _, own = await busy.get(f"/v1/billing/invoices/{MONTH}", "acme")
    assert await busy.get(f"/v1/operations/billing/invoices/{MONTH}", tenant="acme") == (200, own)
    for words in ((), ("--tenant", "acme"), ("--db",), ("--db", "--tenant", "acme")):
        assert await busy.command("invoice", "--month", MONTH, *words) == (0, own), words


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (f"/v1/billing/invoices/{MONTH}", {"tenant": "brio"}),
        (f"/v1/operations/billing/invoices/{MONTH}", {"tenant": "brio"}),
        (f"/v1/operations/billing/invoices/{MONTH}", {"tenant": "acme"}),
        ("/v1/operations/billing/usage", {"task": str(TASKS[0])}),
        (f"/v1/operations/billing/ledger/{MONTH}", {}),
    ],
)
async def test_a_tenant_is_refused_what_is_not_its_own(busy: Office, path: str, params: dict[str, str]) -> None:
    status, found = await busy.get(path, "acme", **params)
    assert (status, found["code"]) == (403, "forbidden")


async def test_nobody_reads_without_a_key(busy: Office) -> None:
    answer = await busy.client.get(f"/v1/billing/invoices/{MONTH}")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("/v1/operations/billing/invoices/2026-13", {"tenant": "acme"}, (422, "bad_month")),
        ("/v1/operations/billing/invoices/november", {"tenant": "acme"}, (422, "bad_month")),
        ("/v1/operations/billing/ledger/2026-1", {}, (422, "bad_month")),
        ("/v1/operations/billing/usage", {"month": "%00"}, (422, "bad_month")),
        (f"/v1/operations/billing/invoices/{MONTH}", {"tenant": "nobody"}, (404, "unknown_tenant")),
        ("/v1/operations/billing/invoices/2601-01", {"tenant": "acme"}, (404, "not_found")),
        (f"/v1/operations/billing/invoices/{MONTH}", {}, (422, "invalid_request")),
        (f"/v1/operations/billing/invoices/{MONTH}", {"tenant": "x" * 65}, (422, "invalid_request")),
        (f"/v1/operations/billing/invoices/{MONTH}", {"tenant": "a\x00b"}, (422, "invalid_request")),
        (f"/v1/operations/billing/ledger/{MONTH}", {"tenent": "acme"}, (422, "invalid_request")),
        ("/v1/operations/billing/usage", {}, (422, "invalid_request")),
        ("/v1/operations/billing/usage", {"task": "seven"}, (422, "invalid_request")),
        ("/v1/operations/billing/usage", {"month": MONTH, "meter": "\x00"}, (422, "invalid_request")),
    ],
)
async def test_what_cannot_be_is_said_with_a_code(busy: Office, path: str, params: dict[str, str], expected: tuple[int, str]) -> None:
    status, found = await busy.get(path, **params)
    assert (status, found["code"]) == expected


async def test_the_usage_behind_a_line_is_listed_at_both_doors(busy: Office) -> None:
    asked = ("usage", "--month", MONTH, "--meter", "task.completed", "--tenant", "acme")
    status, found = await busy.command(*asked)
    assert (status, {row["subject"] for row in found["usage"]}) == (0, {str(task) for task in TASKS[:4]})
    assert await busy.command(*asked, "--db") == (0, found)


async def test_a_tasks_usage_has_its_calls_to_engines(busy: Office) -> None:
    _, found = await busy.command("usage", "--task", str(TASKS[0]))
    assert {row["meter"] for row in found["usage"]} >= {"task.completed", "engine.call", "engine.charge", "engine.cached"}
    _, of_call = await busy.command("usage", "--task", str(CALL))
    assert {row["subject"] for row in of_call["usage"]} == {str(CALL)}


async def test_the_trial_balance_sums_to_zero_at_both_doors(busy: Office) -> None:
    status, found = await busy.command("ledger", "--month", MONTH, "--tenant", "acme")
    balances = {row["account"]: row["balance"] for row in found["accounts"] if row["currency"] == "USD"}
    assert (status, found["sum"]) == (0, {"IDR": 0, "USD": 0})
    assert balances == {
        "cost:engine:luma": 2_500_000,
        "payable:engine:luma": -2_500_000,
        "receivable:acme": 2_750_000,
        "revenue:engine.charge": -2_750_000,
    }
    assert await busy.command("ledger", "--month", MONTH, "--tenant", "acme", "--db") == (0, found)
    _, everybody = await busy.command("ledger", "--month", MONTH)
    assert {"receivable:acme", "receivable:brio"} <= {row["account"] for row in everybody["accounts"]}
    assert not any(everybody["sum"].values())


async def test_a_person_reads_what_each_line_is_made_of_and_where_the_money_went(busy: Office) -> None:
    pages = {
        ("invoice", "--month", MONTH): (
            "2 to 3 of the month",
            "IDR 5,000",
            "2500.00",
            "growth-1",
            "total: IDR 57,000, USD 2.75",
            "fee.kept bale-stays",
        ),
        ("usage", "--task", str(TASKS[4])): (str(TASKS[4]), "task.compensated", "IDR 1,510", MONTH),
        ("ledger", "--month", MONTH, "--tenant", "acme"): ("receivable:acme", "USD 2.750000", "sum: IDR 0.000000"),
    }
    for words, parts in pages.items():
        status, printed = await busy.run(*words, COLUMNS="200")
        assert (status, [part for part in parts if part not in printed]) == (0, []), printed


@pytest.mark.parametrize("db", [(), ("--db",)])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("invoice", "--month", "2026-13"), "bad_month"),
        (("invoice", "--month", MONTH, "--tenant", "nobody"), "unknown_tenant"),
        (("invoice", "--month", "2601-01"), "not_found"),
        (("ledger", "--month", "soon"), "bad_month"),
        (("usage", "--month", "soon"), "bad_month"),
        (("usage",), "usage"),
        (("invoice",), "usage"),
    ],
)
async def test_the_command_says_in_one_line_what_is_wrong(busy: Office, words: tuple[str, ...], code: str, db: tuple[str, ...]) -> None:
    status, found = await busy.command(*words, *db)
    assert (status in {1, 2}, found["code"]) == (True, code)


async def test_without_a_tenant_the_database_is_not_asked(busy: Office) -> None:
    status, found = await busy.command("invoice", "--month", MONTH, "--db", TUNTAS_CLI_TENANT="")
    assert (status, found["code"]) == (2, "unknown_tenant")


async def test_a_ledger_that_somebody_touched_is_told_to_who_asks_for_the_invoice(busy: Office) -> None:
    await busy.settled(ended(uuid4(), tenant="touched", at=NOW))
    async with busy.pool.acquire() as con, con.transaction():
        entry = uuid4()
        await con.execute(
            "insert into entries select $1, usage, 'touched', tenant, billed_in, at from entries where tenant = 'touched' limit 1", entry
        )
        await con.executemany(
            "insert into postings values ($1, $2, 'IDR', $3)", [(entry, "receivable:touched", 1), (entry, "suspense", -1)]
        )
    assert (await busy.command("invoice", "--month", MONTH, "--tenant", "touched"))[1]["code"] == "does_not_add_up"
    status, found = await busy.get(f"/v1/operations/billing/invoices/{MONTH}", tenant="touched")
    assert (status, found["code"]) == (409, "does_not_add_up")
