"""Delete the data and logs of all stacks: `python -m tuntas.local.clean`. Needs the standard library alone, so it works without `.venv`."""

import shutil
import sys
from pathlib import Path

from tuntas.local import postgres
from tuntas.local.processes import STACKS, LocalError, Processes, take


def clean(root: Path = STACKS) -> None:
    """Delete the data and logs of all stacks; fetched archives stay.

    Raises:
        LocalError: a stack is in use.
    """
    for folder in [path.parent for path in root.glob("*/lock")]:
        forget(folder)


def forget(folder: Path) -> None:
    """Delete the data and logs of one stack, if there are any.

    Raises:
        LocalError: it is in use.
    """
    if not folder.exists():
        return
    with take(folder):
        Processes(folder).stop_all()
        postgres.remove(folder / "postgres")
        shutil.rmtree(folder)


if __name__ == "__main__":
    try:
        clean()
    except LocalError as error:
        sys.exit(str(error))
