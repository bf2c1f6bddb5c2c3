import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuntas.local import processes as local
from tuntas.local.launch import ended, started
from tuntas.local.processes import LocalError, Processes, free_port, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"]
PARENT = """
import sys, time
from pathlib import Path
from tuntas.local.processes import Processes
processes = Processes(Path(sys.argv[1]))
command = [sys.executable, "-c", "import time; time.sleep(600)"]
follower = processes.start("follower", command)
survivor = processes.start("survivor", command, outlives_parent=True)
print(follower.pid, survivor.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.stop_all()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as other:
        yield other
        other.kill()


def gone(pid: int) -> bool:
    """Whether a process that is not our child has ended: a zombie nobody reaps counts."""
    try:
        return ended(pid)
    except FileNotFoundError:
        return True


def test_a_process_writes_to_its_log_and_ends_on_request(processes: Processes) -> None:
    child = processes.start("talker", [sys.executable, "-uc", "import time; print('hello'); time.sleep(600)"])

    child.wait_until(lambda: "hello" in child.tail(), 10)
    child.stop()

    assert not child.running()
    assert processes.stop_all() == []


def test_a_process_that_ignores_the_request_is_ended_all_the_same(processes: Processes) -> None:
    child = processes.start("stubborn", STUBBORN)
    child.wait_until(lambda: "deaf" in child.tail(), 10)

    child.stop(0.1)

    assert not child.running()


def test_one_that_ends_while_starting_is_reported_with_the_end_of_its_log(processes: Processes) -> None:
    child = processes.start("broken", [sys.executable, "-c", "raise SystemExit('no licence')"])

    with pytest.raises(LocalError, match="broken ended while starting\nno licence"):
        child.wait_until(lambda: False, 10)


def test_all_are_stopped_the_youngest_first(processes: Processes) -> None:
    for name in ("first", "second", "third"):
        processes.start(name, SLEEP)

    assert processes.stop_all() == ["third", "second", "first"]


def test_a_name_is_used_once_at_a_time(processes: Processes) -> None:
    processes.start("only", SLEEP)

    with pytest.raises(LocalError, match="only runs already"):
        processes.start("only", SLEEP)


def test_when_the_parent_is_killed_its_followers_end_and_the_next_start_finds_the_survivors(processes: Processes, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        follower, survivor = (int(pid) for pid in parent.stdout.readline().split())
        assert wait_for(lambda: len(processes.running()) == 2, 10)
        parent.kill()

    assert wait_for(lambda: gone(follower), 10)
    assert not gone(survivor)
    assert processes.stop_all() == ["survivor"]
    assert gone(survivor)


@pytest.mark.parametrize("age", ["another", "same"])
def test_only_the_very_process_that_was_recorded_is_ended(
    processes: Processes, tmp_path: Path, stranger: subprocess.Popen[bytes], age: str
) -> None:
    since = started(stranger.pid) if age == "same" else "earlier-boot:12345"
    record = {"name": "old", "pid": stranger.pid, "started": since, "order": 1, "stop_signal": int(signal.SIGTERM), "log": "log"}
    (tmp_path / "processes" / "old.json").write_text(json.dumps(record))

    names = processes.stop_all()

    assert (names, gone(stranger.pid)) == ((["old"], True) if age == "same" else ([], False))


def test_a_record_cut_off_by_a_crash_is_no_obstacle(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "processes" / "torn.json").write_text('{"name": "to')

    assert processes.stop_all() == []


def test_ports_are_given_from_below_the_range_of_outgoing_connections() -> None:
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert 10_000 <= free_port() < max(outgoing, 12_000)


def test_two_processes_that_look_for_ports_at_the_same_time_get_different_ones(tmp_path: Path) -> None:
    asking = "import sys; from tuntas.local.processes import _reserved; sys.exit(not _reserved(int(sys.argv[1])))"
    mine = free_port()
    assert subprocess.run([sys.executable, "-c", asking, str(mine)], check=False, cwd=tmp_path).returncode == 1
    assert subprocess.run([sys.executable, "-c", asking, "9"], check=False, cwd=tmp_path).returncode == 0


def test_ports_stay_reserved_within_bounds() -> None:
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) > 290
    assert len(local._RESERVED) == local._MOST_RESERVED


def test_each_port_that_was_given_stays_reserved_while_more_are_asked_for() -> None:
    given = [free_port() for _ in range(3)]
    assert [local._reserved(port) for port in given] == [False, False, False]
