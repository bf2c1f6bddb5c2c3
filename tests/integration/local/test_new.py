"""`make new-connector` and `make new-provider`: what they write passes the checks and the conformance suite as it is."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
SEEN = ("connector-test", "2fast", "Laundry", "class", "a", "x" * 25, "../up", "lau ndry", "")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of the tree without what git does not keep."""
    folder = tmp_path_factory.mktemp("new") / "tree"
    ignored = shutil.ignore_patterns(".git", ".venv", ".tuntas", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, folder, ignore=ignored)
    yield folder
    shutil.rmtree(folder)


def members(tree: Path) -> list[Path]:
    tops = [tree / "shared", tree / "services", tree / "deploy/local", tree / "deploy/sandbox"]
    return sorted(path.parent for top in tops for path in top.rglob("pyproject.toml"))


def run(tree: Path, *command: str, site: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command in a copy, whose packages go before those that are installed."""
    paths = os.pathsep.join(map(str, [*([site] if site else []), *members(tree)]))
    environment = os.environ | {"PYTHONPATH": paths, "MYPYPATH": os.pathsep.join(map(str, members(tree)))}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=170, check=False)


def new(tree: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return run(tree, sys.executable, "deploy/tools/new.py", *words)


def everything(tree: Path) -> dict[str, bytes]:
    paths = [p for p in tree.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {str(p.relative_to(tree)): p.read_bytes() for p in paths}


def passes(tree: Path, *command: str, site: Path | None = None) -> None:
    done = run(tree, *command, site=site)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-2000:])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        *((("connector", name), "bad_name") for name in SEEN),
        (("connector", "travel"), "taken"),
        (("connector", "http"), "taken"),
        (("connector", "gateway"), "taken"),
        (("provider", "travel", "Kite"), "bad_name"),
        (("provider", "travel", "kite--regional"), "bad_name"),
        (("provider", "travel", "kite-regional"), "taken"),
        (("provider", "nothing", "some"), "unknown_connector"),
        (("provider", "..", "some"), "unknown_connector"),
        (("provider", "maps", "some"), "no_actions"),
        (("connector",), "usage"),
        ((), "usage"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_its_reason_and_nothing_is_written(copy: Path, words: tuple[str, ...], code: str) -> None:
    before = everything(copy)
    refused = new(copy, *words)
    assert (refused.returncode, refused.stderr.partition(":")[0], refused.stderr.count("\n")) == (2, code, 1)
    assert everything(copy) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_connector_and_a_new_provider_pass_the_checks_and_the_conformance_suite(copy: Path, tmp_path: Path) -> None:
    assert new(copy, "connector", "laundrybroughtbackbynoon").returncode == 0
    assert new(copy, "connector", "laundrybroughtbackbynoon").stderr.startswith("taken:")
    for of, provider in (("laundrybroughtbackbynoon", "clean-fast"), ("travel", "garuda-like"), ("shopping", "corner-shop")):
        assert new(copy, "provider", of, provider).returncode == 0
    for command in (("check", "--fix-only", "--select", "I"), ("format",), ("check",), ("format", "--check")):
        passes(copy, str(BIN / "ruff"), *command, ".")
    passes(copy, sys.executable, "deploy/tools/schemas.py")
    portions = ("connectors.laundrybroughtbackbynoon", "connectors.travel", "connectors.shopping", "contracts", "local")
    passes(copy, str(BIN / "mypy"), "--strict", *(word for p in portions for word in ("-p", f"tuntas.{p}")))
    passes(copy, str(BIN / "mypy"), "--strict", "tests/unit/connector/test_laundrybroughtbackbynoon.py", "tests/conformance")
    passes(copy, str(BIN / "lint-imports"), "--no-cache")
    listed = (
        "tests/unit/test_layout.py",
        "tests/unit/test_compose.py",
        "tests/contract/test_topics.py",
        "tests/unit/connector/test_laundrybroughtbackbynoon.py",
    )
    passes(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *listed)
    site = installed(copy, tmp_path)
    suite = (
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:cacheprovider",
        "tests/conformance",
        "-k",
        "laundrybroughtbackbynoon or clean or garuda or corner or left_out",
    )
    done = run(copy, sys.executable, *suite, site=site)
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(
        f"-{provider}]" in done.stdout for provider in ("laundrybroughtbackbynoon-example", "clean-fast", "garuda-like", "corner-shop")
    )


def installed(tree: Path, folder: Path) -> Path:
    """Install the new connector as somebody else's would be; return where."""
    member = tree / "services/connectors/laundrybroughtbackbynoon"
    name = tomllib.loads((member / "pyproject.toml").read_text())["project"]["name"]
    pip = (
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(folder / "site"),
        str(member),
    )
    passes(tree, sys.executable, *pip)
    assert list((folder / "site").glob(f"{name.replace('-', '_')}-*.dist-info"))
    return folder / "site"
