"""How documents look to people; with `--json` they are printed as they are."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tuntas.contracts.money import Money

console = Console(highlight=False)

RECEIPT = ("task_id", "outcome", "closing", "code", "effects", "postings", "kept")
"""The fields of a receipt that are shown."""


def amounts(found: dict[str, int] | None) -> str:
    """Return amounts as words, such as `IDR 1,250,000`."""
    return ", ".join(str(Money(amount_minor=value, currency=currency)) for currency, value in sorted((found or {}).items())) or "nothing"


def document(found: Any, *, as_json: bool) -> None:
    """Print a document: as one JSON line, or as fields."""
    if as_json:
        print(json.dumps(found))  # noqa: T201 - a machine reads it
        return
    for name, value in found.items():
        if value not in (None, "", [], {}, ()):
            console.print(f"[bold]{name:<16}[/] {escape(json.dumps(value) if isinstance(value, dict | list) else str(value))}")


def event(found: dict[str, Any], *, as_json: bool) -> None:
    """Print one event of a task."""
    if as_json:
        print(json.dumps(found), flush=True)  # noqa: T201 - a machine reads it
        return
    kind = str(found.get("type", "")).removeprefix("tuntas.task.").removesuffix(".v1")
    told = {k: v for k, v in found.items() if k in {"code", "reason", "question", "steps", "titles", "closing"} and v}
    for name in ("ceilings", "kept", "undo_price"):
        if found.get(name):
            told[name] = amounts(found[name])
    console.print(f"[dim]{str(found.get('at', ''))[11:23]}[/] [bold]{kind:<16}[/] {escape(' '.join(f'{k}={v}' for k, v in told.items()))}")


def reply(found: dict[str, Any]) -> None:
    """Print what a person is told."""
    console.print(f"[italic]{escape(str(found['text']))}[/]")


def receipt(found: dict[str, Any], *, as_json: bool) -> None:
    """Print a receipt: what is left of each effect, and every movement of money."""
    if as_json:
        print(json.dumps(found))  # noqa: T201 - a machine reads it
        return
    console.print(
        f"[bold]{found['outcome'] or 'open'}[/] "
        f"(closing {found['closing']}{', provisional' if found.get('provisional') else ''}, {found['code']})"
        f"  task {found['task_id']}  trace {found.get('trace_id', '')}"
    )
    table = Table("step", "provider", "state", "amount", "fee", "reference", box=None, padding=(0, 2, 0, 0))
    for effect in found["effects"]:
        sums = [str(Money.model_validate(effect[name])) if effect.get(name) else "" for name in ("amount", "fee")]
        table.add_row(*map(escape, (effect["step_id"], effect["provider"], effect["state"], *sums, effect.get("reference") or "")))
    console.print(table)
    for posting in found["postings"]:
        money = Money(amount_minor=posting["amount_minor"], currency=posting["currency"])
        console.print(f"  [dim]{escape(posting['account']):<28}[/] {money}")
    console.print(f"kept: {amounts(found['kept'])}")


def explanation(found: dict[str, Any], *, as_json: bool) -> None:
    """Print why a task does not move, and the commands that are safe."""
    if as_json:
        print(json.dumps(found))  # noqa: T201 - a machine reads it
        return
    console.print(f"[bold]{found['status']}[/]: waits for [bold]{found['waiting_for']}[/] since {found.get('since') or 'the start'}")
    for name in ("step", "provider", "code", "next_timer_at"):
        if found.get(name):
            console.print(f"  {name:<14} {escape(str(found[name]))}")
    console.print(f"  money at risk  {amounts(found.get('money_at_risk'))}")
    if told := found.get("repaired"):
        console.print(f"  {'repaired':<14} {escape(told['action'])} by {escape(told['by'])}: [bold]{escape(told['code'])}[/]")
    for service in found.get("not_running", []):
        console.print(f"  [bold red]{service} is not running[/]")
    for action in found.get("safe_actions", []):
        console.print(f"  [bold]{escape(action['command'])}[/]\n      {escape(action['effect'])}")


def stuck(found: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print tasks that are not at an end, one a line."""
    if as_json:
        print(json.dumps(found))  # noqa: T201 - a machine reads it
        return
    table = Table("task", "status", "step", "provider", "code", "age", "at risk", box=None, padding=(0, 2, 0, 0))
    for task in found:
        row = [str(task.get(name) or "") for name in ("task_id", "status", "step", "provider", "code")]
        table.add_row(*map(escape, row), f"{task.get('age_seconds', 0):.0f} s", amounts(task.get("money_at_risk")))
    console.print(table)
