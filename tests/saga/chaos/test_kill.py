"""Processes are killed under load: nothing is lost, nothing is done twice, nothing is left over."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from tuntas.local.kill import Kill
from tuntas.local.platform import Platform

COMMAND = [sys.executable, "-m", "tuntas.local", "kill", "--json"]


def nothing_wrong(summary: dict[str, Any]) -> None:
    assert summary["open"] == summary["needs_attention"] == 0, summary
    assert not summary["never_passed"], summary
    assert not summary["left"], summary
    assert summary["audit"]["stray_effects"] == summary["audit"]["missing_effects"] == 0
    assert "exit" not in summary["audit"], summary["audit"]


@pytest.mark.timeout(120)
async def test_a_connector_and_the_executor_die_with_tasks_in_flight_and_the_auditor_finds_nothing() -> None:
    platform = Platform("kill-fast", separate=True, fresh=True)
    await asyncio.to_thread(platform.start)
    try:
        run = Kill(platform, tasks=6, seed=3, say=lambda _: None)
        summary, fine = await run.run([("connectors-travel", "committed"), ("executor", "published")], servers=False, again=False)
    finally:
        await asyncio.to_thread(platform.stop)
    nothing_wrong(summary)
    assert fine
    assert summary["kills"] == {"connectors-travel.committed": 1, "executor.published": 1}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_service_dies_at_every_point_and_all_servers_die_and_reading_all_again_changes_nothing() -> None:
    done = subprocess.run([*COMMAND, "--tasks", "200"], capture_output=True, text=True, timeout=890, check=False)
    summary = json.loads(done.stdout)
    nothing_wrong(summary)
    assert not summary["replayed"]["changed_rows"], summary["replayed"]
    assert not summary["replayed"]["changed_effects"], summary["replayed"]
    assert summary["replayed"]["digest_before"] == summary["replayed"]["digest_after"]
    assert summary["replayed"]["new_events"] == 0
    assert done.returncode == 0
