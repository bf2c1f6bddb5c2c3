"""How repairs, rehearsals and the audit log look to people."""

import json
from typing import Any

from rich.markup import escape
from rich.table import Table

from tuntas.cli.show import amounts, console
from tuntas.contracts.money import Money

_TIGHT: dict[str, Any] = {"box": None, "padding": (0, 2, 0, 0)}


def _printed(found: Any, *, as_json: bool) -> bool:
    """Print a document for a machine, if it is one that asked."""
    if as_json:
        print(json.dumps(found))  # noqa: T201 - a machine reads it
    return as_json


def plan(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what a repair would be told to, and once it is ordered how to look at it."""
    if _printed(found, as_json=as_json):
        return
    _targets(found["tasks"])
    console.print(f"{found['count']} tasks, at risk: [bold]{amounts(found['money_at_risk'])}[/]")
    if found.get("needs_approval"):
        console.print("another operator has to approve it")
    order = found.get("repair")
    console.print(f"[bold]tuntas repairs {order['id']}[/]" if order else "nothing was sent; --apply orders it")


def repairs(found: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print repairs, one a line."""
    if _printed(found, as_json=as_json):
        return
    table = Table("repair", "state", "action", "by", "at risk", "reason", **_TIGHT)
    for each in found:
        words = (each["id"], each["state"], each["action"], each["by"])
        table.add_row(*map(escape, words), amounts(each["money_at_risk"]), escape(each["reason"]))
    console.print(table)


def repair(found: dict[str, Any], *, as_json: bool) -> None:
    """Print a repair and what became of it at each task."""
    if _printed(found, as_json=as_json):
        return
    repairs([found], as_json=False)
    _targets(found["tasks"])
    if found["state"] == "waiting":
        console.print(f"waits for another operator: [bold]tuntas repairs {found['id']} --approve[/]")


def _targets(found: list[dict[str, Any]]) -> None:
    table = Table("task", "tenant", "version", "at risk", "became", **_TIGHT)
    for each in found:
        became = each.get("code") or ("sent" if each.get("sent") else "")
        version = "" if each.get("expected") is None else str(each["expected"])
        table.add_row(escape(each["task_id"]), escape(each["tenant"]), version, amounts(each["money_at_risk"]), escape(became))
    console.print(table)


def quote(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what undoing would cost, effect by effect."""
    if _printed(found, as_json=as_json):
        return
    table = Table("step", "provider", "amount", "fee", "refund", "says", "", **_TIGHT)
    for each in found["effects"]:
        sums = [str(Money.model_validate(each[name])) if each.get(name) else "" for name in ("amount", "fee", "refund")]
        code = each.get("code") or ("" if each["allowed"] else "not_allowed")
        table.add_row(*map(escape, (each["step_id"], each["provider"], *sums, each["source"], code)))
    console.print(table)
    console.print(f"undoing this now costs [bold]{amounts(found['cost'])}[/]; nothing was undone")
    if not found["complete"]:
        console.print("not every connector answered in time")


def entry(found: dict[str, Any], *, as_json: bool) -> None:
    """Print one entry of the audit log."""
    if _printed(found, as_json=as_json):
        return
    versions = "" if found.get("before") is None else f" {found['before']}->{found['after']}"
    what = escape(f"{found['action']:<16} {found['subject']}{versions}")
    console.print(f"[dim]{found['seq']:>6} {found['at'][:19]}[/] {escape(found['by'])} [bold]{what}[/] {escape(found['reason'])}")
