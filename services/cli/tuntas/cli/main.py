"""The verbs of `tuntas`."""

import asyncio
import json
import secrets
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

from tuntas.cli import publishing, show
from tuntas.cli.client import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, Gateway, fail
from tuntas.cli.profile import profile
from tuntas.contracts.topics import all_topics
from tuntas.kit import operations
from tuntas.kit.messaging import client, topics
from tuntas.kit.settings import KafkaSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Get a task done across merchants, or undone whole.")
Json = Annotated[bool, typer.Option("--json", help="print documents as JSON lines")]
Task = Annotated[str, typer.Argument(help="the task's id")]
CONNECTORS = ("payment", "travel")
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
    gateway = Gateway(as_json=as_json)
    asker = {"person": person, "travellers": traveller or [], "tz": tz, "instrument": instrument}
    made = gateway.call("POST", "/v1/tasks", json={"text": text, "asker": asker}, headers={"Idempotency-Key": secrets.token_hex(8)})
    show.document(made, as_json=as_json)
    if wait:
        _until_needed(gateway, made["task_id"], as_json=as_json)


def _until_needed(gateway: Gateway, task: str, *, as_json: bool) -> None:
    """Follow a task until it ends or waits for the person; then say how to go on."""
    for event in gateway.events(task):
        show.event(event, as_json=as_json)
        hint = HINTS.get(str(event.get("type", "")).split(".")[-2])
        if hint:
            if not as_json:
                show.console.print(f"[bold]tuntas {hint.format(task=task)}[/]")
            return


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
        fail("no_profile", "no signing key: run `make up`, or set TUNTAS_CLI_SIGNING_KEY", EXIT_USAGE, as_json=as_json)
    if headers_only:
        show.document(
            publishing.headers(own, body, source=source, submission=submission or secrets.token_hex(8), valid=valid), as_json=as_json
        )
        return
    show.document(publishing.publish(own, body, source=source, submission=submission, valid=valid), as_json=as_json)


@app.command()
def watch(task: Task, *, as_json: Json = False) -> None:
    """Follow a task's events until it ends."""
    _follow(Gateway(as_json=as_json), task, as_json=as_json)


def _follow(gateway: Gateway, task: str, *, as_json: bool) -> None:
    for event in gateway.events(task):
        show.event(event, as_json=as_json)


@app.command()
def answer(task: Task, text: str, *, as_json: Json = False) -> None:
    """Answer the open question."""
    show.document(Gateway(as_json=as_json).call("POST", f"/v1/tasks/{task}/answer", json={"text": text}), as_json=as_json)


@app.command()
def approve(task: Task, *, no: Annotated[bool, typer.Option("--no", help="refuse instead")] = False, as_json: Json = False) -> None:
    """Say yes (or no) to the plan that was shown."""
    show.document(Gateway(as_json=as_json).call("POST", f"/v1/tasks/{task}/approve", json={"approved": not no}), as_json=as_json)


@app.command()
def cancel(task: Task, *, as_json: Json = False) -> None:
    """Cancel a task; the answer comes as an event: undone, or too late with the price of undoing."""
    show.document(Gateway(as_json=as_json).call("POST", f"/v1/tasks/{task}/cancel"), as_json=as_json)


@app.command()
def receipt(task: Task, *, as_json: Json = False) -> None:
    """Show what is left of each effect, and every movement of money."""
    show.receipt(Gateway(as_json=as_json).call("GET", f"/v1/tasks/{task}/receipt"), as_json=as_json)


@app.command()
def tasks(
    *,
    stuck: Annotated[bool, typer.Option("--stuck", help="only those not at an end, the most money at risk first")] = False,
    where: Annotated[list[str] | None, typer.Option(help="provider=, step=, code=, older-than=SECONDS; may be repeated")] = None,
    db: Annotated[bool, typer.Option("--db", help="read the database, without gateway, saga or Kafka")] = False,
    as_json: Json = False,
) -> None:
    """List tasks."""
    wanted = _conditions(where or [], as_json=as_json)
    if not stuck:
        found = Gateway(as_json=as_json).call("GET", "/v1/tasks")
        show.stuck(found["tasks"], as_json=as_json)
    elif db:
        show.stuck(
            [t.model_dump(mode="json") for t in _database(lambda con: operations.stuck(con, wanted), as_json=as_json)], as_json=as_json
        )
    else:
        found = Gateway(as_json=as_json, operator=True).call("GET", "/v1/operations/stuck", params=wanted)
        show.stuck(found["tasks"], as_json=as_json)


def _conditions(where: list[str], *, as_json: bool) -> dict[str, str]:
    pairs = [tuple(part.split("=", 1)) for text in where for part in text.split(",")]
    known = {"provider", "step", "code", "older-than"}
    if bad := [p[0] for p in pairs if len(p) != 2 or p[0] not in known]:  # noqa: PLR2004
        fail("bad_condition", f"{bad[0]}: known are provider=, step=, code=, older-than=", EXIT_USAGE, as_json=as_json)
    return {p[0]: p[1] for p in pairs}


@app.command()
def explain(
    task: Task,
    *,
    db: Annotated[bool, typer.Option("--db", help="read the database, without gateway, saga or Kafka")] = False,
    as_json: Json = False,
) -> None:
    """Say why a task does not move, and which commands are safe."""
    if not db:
        show.explanation(Gateway(as_json=as_json, operator=True).call("GET", f"/v1/operations/explain/{task}"), as_json=as_json)
        return

    async def read(con: asyncpg.Connection) -> Any:
        return operations.explain(await operations.gather(con, UUID(task)))

    show.explanation(_database(read, as_json=as_json).model_dump(mode="json"), as_json=as_json)


def _database(read: Any, *, as_json: bool) -> Any:
    url = profile().operations_url
    if not url:
        fail("no_profile", "no database: set TUNTAS_CLI_OPERATIONS_URL", EXIT_USAGE, as_json=as_json)

    async def run() -> Any:
        con = await asyncpg.connect(url, timeout=10)
        try:
            return await read(con)
        finally:
            await con.close()

    try:
        return asyncio.run(run())
    except (OSError, asyncpg.PostgresError) as error:
        fail("database_unreachable", str(error), EXIT_UNREACHABLE, as_json=as_json)


@app.command()
def repair(
    task: Task,
    action: Annotated[str, typer.Argument(help="retry | skip | mark_done | accept_fee | force")],
    *,
    reason: Annotated[str, typer.Option(help="why; it is kept")],
    key: Annotated[str | None, typer.Option(help="the attempt's key, from `tuntas explain`")] = None,
    evidence: Annotated[str, typer.Option(help="a JSON object; needed by mark_done")] = "{}",
    as_json: Json = False,
) -> None:
    """Decide what a resting saga does next."""
    body = {"action": action, "key": key, "reason": reason, "evidence": json.loads(evidence)}
    show.document(Gateway(as_json=as_json, operator=True).call("POST", f"/v1/tasks/{task}/repair", json=body), as_json=as_json)


@app.command()
def check(*, as_json: Json = False) -> None:
    """Say what is missing: topics, partitions, services without a sign of life. SASL and TLS are read from TUNTAS_KAFKA_*."""
    own = profile()
    settings = KafkaSettings(bootstrap=own.bootstrap) if own.bootstrap else KafkaSettings()
    found = asyncio.run(topics.faults(settings, all_topics(CONNECTORS)))
    beats: Any = _database(operations.beats, as_json=as_json) if own.operations_url else {}
    found += [
        f"{service}: no sign of life for {age:.0f} s" for service, age in beats.items() if age > operations.SILENT_AFTER.total_seconds()
    ]
    show.document({"ok": not found, "faults": found, "services": sorted(beats)}, as_json=as_json)
    raise typer.Exit(EXIT_REFUSED if found else 0)


@app.command("dead-letters")
def dead_letters(
    *, redrive: Annotated[bool, typer.Option(help="send them to where they came from, again")] = False, as_json: Json = False
) -> None:
    """List records that were set aside, with the reason; or send them through again."""
    own = profile()
    for found in asyncio.run(client.dead_letters(own.bootstrap, own.topic_prefix, redrive=redrive)):
        show.document(found, as_json=as_json)


if __name__ == "__main__":
    app()
