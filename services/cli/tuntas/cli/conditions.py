"""Which tasks or letters are meant, as the command line says it."""

import math
from collections.abc import Collection

from tuntas.cli.faults import EXIT_USAGE, Fault

_STUCK = ("provider", "step", "code", "tenant", "older-than")


def pairs(where: list[str], known: Collection[str]) -> dict[str, str]:
    """Return conditions by name; several may stand in one text, between commas.

    Raises:
        Fault: `bad_condition`.
    """
    found = [tuple(part.split("=", 1)) for text in where for part in text.split(",")]
    if bad := [p[0] for p in found if len(p) != 2 or p[0] not in known]:  # noqa: PLR2004
        raise Fault("bad_condition", f"{bad[0]}: known are {', '.join(f'{name}=' for name in known)}", EXIT_USAGE)
    return {p[0]: p[1] for p in found}


def conditions(where: list[str]) -> dict[str, str]:
    """Return the conditions of stuck tasks by name.

    Raises:
        Fault: `bad_condition`.
    """
    found = pairs(where, _STUCK)
    if not _age(found.get("older-than", "0")):
        raise Fault("bad_condition", f"older-than={found['older-than']}: a number of seconds is needed", EXIT_USAGE)
    return found


def _age(text: str) -> bool:
    try:
        return 0 <= float(text) < math.inf
    except ValueError:
        return False
