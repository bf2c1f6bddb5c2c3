"""PostgreSQL and Kafka of one named stack, `.tuntas/<name>/`, started side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tuntas.local import kafka, postgres
from tuntas.local.processes import STACKS, Processes, take

ROOT = STACKS
JARS = ROOT / "jars"


class Backends:
    """The two servers of one stack. Every method waits until what it does is done: in a coroutine call it with `asyncio.to_thread`.

    Only one at a time may hold a stack. Starting ends what a crash left of it; leaving or `stop` ends everything that it recorded.
    """

    def __init__(self, name: str, root: Path = ROOT, say: Callable[[str], None] = lambda _: None) -> None:
        """Describe the stack; nothing is started.

        Args:
            name: the stack's folder in `root`.
            root: the folder of all stacks.
            say: told in one line what takes long.
        """
        self.folder = root / name
        self.processes = Processes(self.folder)
        self.postgres = postgres.Postgres(self.folder / "postgres", self.processes)
        self.kafka = kafka.Kafka(self.folder / "kafka", self.processes, root / "jars", say)
        self._lock: TextIO | None = None

    @property
    def dsn(self) -> str:
        """URL of the superuser's connection; scheme `postgresql`."""
        return self.postgres.dsn

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap server."""
        return self.kafka.bootstrap

    def start(self) -> None:
        """Take the stack, end what a crash left of it and start both servers.

        Raises:
            LocalError: somebody else holds the stack, or a server does not start; then nothing is left running.
        """
        self._lock = take(self.folder)
        try:
            self.processes.stop_all()
            with ThreadPoolExecutor(max_workers=2) as pool:
                for started in [pool.submit(self.kafka.start), pool.submit(self.postgres.start)]:
                    started.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers and whatever else was started in `processes`, the youngest first, and let go of the stack."""
        self.processes.stop_all()
        self.leave()

    def leave(self) -> None:
        """Let go of the stack; what runs goes on running if it may outlive this process."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def restart_kafka(self) -> None:
        """Start Kafka again on the same port, whether it runs, was killed or died."""
        self.kafka.restart()

    def kill_kafka(self) -> None:
        """End Kafka without warning."""
        self.kafka.kill()

    def restart_postgres(self, *, immediate: bool = False) -> None:
        """Start PostgreSQL again on the same port; `immediate` cuts every session and loses what was not committed, like a crash."""
        self.postgres.restart(immediate=immediate)

    def kill_postgres(self) -> None:
        """End PostgreSQL without warning."""
        self.postgres.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
