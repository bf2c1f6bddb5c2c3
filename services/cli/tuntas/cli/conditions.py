"""Which stuck tasks are meant, as the command line says it."""

import math

from tuntas.cli.faults import EXIT_USAGE, Fault


def conditions(where: list[str]) -> dict[str, str]:
    """Return conditions by name.

    Raises:
        Fault: `bad_condition`.
    """
    pairs = [tuple(part.split("=", 1)) for text in where for part in text.split(",")]
    known = {"provider", "step", "code", "tenant", "older-than"}
    if bad := [p[0] for p in pairs if len(p) != 2 or p[0] not in known]:  # noqa: PLR2004
        raise Fault("bad_condition", f"{bad[0]}: known are provider=, step=, code=, tenant=, older-than=", EXIT_USAGE)
    found = {p[0]: p[1] for p in pairs}
    if not _age(found.get("older-than", "0")):
        raise Fault("bad_condition", f"older-than={found['older-than']}: a number of seconds is needed", EXIT_USAGE)
    return found


def _age(text: str) -> bool:
    try:
        return 0 <= float(text) < math.inf
    except ValueError:
        return False
