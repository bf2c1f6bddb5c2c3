"""Whoever does to a running platform what can go wrong, and starts again what ended, as a supervisor would."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg

from tuntas.local.chaos.faults import Fault, Kind
from tuntas.local.launch import stopped
from tuntas.local.platform import WORLDS, Platform
from tuntas.local.processes import Child, wait_for

ARMED_SECONDS = 20.0
STOPS = 8
"""So many times an armed process stops itself; it stays so where that finds it in a transaction."""
CAUGHT = "in a transaction"
IN_TRANSACTION = "select count(*) from pg_stat_activity where state = 'idle in transaction' and application_name = $1"


class Foe:
    """Strikes one platform. `struck` counts what was done, `fell` which processes ended by themselves and were started again.

    `frozen` counts processes that were stopped between deciding and committing, by whether a transaction was open; `full` tells which
    server could not write.
    """

    def __init__(self, platform: Platform, say: Callable[[str], None]) -> None:
        self._platform, self._say = platform, say
        self._held: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._down: set[str] = set()
        self.through: dict[str, str] = {}
        self.struck: Counter[str] = Counter()
        self.fell: Counter[str] = Counter()
        self.frozen: Counter[str] = Counter()
        self.full: Counter[str] = Counter()
        self._acts: Mapping[Kind, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "freeze": self._freeze,
            "cut": self._cut,
            "slow": self._slow,
            "silence": self._silence,
            "fill": self._fill,
            "crash": self._crash,
            "stop_at_once": self._stop_at_once,
        }

    async def strike(self, fault: Fault) -> None:
        """Do one thing, and return when it is over: what was struck runs again."""
        async with self._held[fault.target]:
            self._down.add(fault.target)
            try:
                await self._acts[fault.kind](fault)
            finally:
                self._down.discard(fault.target)
        self.struck[f"{fault.kind} {fault.target}"] += 1
        self._say(f"{fault.kind} {fault.target}" + (f" {fault.seconds:.0f} s" if fault.seconds else ""))

    async def roll(self, service: str, through: str) -> None:
        """Replace a process by one of another version, in good order."""
        async with self._held[service]:
            self._down.add(service)
            try:
                await asyncio.to_thread(self._platform.services[service].stop)
                self.through[service] = through
                await self._start(service)
                await asyncio.to_thread(self._platform.await_ready, service)
            finally:
                self._down.discard(service)
        self.struck[f"roll {service}"] += 1

    async def keep(self) -> None:
        """Start again what ended without being struck, and let go on what stopped itself once more, for ever."""
        while True:
            for name, child in list(self._platform.services.items()):
                if name not in self._down and stopped(child.pid):
                    child.send(signal.SIGCONT)
                elif name not in self._down and not child.running():
                    self.fell[f"{name} ({child.popen.returncode if child.popen else None})"] += 1
                    self._say(f"{name}: ended by itself; started again")
                    await self._start(name)
            await asyncio.sleep(0.5)  # processes end without telling us

    async def _start(self, name: str, **extra: str) -> None:
        await asyncio.to_thread(self._platform.start_service, name, through=self.through.get(name, ""), **extra)

    async def _kill(self, fault: Fault) -> None:
        await asyncio.to_thread(self._platform.services[fault.target].kill)
        await self._start(fault.target)

    async def _stop(self, fault: Fault) -> None:
        child = self._platform.services[fault.target]
        child.send(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        child.send(signal.SIGCONT)

    async def _freeze(self, fault: Fault) -> None:
        """Stop it between deciding and committing: at times inside a transaction that has taken timers, calls or wallets."""
        service = fault.target.partition("@")[0]
        await asyncio.to_thread(self._platform.services[fault.target].kill)
        await self._start(fault.target, TUNTAS_FAILPOINTS=f"{service}.before_commit=stop*{STOPS}")
        child = self._platform.services[fault.target]
        where = await self._caught(child, service)
        self.frozen[where] += 1
        child.send(signal.SIGSTOP)  # wherever it is by now
        await asyncio.sleep(fault.seconds)
        child.send(signal.SIGCONT)

    async def _caught(self, child: Child, service: str) -> str:
        """Wait until an armed process stops itself within a transaction; say where it was."""
        for _ in range(STOPS):
            if not await asyncio.to_thread(wait_for, lambda: not child.running() or stopped(child.pid), ARMED_SECONDS):
                return "had nothing to decide"
            if await self._in_transaction(service):
                return CAUGHT
            child.send(signal.SIGCONT)  # a batch of messages alone is one statement: there is nothing to be stopped in
        return "in no transaction"

    async def _in_transaction(self, service: str) -> bool:
        with suppress(OSError, asyncpg.PostgresError):
            admin = await asyncpg.connect(self._platform.admin_dsn(), timeout=5)
            try:
                return bool(await admin.fetchval(IN_TRANSACTION, f"tuntas-{service}"))
            finally:
                await admin.close()
        return False

    async def _cut(self, fault: Fault) -> None:
        self._platform.order(fault.target, "cut", fault.value)

    async def _slow(self, fault: Fault) -> None:
        self._platform.order(fault.target, "slow", fault.value)
        await asyncio.sleep(fault.seconds)
        self._platform.order(fault.target, "heal")

    async def _silence(self, fault: Fault) -> None:
        """Let nothing pass, then cut what waited: whoever waited has given up, or learns now that nobody heard it."""
        self._platform.order(fault.target, "silence")
        await asyncio.sleep(fault.seconds)
        self._platform.order(fault.target, "cut", 1.0)
        self._platform.order(fault.target, "heal")

    async def _crash(self, fault: Fault) -> None:
        if fault.target in WORLDS:
            await asyncio.to_thread(self._platform.worlds[fault.target].kill)
            await asyncio.to_thread(self._platform.start_world, fault.target)
            return
        backends = self._platform.backends
        kill, restart = {
            "kafka": (backends.kill_kafka, backends.restart_kafka),
            "postgres": (backends.kill_postgres, backends.restart_postgres),
        }[fault.target]
        await asyncio.to_thread(kill)
        await asyncio.to_thread(restart)

    async def _stop_at_once(self, _: Fault) -> None:
        await asyncio.to_thread(lambda: self._platform.backends.restart_postgres(immediate=True))

    async def _fill(self, fault: Fault) -> None:
        """Let no file of a server grow beyond so many bytes, as a quota would; then give it room again, and start it again if it ended."""
        server = fault.target
        await asyncio.to_thread(self._limit, server, int(fault.value))
        await asyncio.sleep(fault.seconds)
        runs = self._pids(server)
        self.full[f"{server} {'went on' if runs else 'ended'}"] += 1
        await asyncio.to_thread(self._limit, server, None)
        if not runs:
            backends = self._platform.backends
            await asyncio.to_thread(backends.restart_kafka if server == "kafka" else backends.restart_postgres)

    def _limit(self, server: str, most: int | None) -> None:
        """Limit how long a file of a server's processes may become, or end that."""
        if pids := self._pids(server):
            given = [str(-1 if most is None else most), *map(str, pids)]
            subprocess.run([sys.executable, "-m", "tuntas.local.chaos.limit", *given], check=True, timeout=20)  # noqa: S603

    def _pids(self, server: str) -> list[int]:
        """Return a server's process and those it has made; none if it does not run."""
        return [pid for c in self._platform.backends.processes.running() if c.name == server for pid in (c.pid, *_children(c.pid))]


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
