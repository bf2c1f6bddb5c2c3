"""`make bench-peers`: engines that a team could pick instead, the floors and the limit beside Tuntas, interleaved on one machine; a table.

The harness (`PEERS`, a folder) holds the workload, the other peers and the checks; see its README. A peer that can't be built or run here
is left out, and the reason is said. Each run is a line in `.tuntas/bench-peers.jsonl`; the table is made of this call's lines.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.__main__ import limit
from tests.bench.stage import stage

FOLDER = Path(os.environ.get("PEERS") or "../shared/bench/peers").absolute()
ROUNDS = int(os.environ.get("ROUNDS") or 3)
LINES = Path(".tuntas/bench-peers.jsonl").absolute()
OURS = "tuntas"
LOADS = {"A1": ("A", 1), "B64": ("B", 64), "B256": ("B", 256), "B1024": ("B", 1024)}
"""Name to variant (B: every fifth saga is refused at its fourth step and rolled back) and sagas in flight."""

SAGAS = {OURS: 6_000, "floor": 5_000, "floor-batched": 20_000, "dtm": 2_000, "restate": 1_500, "dbos-2p": 1_200, "temporal": 300}
"""The peers, and how many sagas a run of each has, so that it lasts some seconds; at one in flight a tenth."""

HEAD = "| peer | sagas/s (least to most) | of ours | p50 ms | p99 ms | CPU s/1,000 | commits/saga | log B/saga | peak RSS MB |"
FACTS = (
    ("latency_ms", "p50"),
    ("latency_ms", "p99"),
    ("cpu_s_per_1000",),
    ("pg", "write_tx_per_saga"),
    ("pg", "wal_bytes_per_saga"),
    ("peak_rss_mb",),
)
Line = dict[str, Any]


def say(words: str) -> None:
    """Tell the progress, on standard error."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def measured(peer: str, load: str) -> Line | str:
    """Run one peer once; return its line, or why there is none."""
    variant, in_flight = LOADS[load]
    options = ["--n", str(SAGAS[peer] // (10 if in_flight == 1 else 1)), "--concurrency", str(in_flight), "--variant", variant]
    if peer == OURS:
        path = os.pathsep.join([str(Path(__file__).parent), str(FOLDER), str(Path.cwd())])
        command, env = [sys.executable, str(FOLDER / "workload.py"), peer, *options], os.environ | {"PYTHONPATH": path}
    else:
        places = {f"PEERBENCH_{name.upper()}": str(LINES.parent / "peers" / name) for name in ("venv", "tools")}
        command, env = [str(FOLDER / "run.sh"), peer, *options], os.environ | places
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode or not done.stdout:
        return (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    found: Line = json.loads(done.stdout.splitlines()[-1])
    return found


def runs() -> Iterator[tuple[str, str, Line]]:
    """Run all peers at all loads, round by round, and yield what was measured."""
    left = dict.fromkeys(SAGAS)
    for number in range(1, ROUNDS + 1):
        for load in LOADS:
            for peer in tuple(left):
                found = measured(peer, load)
                if isinstance(found, str):
                    say(f"{peer} is left out: {found}")
                    del left[peer]
                    continue
                say(f"round {number}, {load}, {peer}: {found['sagas_per_s']:.0f} sagas/s")
                yield load, peer, found
            yield load, "the limit", {"sagas_per_s": _limit(LOADS[load][1])}


def _limit(in_flight: int) -> float:
    with stage(()) as running:
        return limit(running, in_flight)


def _median(lines: list[Line], *path: str) -> str:
    values = []
    for line in lines:
        value: Any = line
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        values += [value] if value is not None else []
    return f"{statistics.median(values):,.4g}" if values else "-"


def table(load: str, found: dict[str, list[Line]]) -> str:
    """Return the table of one load: medians, the spread of the rate, and ours as a multiple of each."""
    ours = statistics.median(line["sagas_per_s"] for line in found[OURS]) if found.get(OURS) else 0.0
    rows = [f"### {load}", "", HEAD, "| --- " * HEAD.count(" |") + "|"]
    for peer, lines in found.items():
        rates = sorted(line["sagas_per_s"] for line in lines)
        middle = statistics.median(rates)
        cells = [_median(lines, *path) for path in FACTS]
        rows.append(f"| {peer} | {middle:,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f}) | {ours / middle:.2f} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> int:
    """Measure, and print the tables; 1 if the harness is not there."""
    if not (FOLDER / "workload.py").exists():
        say(f"no harness in {FOLDER}: name its folder with PEERS=")
        return 1
    found: dict[str, dict[str, list[Line]]] = {load: {} for load in LOADS}
    LINES.parent.mkdir(exist_ok=True)
    with LINES.open("a") as file:
        for load, peer, line in runs():
            file.write(json.dumps({"load": load, "peer": peer} | line) + "\n")
            file.flush()
            found[load].setdefault(peer, []).append(line)
    print("\n\n".join(table(load, peers) for load, peers in found.items()))  # noqa: T201 - the result
    return 0


if __name__ == "__main__":
    sys.exit(main())
