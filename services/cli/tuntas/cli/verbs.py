"""The command's verbs as a group that never shows a traceback for what people may do or meet."""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from tuntas.cli.faults import fault_of


class Verbs(TyperGroup):
    """A group whose every failure is one line on standard error, or with `--json` an object, and an exit status."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run a verb and leave with its exit status."""
        given = list(sys.argv[1:] if args is None else args)
        if not given:
            return super().main(given, *rest, **options)
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)  # the clients' own words; what went wrong is told once
        try:
            status = super().main(given, *rest, **{**options, "standalone_mode": False})
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            told = json.dumps({"code": fault.code, "detail": fault.reason}) if "--json" in given else f"{fault.code}: {fault.reason}"
            typer.echo(told, err=True)
            status = fault.status
        finally:
            logging.disable(before)
        sys.exit(status)
