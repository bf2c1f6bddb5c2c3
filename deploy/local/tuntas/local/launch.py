"""Become another program: record who we are, drop root's rights if asked to, ask to be ended with the parent, then exec.

Run by `tuntas.local.processes` as a plain script: `python -I -S launch.py JSON`. It stands between the parent and the program because
all of this must happen in the child before the program runs, and Python code between fork and exec is not safe in a parent with threads.
Process id and start time survive the exec, so the record is true from the first instant on.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def started(pid: int | str) -> str:
    """When a process started, as no other process of this machine can have it: boot, then clock ticks since boot.

    Raises:
        FileNotFoundError: no such process.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{_stat(pid)[19]}"


def ended(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent to notice.

    Raises:
        FileNotFoundError: no such process.
    """
    return _stat(pid)[0] in "ZX"


def stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, and waits for another to go on; one that is gone was not."""
    try:
        return _stat(pid)[0] in "Tt"
    except FileNotFoundError:
        return False


def _stat(pid: int | str) -> list[str]:
    """What the kernel says of a process, from its state on: the name before it may hold blanks and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def drop_rights(uid: int, gid: int) -> None:
    """Become that user for good, without any supplementary group."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def end_with(parent: int, signal: int) -> None:
    """Have the kernel send `signal` to this process when `parent` ends; leave at once if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has ended")


def main(order: dict[str, Any]) -> None:
    """Carry out the order of `processes.Processes.start`."""
    record = {key: order[key] for key in ("name", "order", "stop_signal", "log")} | {"pid": os.getpid(), "started": started("self")}
    Path(order["record"]).write_text(json.dumps(record))
    if order["user"]:
        drop_rights(*order["user"])
    if order["parent"]:  # after the rights are dropped: a change of user clears it
        end_with(order["parent"], order["stop_signal"])
    os.execv(order["command"][0], order["command"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
