"""Say what this machine lacks before anything is fetched: one line each, exit status 2 if there is any.

Runs on any Python 3 from 3.6 on, so that one too old can say so. Needs nothing but the standard library.
"""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DISK = 1500  # MB: the environment, Kafka's archives and room for data
OLDEST, NEWEST = (3, 11), (3, 14)
GLIBC = (2, 28)
WORD = 64  # bits
INSTALL = {"debian": "apt-get install", "fedora": "dnf install", "suse": "zypper install"}
PACKAGES = {
    ("python", "debian"): "python3 python3-venv",
    ("python", "fedora"): "python3.12",
    ("python", "suse"): "python312",
    ("venv", "debian"): "python3-venv",
    ("venv", "fedora"): "python3-libs",
    ("venv", "suse"): "python3-base",
}


class Facts(NamedTuple):
    """What is judged; `disk` is the free space in MB, `family` the packaging family or nothing."""

    system: str
    machine: str
    bits: int
    glibc: "tuple[int, ...]"
    python: "tuple[int, ...]"
    venv: bool
    make: bool
    disk: int
    family: str


def facts() -> Facts:
    """What is to be judged, as this machine has it."""
    return Facts(
        system=platform.system(),
        machine=platform.machine(),
        bits=64 if sys.maxsize > 1 << 32 else 32,
        glibc=glibc(),
        python=sys.version_info[:2],
        venv=all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
        make=shutil.which("make") is not None,
        disk=shutil.disk_usage(str(ROOT)).free // (1 << 20),
        family=family(Path("/etc/os-release")),
    )


def glibc() -> "tuple[int, ...]":
    """The version of the GNU C library; empty if the C library is another one."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):
        return ()
    return tuple(int(part) for part in version.split(".")) if name == "glibc" else ()


def family(release: Path) -> str:
    """Which packaging family a Linux distribution belongs to, by its os-release file; empty if unknown."""
    if not release.exists():
        return ""
    lines = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    names = " ".join(lines.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE")).split()
    same = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora"}
    return next((same.get(name, name) for name in names if same.get(name, name) in INSTALL), "")


def advice(need: str, family: str) -> str:
    """How to get something in that family: the command, or just the name."""
    package = PACKAGES.get((need, family), need)
    return f"{INSTALL[family]} {package}" if family in INSTALL else f"install {package}"


def problems(found: Facts) -> "list[str]":
    """One line for each thing that is missing or too old, with what to do."""
    python = ".".join(str(part) for part in found.python)
    get = {need: advice(need, found.family) for need in ("python", "venv", "make")}
    checks = [
        (found.system == "Linux", f"{found.system} is not supported: use Linux, a Linux container or WSL 2"),
        (found.machine in ("x86_64", "aarch64"), f"processor {found.machine} is not supported: x86_64 or aarch64 is needed"),
        (found.bits == WORD, "this Python is a 32-bit program: install a 64-bit one"),
        (found.glibc >= GLIBC, "glibc 2.28 or newer is needed (not musl): use e.g. Debian 10, Ubuntu 20.04, RHEL 8 or newer"),
        (
            OLDEST <= found.python <= NEWEST,
            f"Python {python} is not supported, 3.11 to 3.14 is: {get['python']}, name it by `make PYTHON=...`",
        ),
        (found.venv, f"Python's venv and ensurepip are missing: {get['venv']}"),
        (found.make, f"make is missing: {get['make']}"),
        (found.disk >= DISK, f"{found.disk} MB are free below {ROOT}, {DISK} MB are needed: make room"),
    ]
    return [line for fine, line in checks if not fine]


if __name__ == "__main__":
    missing = problems(facts())
    sys.stderr.write("".join(f"preflight: {line}\n" for line in missing))
    sys.exit(2 if missing else 0)
