import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "tools" / "preflight.py"
FINE = {
    "system": "Linux",
    "machine": "x86_64",
    "bits": 64,
    "glibc": (2, 36),
    "python": (3, 12),
    "venv": True,
    "make": True,
    "disk": 9000,
    "family": "debian",
}


@pytest.fixture(scope="module")
def preflight() -> ModuleType:
    spec = spec_from_file_location("preflight", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_this_machine_is_fine() -> None:
    assert subprocess.run([sys.executable, SCRIPT], capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize(
    ("lack", "line"),
    [
        ({"system": "Darwin"}, "Darwin is not supported"),
        ({"machine": "riscv64"}, "processor riscv64 is not supported"),
        ({"bits": 32}, "32-bit"),
        ({"glibc": ()}, "glibc 2.28 or newer is needed"),
        ({"glibc": (2, 17)}, "glibc 2.28 or newer is needed"),
        ({"python": (3, 10)}, "Python 3.10 is not supported"),
        ({"python": (3, 15)}, "Python 3.15 is not supported"),
        ({"venv": False}, "apt-get install python3-venv"),
        ({"make": False, "family": "fedora"}, "dnf install make"),
        ({"make": False, "family": ""}, "make is missing: install make"),
        ({"disk": 900}, "900 MB are free"),
    ],
)
def test_what_is_missing_is_said_in_one_line(preflight: ModuleType, lack: dict[str, Any], line: str) -> None:
    (said,) = preflight.problems(preflight.Facts(**(FINE | lack)))

    assert line in said
    assert "\n" not in said


def test_all_that_is_missing_is_said_at_once(preflight: ModuleType) -> None:
    assert len(preflight.problems(preflight.Facts(**(FINE | {"venv": False, "make": False, "disk": 1})))) == 3


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\n", "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
    ],
)
def test_the_packaging_family_is_known_by_its_release_file(preflight: ModuleType, tmp_path: Path, release: str, family: str) -> None:
    (tmp_path / "os-release").write_text(release)

    assert preflight.family(tmp_path / "os-release") == family
