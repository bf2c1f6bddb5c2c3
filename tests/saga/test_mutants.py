"""A mutant that breaks nothing any more would look like one that no history notices."""

import subprocess
import sys


def test_every_mutant_finds_what_it_breaks() -> None:
    plants = "from tests.saga.mutants import MUTANTS, plant\nfor name in MUTANTS: plant(name)"
    done = subprocess.run([sys.executable, "-c", plants], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
