"""Child processes that are always found again and never confused.

Each process has a log and a record (pid and start time) in its folder. Whatever way the parent ends, the next start finds what is left by
the records, and a pid that now belongs to somebody else has another start time, so it is never signalled.
"""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from tuntas.local.launch import ended, started

STACKS = Path(__file__).resolve().parents[4] / ".tuntas"  # one folder for each named stack
_LAUNCHER = Path(__file__).with_name("launch.py")
# The kernel ties "ends with its parent" to the thread that started the child, so one thread that lives as long as we do starts them all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
_LEAKY = ("PG", "JAVA", "JDK_", "_JAVA", "CLASSPATH", "LC_", "LANG")

Command = Sequence[str | Path]  # an absolute path first
User = tuple[int, int]  # uid and gid


class LocalError(Exception):
    """The local stack can't do what was asked; the message is one line for a person, at times with a log's end below it."""


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change how PostgreSQL or Java behave."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_LEAKY)} | {"LC_ALL": "C"}


_RESERVED: deque[int] = deque()  # descriptors, which are closed with the process and not before
_MOST_RESERVED = 200


def _reserved(port: int) -> bool:
    """Reserve a port by a name in the kernel that only one process has; the latest 200 stay reserved until this process ends."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0tuntas-port-{port}")
    except OSError:
        name.close()
        return False
    _RESERVED.append(name.detach())
    if len(_RESERVED) > _MOST_RESERVED:
        os.close(_RESERVED.popleft())
    return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses, below the range the kernel gives to outgoing connections.

    Inside that range a client that retries while its server is down can be given the server's own port, and connects to itself. Other
    stacks that look for ports at the same time get others, though nobody listens yet.
    """
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    wanted = random.sample(range(10_000, max(first_outgoing, 12_000)), 200)
    for port in chain(filter(_reserved, wanted), (0,)):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LocalError("no free TCP port on 127.0.0.1")


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until the condition holds, at most this long; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Child:
    """One recorded process, started by us or found by its record."""

    name: str
    pid: int
    started: str
    order: int
    stop_signal: int
    log: Path
    popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def running(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        if self.popen is not None:
            return self.popen.poll() is None
        with suppress(OSError):
            return started(self.pid) == self.started and not ended(self.pid)
        return False

    def send(self, number: int) -> None:
        """Send a signal to the process, and to nobody if it has ended."""
        if self.running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end, and end it the hard way after so many seconds."""
        self.send(self.stop_signal)
        if not wait_for(lambda: not self.running(), seconds):
            self.kill()

    def kill(self) -> None:
        """End it without warning, and return when it is gone."""
        self.send(signal.SIGKILL)
        if not wait_for(lambda: not self.running(), 10):
            raise LocalError(f"{self.name} (process {self.pid}) survives SIGKILL")

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready.

        Raises:
            LocalError: it ended or was not ready in time; the message carries the end of its log.
        """
        if not wait_for(lambda: ready() or not self.running(), seconds):
            raise LocalError(f"{self.name} was not ready in {seconds:.0f} s\n{self.tail()}")
        if not self.running():
            raise LocalError(f"{self.name} ended while starting\n{self.tail()}")


class Processes:
    """The processes of one folder; with `outlive` all of them go on when we end, until `stop_all` of a later start."""

    def __init__(self, folder: Path) -> None:
        self.outlive = False
        self.logs = folder / "logs"
        self._records = folder / "processes"
        self._children: dict[str, Child] = {}
        for each in (self.logs, self._records):
            each.mkdir(parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        command: Command,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: User | None = None,
        stop_signal: int = signal.SIGTERM,
        outlives_parent: bool = False,
    ) -> Child:
        """Start a program (an absolute path first) in a session of its own, its output appended to `logs/<name>.log`.

        Args:
            name: names its log and its record; one process of a name at a time.
            command: the program and its arguments.
            env: its whole environment; ours by default.
            cwd: its working folder.
            user: uid and gid to become, if we are root.
            stop_signal: what makes it end in good order; also sent to it when we end without stopping it.
            outlives_parent: whether it goes on when we end, until `stop_all` of a later start.

        Raises:
            LocalError: a process of that name runs.
        """
        if name in self._children and self._children[name].running():
            raise LocalError(f"{name} runs already")
        log, record = self.logs / f"{name}.log", self._records / f"{name}.json"
        known: dict[str, Any] = {"name": name, "order": time.monotonic_ns(), "stop_signal": int(stop_signal)}
        task = {"command": [str(part) for part in command], "user": user, "log": str(log), "record": str(record)}
        parent = 0 if outlives_parent or self.outlive else os.getpid()
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(known | task | {"parent": parent})]
        popen = _STARTER.submit(_spawn, launcher, log, env, cwd).result()
        child = Child(**known, pid=popen.pid, started=started(popen.pid), log=log, popen=popen)
        self._children[name] = child
        return child

    def running(self) -> list[Child]:
        """Every recorded process that runs, whoever started it, the youngest first."""
        read = (self._read(record) for record in self._records.glob("*.json"))
        known = {child.pid: child for child in (*read, *self._children.values()) if child}  # one just started may have no record yet
        found = [child for child in known.values() if child.running()]
        return sorted(found, key=lambda child: child.order, reverse=True)

    def stop_all(self, seconds: float = 10) -> list[str]:
        """End every recorded process, the youngest first, each within so many seconds; return the names of those that ran."""
        names = []
        for child in self.running():
            child.stop(seconds)
            names.append(child.name)
        for record in self._records.glob("*.json"):
            record.unlink()
        return names

    def _read(self, record: Path) -> Child | None:
        """The child of a record; nothing if its writer was ended while writing, which is before the program ran."""
        try:
            known = json.loads(record.read_text())
        except ValueError:
            return None
        return Child(**(known | {"log": Path(known["log"])}))


def take(folder: Path) -> TextIO:
    """Take a stack's folder for as long as the returned file is open, however its holder ends.

    Raises:
        LocalError: somebody else holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise LocalError(f"the stack `{folder.name}` is in use by process {holder}") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _spawn(command: Sequence[str], log: Path, env: Mapping[str, str] | None, cwd: Path | None) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd, start_new_session=True
        )
