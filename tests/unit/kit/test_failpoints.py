"""Failpoints end, stop or fail a process where they are named."""

import os
import signal
import subprocess
import sys

import pytest

from tuntas.local.launch import stopped
from tuntas.local.processes import wait_for

PASSES = "from tuntas.kit.failpoints import pass_point; [pass_point('saga', 'committed') for _ in range(2)]; print('passed')"


def run(armed: str) -> subprocess.Popen[str]:
    env = os.environ | {"TUNTAS_FAILPOINTS": armed}
    return subprocess.Popen([sys.executable, "-c", PASSES], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("armed", ["", "saga.published=exit", "executor.committed=exit", "saga.committed=exit*0"])
def test_what_is_not_armed_is_passed(armed: str) -> None:
    out, err = run(armed).communicate(timeout=30)
    assert (out, err) == ("passed\n", "")


def test_exit_kills_the_process() -> None:
    child = run("saga.committed=exit*1")
    assert child.communicate(timeout=30)[0] == ""
    assert child.returncode == -signal.SIGKILL


def test_raise_fails() -> None:
    child = run("saga.committed=raise*1")
    assert "FailpointError: saga.committed" in child.communicate(timeout=30)[1]
    assert child.returncode == 1


def test_stop_stops_the_process_until_it_is_told_to_go_on() -> None:
    child = run("saga.committed=stop*1")
    assert wait_for(lambda: stopped(child.pid), 30)
    child.send_signal(signal.SIGCONT)
    assert child.communicate(timeout=30)[0] == "passed\n"
