"""`tuntas billing`: invoices, the usage behind them, and the ledger."""

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from tuntas.cli.backends import database
from tuntas.cli.client import Gateway
from tuntas.cli.faults import EXIT_USAGE, Fault
from tuntas.cli.profile import profile
from tuntas.cli.show import amounts, console, document
from tuntas.contracts.money import Money
from tuntas.kit.billing import reading
from tuntas.kit.billing.months import month_named
from tuntas.kit.billing.rating import MICRO

app = typer.Typer(no_args_is_help=True, help="What is owed, what for, and the ledger that says so.")
Json = Annotated[bool, typer.Option("--json", help="print the document as one JSON line")]
Db = Annotated[bool, typer.Option("--db", help="read the database, without gateway or Kafka")]
Month = Annotated[str, typer.Option(help="such as 2026-11")]
Tenant = Annotated[str | None, typer.Option(help="whose")]
Document = dict[str, Any]


@app.command()
def invoice(*, month: Month, tenant: Tenant = None, db: Db = False, as_json: Json = False) -> None:
    """Show an invoice: your own, or as an operator that of any tenant."""
    month_named(month)
    if db:
        whose = tenant or profile().tenant
        if not whose:
            raise Fault("unknown_tenant", "whose invoice? --tenant is needed", EXIT_USAGE)
        found = database(profile(), lambda con: reading.read_invoice(con, whose, month)).model_dump(mode="json")
    elif tenant:
        found = Gateway(operator=True).call("GET", f"/v1/operations/billing/invoices/{month}", *_INVOICE, params={"tenant": tenant})
    else:
        found = Gateway().call("GET", f"/v1/billing/invoices/{month}", *_INVOICE)
    _print_invoice(found, as_json=as_json)


@app.command()
def usage(
    *,
    task: Annotated[UUID | None, typer.Option(help="a task, or a call to an engine")] = None,
    month: Annotated[str | None, typer.Option(help="the month on whose invoice it stands")] = None,
    meter: Annotated[str | None, typer.Option(help="such as task.completed, as an invoice's line names it")] = None,
    tenant: Tenant = None,
    db: Db = False,
    as_json: Json = False,
) -> None:
    """List what was recorded of a task, or what is behind the lines of an invoice."""
    if task is None and month is None:
        raise Fault("usage", "--task or --month is needed", EXIT_USAGE)
    if month is not None:
        month_named(month)
    if db:
        rows = database(profile(), lambda con: reading.read_usage(con, task=task, month=month, meter=meter, tenant=tenant))
        found: Document = {"usage": [row.model_dump(mode="json") for row in rows]}
    else:
        asked = {"task": task and str(task), "month": month, "meter": meter, "tenant": tenant}
        params = {name: value for name, value in asked.items() if value}
        found = Gateway(operator=True).call("GET", "/v1/operations/billing/usage", "usage", params=params)
    _print_usage(found, as_json=as_json)


@app.command()
def ledger(*, month: Month, tenant: Tenant = None, db: Db = False, as_json: Json = False) -> None:
    """Show the trial balance of a month; it sums to zero in each currency."""
    month_named(month)
    if db:
        found = database(profile(), lambda con: reading.read_ledger(con, month, tenant)).model_dump(mode="json")
    else:
        params = {"tenant": tenant} if tenant else {}
        found = Gateway(operator=True).call("GET", f"/v1/operations/billing/ledger/{month}", "accounts", "sum", params=params)
    _print_ledger(found, as_json=as_json)


_INVOICE = ("tenant", "month", "status", "lines", "total", "noted")


def _print_invoice(found: Document, *, as_json: bool) -> None:
    if as_json:
        document(found, as_json=True)
        return
    console.print(f"[bold]{escape(found['tenant'])} {found['month']}[/] ({found['status']}, {escape(found['zone'])})  {found['invoice']}")
    table = Table("what", "quantity", "", "unit price", "amount", "plan", box=None, padding=(0, 2, 0, 0))
    for line in found["lines"]:
        late = "" if line["kind"] == "charge" else f"{line['kind']} of {line['month']}: "
        money = Money(amount_minor=line["amount_minor"], currency=line["currency"])
        row = (late + line["text"], line["quantity"], f"{line['unit']} x", line["unit_price"], str(money), line["plan"])
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(f"total: [bold]{amounts(found['total'])}[/], as the ledger says")
    for noted in found["noted"]:
        what = " ".join(part for part in (noted["meter"], noted["party"], noted["item"]) if part)
        console.print(f"  [dim]not charged: {escape(what):<48} {_counted(noted)}[/]")


def _counted(row: Document) -> str:
    """Return a quantity as people read it: engines charge in millionths of the unit, all else of a currency is in minor units."""
    if not row["currency"]:
        return f"{row['quantity']:,}"
    if row["meter"].startswith("engine."):
        return _micro(row["quantity"], row["currency"])
    return str(Money(amount_minor=row["quantity"], currency=row["currency"]))


def _micro(amount: int, currency: str) -> str:
    return f"{currency} {amount / 10**MICRO:,.{MICRO}f}"


def _print_usage(found: Document, *, as_json: bool) -> None:
    if as_json:
        document(found, as_json=True)
        return
    names = ("recorded", "tenant", "task or call", "no.", "meter", "of", "quantity", "billed in", "")
    table = Table(*(Column(name, overflow="fold") for name in names), box=None, padding=(0, 2, 0, 0))
    for row in found["usage"]:
        of = " ".join(part for part in (row["party"], row["item"]) if part)
        back = f"takes back {row['supersedes'][:8]}" if row["supersedes"] else row["id"][:8]
        cells = (row["recorded_at"][:19], row["tenant"], row["subject"], str(row["number"]), row["meter"], of)
        table.add_row(*map(escape, (*cells, _counted(row), row["billed_in"], back)))
    console.print(table)


def _print_ledger(found: Document, *, as_json: bool) -> None:
    if as_json:
        document(found, as_json=True)
        return
    table = Table(Column("account", overflow="fold"), "debit", "credit", "balance", box=None, padding=(0, 2, 0, 0))
    for account in found["accounts"]:
        sums = (_micro(account[name], account["currency"]) for name in ("debit", "credit", "balance"))
        table.add_row(*map(escape, (account["account"], *sums)))
    console.print(table)
    for currency, amount in found["sum"].items():
        console.print(f"sum: {_micro(amount, currency)}")
