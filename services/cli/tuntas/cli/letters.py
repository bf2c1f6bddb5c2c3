"""`tuntas dead-letters`: what was set aside, by condition; and the same letters sent through again, at a rate and in the audit log."""

import time
from typing import Annotated, Any

import typer

from tuntas.cli.backends import kafka
from tuntas.cli.client import Gateway
from tuntas.cli.conditions import pairs
from tuntas.cli.faults import EXIT_USAGE, Fault
from tuntas.cli.profile import Profile, profile
from tuntas.cli.show import document
from tuntas.contracts.base import Document
from tuntas.kit import redriving
from tuntas.kit.messaging.wire import Record
from tuntas.kit.redriving import CONDITIONS, Letter

Json = Annotated[bool, typer.Option("--json", help="print documents as JSON lines")]
_MOST = 1000


def dead_letters(
    *,
    where: Annotated[list[str] | None, typer.Option(help="code=, service=, topic=, type=, tenant=; may be repeated")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="at most so many, the oldest first")] = _MOST,
    redrive: Annotated[bool, typer.Option("--redrive", help="send those that are listed without it to where they came from")] = False,
    reason: Annotated[str | None, typer.Option(help="with --redrive: why; it is kept")] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="with --redrive: at most so many a second")] = 20.0,
    as_json: Json = False,
) -> None:
    """List records that were set aside, with the reason; or send the same ones through again."""
    wanted = pairs(where or [], CONDITIONS)
    if redrive and not reason:
        raise Fault("usage", "--redrive needs --reason", EXIT_USAGE)
    own = profile()
    found = [letter for letter in kafka(own, redriving.letters) if letter.meets(wanted)][:limit]
    if redrive and found:
        _announce(found, wanted, str(reason))
    for letter in found:
        sent = redrive and letter.record is not None and _sent(own, letter.record, rate)
        document({**letter.facts, "redriven": sent}, as_json=as_json)


def _announce(found: list[Letter], where: dict[str, str], reason: str) -> None:
    """Have it in the audit log before anything leaves; without the gateway nothing does."""
    conditions: Document = dict(where)
    body: dict[str, Any] = {"reason": reason, "where": conditions, "letters": [each.place for each in found if each.record]}
    Gateway(operator=True).call("POST", "/v1/operations/redrives", json=body)


def _sent(own: Profile, record: Record, rate: float) -> bool:
    kafka(own, lambda settings: redriving.redrive(settings, record))
    time.sleep(1 / rate)
    return True
