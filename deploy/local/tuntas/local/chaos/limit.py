"""`python -m tuntas.local.chaos.limit BYTES PID...`: let no file of these processes grow beyond so many bytes; -1 takes the limit back.

The kernel lets a user do so to processes of the same user only, so it becomes that user first.
"""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from tuntas.local.launch import drop_rights


def limit(most: int, pids: list[int]) -> None:
    """Limit processes of one user; those that have ended meanwhile are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if most < 0 else most, hard))


if __name__ == "__main__":
    wanted, *found = map(int, sys.argv[1:])
    owner = Path(f"/proc/{found[0]}").stat()
    if owner.st_uid != os.getuid():
        drop_rights(owner.st_uid, owner.st_gid)
    limit(wanted, found)
