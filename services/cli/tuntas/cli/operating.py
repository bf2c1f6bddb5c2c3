"""Operators' verbs: repair one task or many, approve and stop repairs, rehearse undoing, pause and resume, read and check the audit log."""

import time
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic_core import from_json

from tuntas.cli import show, showing
from tuntas.cli.client import Gateway
from tuntas.cli.conditions import conditions
from tuntas.cli.faults import EXIT_REFUSED, EXIT_USAGE, Fault
from tuntas.cli.profile import profile
from tuntas.kit.audit import Signed, held
from tuntas.kit.errors import Rejected

Json = Annotated[bool, typer.Option("--json", help="print documents as JSON lines")]
Where = Annotated[list[str] | None, typer.Option(help="provider=, step=, code=, tenant=, older-than=SECONDS; may be repeated")]
Reason = Annotated[str, typer.Option(help="why; it is kept")]
Scope = Annotated[str, typer.Argument(help="a provider, a connector, connector/provider, or tenant/NAME")]
_REPAIRS, _AUDIT = "/v1/operations/repairs", "/v1/operations/audit"
_ANSWER_SECONDS, _LOOK_SECONDS, _PAGE = 10.0, 0.2, 500
_WORDS = 2


def repair(
    words: Annotated[list[str], typer.Argument(metavar="[TASK] ACTION", help="retry | skip | mark_done | accept_fee | force")],
    *,
    reason: Reason,
    key: Annotated[UUID | None, typer.Option(help="the attempt's key, from `tuntas explain`")] = None,
    evidence: Annotated[str, typer.Option(help="a JSON object; needed by mark_done")] = "{}",
    expected: Annotated[int | None, typer.Option(help="the version looked at; if it moved, nothing is changed")] = None,
    where: Where = None,
    apply: Annotated[bool, typer.Option("--apply", help="with --where: order it; else only say what it would be told to")] = False,
    limit: Annotated[int, typer.Option(help="with --where: at most so many tasks")] = 50,
    rate: Annotated[float, typer.Option(help="with --where: so many a second")] = 5.0,
    as_json: Json = False,
) -> None:
    """Decide what a resting saga does next, or all that meet the conditions; what became of it is said."""
    task = _task(words, where)
    body: dict[str, Any] = {"action": words[-1], "reason": reason, "evidence": _evidence(evidence)}
    if task:
        _repair_one(task, body | {"key": str(key) if key else None, "expected": expected}, as_json=as_json)
    else:
        body |= {"where": conditions(where or []), "limit": limit, "per_second": rate, "dry_run": not apply}
        showing.plan(Gateway(operator=True).call("POST", _REPAIRS, "count", "tasks", json=body), as_json=as_json)


def _task(words: list[str], where: list[str] | None) -> UUID | None:
    """Return the task that is meant; none if conditions say which are."""
    if len(words) != (1 if where else _WORDS):
        raise Fault("usage", "TASK ACTION, or ACTION with --where", EXIT_USAGE)
    try:
        return None if where else UUID(words[0])
    except ValueError:
        raise Fault("usage", f"{words[0]}: a task's id is needed", EXIT_USAGE) from None


def _evidence(text: str) -> Any:
    try:
        found = from_json(text.encode(), allow_inf_nan=False)
    except ValueError as error:
        raise Fault("bad_evidence", str(error), EXIT_USAGE) from None
    if not isinstance(found, dict):
        raise Fault("bad_evidence", "a JSON object is needed", EXIT_USAGE)
    return found


def _repair_one(task: UUID, body: dict[str, Any], *, as_json: bool) -> None:
    gateway = Gateway(operator=True)
    made = gateway.call("POST", f"/v1/tasks/{task}/repair", "repair", "state", json=body)
    found = _answered(gateway, made["repair"])
    (told,) = found["tasks"]
    if told["applied"] is False:
        raise Fault(told["code"], f"nothing was changed; the saga is at version {told['before']}", EXIT_REFUSED)
    showing.repair(found, as_json=as_json)


def _answered(gateway: Gateway, repair_id: str) -> dict[str, Any]:
    """Look at a repair of one task until its answer is there, it waits for somebody, or that takes too long."""
    until = time.monotonic() + _ANSWER_SECONDS
    while True:
        found = gateway.call("GET", f"{_REPAIRS}/{repair_id}", "state", "tasks")
        if found["state"] == "waiting" or found["tasks"][0]["applied"] is not None or time.monotonic() > until:
            return found
        time.sleep(_LOOK_SECONDS)


def repairs(
    repair_id: Annotated[UUID | None, typer.Argument(metavar="REPAIR", help="one of them, with its tasks")] = None,
    *,
    approve: Annotated[bool, typer.Option("--approve", help="let it begin, as another operator than the one who ordered it")] = False,
    stop: Annotated[str | None, typer.Option(metavar="REASON", help="let nothing more of it leave")] = None,
    as_json: Json = False,
) -> None:
    """List repairs, or show, approve or stop one."""
    gateway = Gateway(operator=True)
    if repair_id is None:
        showing.repairs(gateway.call("GET", _REPAIRS, "repairs")["repairs"], as_json=as_json)
        return
    path = f"{_REPAIRS}/{repair_id}"
    if approve:
        found = gateway.call("POST", f"{path}/approve", "state", "tasks")
    elif stop is not None:
        found = gateway.call("POST", f"{path}/stop", "state", "tasks", json={"reason": stop})
    else:
        found = gateway.call("GET", path, "state", "tasks")
    showing.repair(found, as_json=as_json)


def drill(task: Annotated[UUID, typer.Argument(help="the task's id")], *, as_json: Json = False) -> None:
    """Say what undoing a task would cost now, as its providers quote it; nothing is undone."""
    showing.quote(Gateway(operator=True).call("POST", f"/v1/operations/drill/{task}", "effects", "cost", "complete"), as_json=as_json)


def pause(scope: Scope, *, reason: Reason, as_json: Json = False) -> None:
    """Let nothing leave to a party any more; its sagas wait."""
    _switch(scope, reason, parked=True, as_json=as_json)


def resume(scope: Scope, *, reason: Reason, as_json: Json = False) -> None:
    """Let what waits for a party go on."""
    _switch(scope, reason, parked=False, as_json=as_json)


def _switch(scope: str, reason: str, *, parked: bool, as_json: bool) -> None:
    body = {"scope": scope, "parked": parked, "reason": reason}
    show.document(Gateway(operator=True).call("POST", "/v1/switches", json=body), as_json=as_json)


def audit(
    *,
    verify: Annotated[bool, typer.Option("--verify", help="check the whole chain and every signature; print its head")] = False,
    last: Annotated[int, typer.Option(min=1, help="so many entries")] = 50,
    as_json: Json = False,
) -> None:
    """List what operators did, or check that nothing of it was changed."""
    gateway = Gateway(operator=True)
    if verify:
        show.document(_verified(gateway), as_json=as_json)
        return
    newest = gateway.call("GET", _AUDIT, "last", params={"limit": 1})["last"]
    for entry in _entries(gateway, max(0, newest - last)):
        showing.entry(from_json(entry.body), as_json=as_json)


def _verified(gateway: Gateway) -> dict[str, Any]:
    """Check everything with keys that do not come from the gateway, and return the head: note it, and a later one must go on from it."""
    keys = _keys(profile().audit_keys)
    try:
        head = held(_entries(gateway, 0), keys)
    except Rejected as error:
        raise Fault(error.code, error.reason, EXIT_REFUSED) from None
    return {"ok": True, "entries": head.seq, "digest": head.digest}


def _keys(text: str) -> dict[str, str]:
    try:
        found = from_json(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found.values()):
        raise Fault("bad_profile", "audit_keys: a JSON object of key ids and public keys in hex is needed", EXIT_USAGE)
    return found


def _entries(gateway: Gateway, after: int) -> Iterator[Signed]:
    while page := gateway.call("GET", _AUDIT, "entries", params={"after": after, "limit": _PAGE})["entries"]:
        yield from (Signed.model_validate(entry) for entry in page)
        after += len(page)


def register(app: typer.Typer) -> None:
    """Make these verbs of the command."""
    for verb in (repair, repairs, drill, pause, resume, audit):
        app.command()(verb)
