"""The demo, as somebody runs it: it ends well, an auditor's negative controls fail, and nothing is left running."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tuntas.local.processes import Processes
from tuntas.local.stack import ROOT

KEYS = {
    "tasks",
    "domains",
    "languages",
    "completed",
    "compensated",
    "needs_attention",
    "rejected",
    "stray_effects",
    "missing_effects",
    "postings_sum",
    "billing",
    "unexpected",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def demo(*options: str) -> tuple[int, dict[str, Any]]:
    """Play the demo; return its exit code and the last line that it printed."""
    program = Path(sys.executable).parent / "tuntas-local"
    done = subprocess.run([program, "demo", "--json", *options], capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, found


def left_running() -> list[str]:
    return [child.name for child in Processes(ROOT / "demo").running()]


def test_the_demo_plays_every_story_to_its_end_and_leaves_nothing_running() -> None:
    code, found = demo()
    assert (code, found["unexpected"]) == (0, {})
    assert set(found) >= KEYS
    assert (set(found["domains"]), set(found["languages"])) == ({"shop", "food", "travel", "map", "pay"}, {"en", "id", "zh"})
    assert found["tasks"] >= 50
    assert found["completed"] >= 30
    assert found["compensated"] >= 4
    assert (found["stray_effects"], found["missing_effects"], found["needs_attention"]) == (0, 0, 0)
    assert not any(found["postings_sum"].values())
    assert found["billing"].keys() == {"month", "lines", "total", "ledger_sum"}
    assert (found["billing"]["ledger_sum"], found["billing"]["lines"] >= 3) == (0, True)
    assert left_running() == []


@pytest.mark.parametrize("lie", ["effect", "posting", "receipt"])
def test_the_auditor_notices(lie: str) -> None:
    code, found = demo("--spoil", lie)
    assert (code, found["unexpected"]) == (1, {})
    assert left_running() == []
