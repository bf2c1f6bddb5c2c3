"""The verbs of `tuntas`."""

import secrets
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import asyncpg
import typer

from tuntas.cli import access, billing, letters, operating, publishing, show, showing
from tuntas.cli.backends import database
from tuntas.cli.client import Gateway
from tuntas.cli.conditions import conditions
from tuntas.cli.faults import EXIT_REFUSED, EXIT_USAGE, Fault
from tuntas.cli.profile import profile
from tuntas.cli.verbs import Verbs
from tuntas.kit import operations

app = typer.Typer(cls=Verbs, no_args_is_help=True, add_completion=False, help="Get a task done across merchants, or undone whole.")
app.add_typer(billing.app, name="billing")
operating.register(app)
app.command("dead-letters")(letters.dead_letters)
Json = Annotated[bool, typer.Option("--json", help="print documents as JSON lines")]
Task = Annotated[UUID, typer.Argument(help="the task's id")]
HINTS = {"question": "answer {task} 'YOUR ANSWER'", "approval_needed": "approve {task}"}
"""What to do about an event that waits for the person."""


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="what you want, in English, Indonesian or Chinese")],
    *,
    person: Annotated[str, typer.Option(help="for whom: your own id of the person")] = "me",
    traveller: Annotated[list[str] | None, typer.Option(help="a traveller's name; may be repeated")] = None,
    tz: Annotated[str, typer.Option(help="time zone that dates are meant in")] = "Asia/Jakarta",
    instrument: Annotated[str, typer.Option(help="what to pay with")] = "wallet",
    wait: Annotated[bool, typer.Option(help="follow the task until it ends")] = True,
    as_json: Json = False,
) -> None:
    """Say what you want; follow it until it is done, undone, or needs you."""
    gateway = Gateway()
    asker = {"person": person, "travellers": traveller or [], "tz": tz, "instrument": instrument}
    made = gateway.call(
        "POST", "/v1/tasks", "task_id", json={"text": text, "asker": asker}, headers={"Idempotency-Key": secrets.token_hex(8)}
    )
    show.document(made, as_json=as_json)
    if wait:
        _until_needed(gateway, UUID(made["task_id"]), as_json=as_json)


def _until_needed(gateway: Gateway, task: UUID, *, as_json: bool) -> None:
    """Follow a task until it ends or waits for the person; then say how to go on."""
    for event in gateway.events(task):
        show.event(event, as_json=as_json)
        hint = HINTS.get(str(event.get("type", "")).split(".")[-2])
        if hint:
            if not as_json:
                _say(gateway, task)
                show.console.print(f"[bold]tuntas {hint.format(task=task)}[/]")
            return
    if not as_json:
        _say(gateway, task)


def _say(gateway: Gateway, task: UUID) -> None:
    """Show what a person would be told now."""
    show.reply(gateway.call("GET", f"/v1/tasks/{task}/reply", "text"))


@app.command()
def publish(
    file: Annotated[str, typer.Argument(help="a JSON file with goals or text, `-` for standard input")],
    *,
    source: Annotated[str, typer.Option(help="CloudEvents source")] = "tuntas/cli",
    submission: Annotated[str | None, typer.Option("--id", help="submission id; the same id is the same task")] = None,
    valid_minutes: Annotated[int, typer.Option(min=1, max=7 * 24 * 60)] = 60,
    headers_only: Annotated[bool, typer.Option(help="print the signed headers for a client of your own, publish nothing")] = False,
    as_json: Json = False,
) -> None:
    """Publish an intent to Kafka, as another service would."""
    own, body, valid = profile(), publishing.read(file), timedelta(minutes=valid_minutes)
    if not own.signing_key:
        raise Fault("no_profile", "no signing key: run `make up`, or set TUNTAS_CLI_SIGNING_KEY", EXIT_USAGE)
    if headers_only:
        show.document(
            publishing.headers(own, body, source=source, submission=submission or secrets.token_hex(8), valid=valid), as_json=as_json
        )
        return
    show.document(publishing.publish(own, body, source=source, submission=submission, valid=valid), as_json=as_json)


@app.command()
def watch(task: Task, *, as_json: Json = False) -> None:
    """Follow a task's events until it ends."""
    _follow(Gateway(), task, as_json=as_json)


def _follow(gateway: Gateway, task: UUID, *, as_json: bool) -> None:
    for event in gateway.events(task):
        show.event(event, as_json=as_json)


@app.command()
def answer(task: Task, text: str, *, as_json: Json = False) -> None:
    """Answer the open question."""
    show.document(Gateway().call("POST", f"/v1/tasks/{task}/answer", json={"text": text}), as_json=as_json)


@app.command()
def approve(task: Task, *, no: Annotated[bool, typer.Option("--no", help="refuse instead")] = False, as_json: Json = False) -> None:
    """Say yes (or no) to the plan that was shown."""
    show.document(Gateway().call("POST", f"/v1/tasks/{task}/approve", json={"approved": not no}), as_json=as_json)


@app.command()
def cancel(task: Task, *, as_json: Json = False) -> None:
    """Cancel a task; the answer comes as an event: undone, or too late with the price of undoing."""
    show.document(Gateway().call("POST", f"/v1/tasks/{task}/cancel"), as_json=as_json)


@app.command()
def undo(
    task: Task,
    goals: Annotated[list[str], typer.Argument(help="the goals to give up; the others stay")],
    *,
    apply: Annotated[bool, typer.Option("--apply", help="give them up at the price that is quoted now; else only show it")] = False,
    as_json: Json = False,
) -> None:
    """Say what giving up some goals of a completed task costs now, or do it."""
    gateway, path = Gateway(), f"/v1/tasks/{task}/undo"
    quoted = gateway.call("POST", f"{path}/quote", "effects", "cost", "complete", "version", json={"goals": goals})
    showing.quote(quoted, as_json=as_json)
    if not quoted["effects"]:
        raise Fault("unknown_leg", "nothing stands of these goals", EXIT_REFUSED)
    if not apply:
        return
    if not quoted["complete"] or not all(each["allowed"] for each in quoted["effects"]):
        raise Fault("not_quoted", "not every provider quoted an undo", EXIT_REFUSED)
    order = {"goals": goals, "fee_limit": quoted["cost"], "version": quoted["version"]}
    show.document(gateway.call("POST", path, json=order), as_json=as_json)


@app.command()
def receipt(task: Task, *, as_json: Json = False) -> None:
    """Show what is left of each effect, and every movement of money."""
    gateway = Gateway()
    show.receipt(gateway.call("GET", f"/v1/tasks/{task}/receipt", *show.RECEIPT), as_json=as_json)
    if not as_json:
        _say(gateway, task)


@app.command()
def tasks(
    *,
    stuck: Annotated[bool, typer.Option("--stuck", help="only those not at an end, the most money at risk first")] = False,
    where: Annotated[list[str] | None, typer.Option(help="provider=, step=, code=, tenant=, older-than=SECONDS; may be repeated")] = None,
    db: Annotated[bool, typer.Option("--db", help="read the database, without gateway, saga or Kafka")] = False,
    as_json: Json = False,
) -> None:
    """List tasks."""
    wanted = conditions(where or [])
    if not stuck:
        found = Gateway().call("GET", "/v1/tasks", "tasks")
        show.stuck(found["tasks"], as_json=as_json)
    elif db:
        lines = database(profile(), lambda con: operations.stuck(con, wanted))
        show.stuck([line.model_dump(mode="json") for line in lines], as_json=as_json)
    else:
        found = Gateway(operator=True).call("GET", "/v1/operations/stuck", "tasks", params=wanted)
        show.stuck(found["tasks"], as_json=as_json)


@app.command()
def explain(
    task: Task,
    *,
    db: Annotated[bool, typer.Option("--db", help="read the database, without gateway, saga or Kafka")] = False,
    as_json: Json = False,
) -> None:
    """Say why a task does not move, and which commands are safe."""
    if not db:
        show.explanation(Gateway(operator=True).call("GET", f"/v1/operations/explain/{task}", "status", "waiting_for"), as_json=as_json)
        return

    async def read(con: asyncpg.Connection) -> operations.Explanation:
        return operations.explain(await operations.gather(con, task))

    show.explanation(database(profile(), read).model_dump(mode="json"), as_json=as_json)


@app.command()
def check(
    *,
    service: Annotated[str | None, typer.Option(help="with this service's TUNTAS_KAFKA_*: may it do all that it has to?")] = None,
    as_json: Json = False,
) -> None:
    """Say what is missing: topics, partitions, permissions, signs of life. SASL and TLS are read from TUNTAS_KAFKA_*."""
    own = profile()
    found = access.check(own, service)
    beats = database(own, operations.beats) if own.operations_url else {}
    found += [
        f"{service}: no sign of life for {age:.0f} s" for service, age in beats.items() if age > operations.SILENT_AFTER.total_seconds()
    ]
    show.document({"ok": not found, "faults": found, "services": sorted(beats)}, as_json=as_json)
    raise typer.Exit(EXIT_REFUSED if found else 0)


if __name__ == "__main__":
    app()
