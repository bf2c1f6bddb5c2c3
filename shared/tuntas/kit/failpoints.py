"""Named places where a test can end the process, stop it or let it fail. Without `TUNTAS_FAILPOINTS` each is one dictionary look-up.

`TUNTAS_FAILPOINTS="executor.committed=exit*1"` ends the process with SIGKILL at the first pass of that point; `stop` stops it with SIGSTOP,
in the middle of its transaction at `before_commit`, until somebody lets it go on.
Points between provider answer and offset commit, in order: `answered`, `before_commit`, `committed`, `published`, `acknowledged`.
"""

import os
import signal
from typing import Literal

Point = Literal["answered", "before_commit", "committed", "published", "acknowledged"]

Verb = Literal["exit", "stop", "raise"]
_SIGNALS = {"exit": signal.SIGKILL, "stop": signal.SIGSTOP}


class FailpointError(Exception):
    """Raised at a point armed with `raise`."""


def _armed() -> dict[str, tuple[str, int]]:
    plan: dict[str, tuple[str, int]] = {}
    for entry in filter(None, os.environ.get("TUNTAS_FAILPOINTS", "").split(",")):
        name, _, action = entry.partition("=")
        verb, _, times = action.partition("*")
        plan[name.strip()] = (verb, int(times or 1))
    return plan


_ARMED = _armed()


def arm(name: str, verb: Verb, times: int = 1) -> None:
    """Arm `<service>.<point>`: `exit` kills this process, `stop` stops it, `raise` raises FailpointError, at the next `times` passes."""
    _ARMED[name] = (verb, times)


def disarm() -> None:
    """Disarm all points."""
    _ARMED.clear()


def pass_point(service: str, point: Point) -> None:
    """Pass a point; what is armed there happens."""
    if not _ARMED:
        return
    name = f"{service}.{point}"
    verb, times = _ARMED.get(name, ("", 0))
    if times < 1:
        return
    _ARMED[name] = (verb, times - 1)
    if verb in _SIGNALS:
        os.kill(os.getpid(), _SIGNALS[verb])
        return
    raise FailpointError(name)
