"""Where things are, what a member has, and what no file in the repository may hold."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tuntas.contracts.topics import CONNECTORS
from tuntas.local.services import FOREIGN, PACKAGES

ROOT = Path(__file__).resolve().parents[2]
TOP = {"shared", "services", "deploy", "tests", "docs", ".ci", ".github"}
MEMBERS = sorted(
    path.parent for top in ("shared", "services", "deploy/local", "deploy/sandbox") for path in (ROOT / top).rglob("pyproject.toml")
)
SERVICES = [path for path in MEMBERS if path.is_relative_to(ROOT / "services") and path.name != "cli"]
SCANNED = (".py", ".md", ".toml", ".json", ".yaml", ".yml", ".lock", ".sha256", ".txt", ".ini", "Makefile", "run")
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "getenv", "urandom", "token_hex", "time_ns", "monotonic"}
IMPURE = {"random", "secrets", "time", "os", "socket", "subprocess"}
FORBIDDEN = {
    "a path of one machine": re.compile(r"/(?:work|home/[a-z]+|root|Users/[A-Za-z]+)/[a-z]"),
    "a registry's host": re.compile(r"(?:pypi\.org|pythonhosted\.org|maven\.org|artifactory|nexus\.|/simple/)", re.IGNORECASE),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}|xox[bp]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9]{32,})"),
}
LOCKED = re.compile(r"[A-Za-z0-9._\[\]-]+==[^ ]+( ;[^\\]+)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?")
"""A line of a lock: a version, perhaps for some machines only, or a sum; nothing else, no option and no address."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for path in (ROOT / entry for entry in listed.stdout.split("\0") if entry) if path.is_file()]


def manifest(member: Path) -> dict[str, Any]:
    return tomllib.loads((member / "pyproject.toml").read_text())


def package(member: Path) -> Path:
    return next(path.parent for path in (member / "tuntas").rglob("app.py"))


def makefile_members() -> set[str]:
    words = (ROOT / "Makefile").read_text().split("MEMBERS :=", 1)[1].split("\nPORTIONS", 1)[0]
    services = re.search(r"\$\(addprefix services/,([^)]*)\)", words)
    assert services
    rest = words.replace(services[0], "").replace("\\", "")
    return {*rest.split(), *(f"services/{entry}" for entry in services[1].split())}


def portions() -> list[str]:
    found: list[str] = re.findall(r"^PORTIONS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    return found


def test_no_init_file_hides_the_other_members_of_the_namespace() -> None:
    assert not [name(m) for m in MEMBERS for p in ("tuntas", "tuntas/connectors") if (m / p / "__init__.py").exists()]


@pytest.mark.parametrize("member", MEMBERS, ids=name)
def test_a_member_has_types_and_a_page(member: Path) -> None:
    if member != ROOT / "shared":
        assert (member / "README.md").is_file()
    assert list((member / "tuntas").rglob("py.typed"))


@pytest.mark.parametrize("member", MEMBERS, ids=name)
def test_a_manifest_has_the_one_shape(member: Path) -> None:
    found = manifest(member)
    project = found["project"]
    assert found["build-system"] == {"requires": ["hatchling>=1.33"], "build-backend": "hatchling.build"}
    assert found["tool"]["hatch"]["build"] == {"dev-mode-dirs": ["."], "targets": {"wheel": {"packages": ["tuntas"]}}}
    assert {"name", "version", "description", "license", "requires-python", "dependencies"} <= project.keys()
    assert (project["license"], project["requires-python"]) == ("Apache-2.0", ">=3.11")
    assert project["name"].startswith("tuntas-")


@pytest.mark.parametrize("member", SERVICES, ids=name)
def test_a_service_has_the_one_shape(member: Path) -> None:
    folder = package(member)
    needed = ("__main__.py", "migrations/env.py", "migrations/versions", "py.typed")
    assert not [entry for entry in needed if not (folder / entry).exists()]


def test_make_knows_every_member() -> None:
    assert makefile_members() == {name(member) for member in MEMBERS}


def test_make_checks_the_types_of_every_package() -> None:
    found = {name(p).split("tuntas/", 1)[1].replace("/", ".") for m in MEMBERS for p in (q.parent for q in m.rglob("py.typed"))}
    assert found <= set(portions()), found - set(portions())


def test_the_local_platform_runs_every_service() -> None:
    dotted = {str(package(m).relative_to(m)).replace("/", ".") for m in SERVICES}
    assert {*PACKAGES.values(), FOREIGN} == dotted
    assert {f"connectors-{entry}" for entry in CONNECTORS} == {entry for entry in PACKAGES if entry.startswith("connectors-")}


def test_every_package_has_a_layer() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = {part.strip() for layer in linter["contracts"][0]["layers"] for part in layer.split("|")}
    assert {entry.split(".")[0] for entry in portions()} == layers


def test_the_top_level_has_few_folders() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT} <= TOP


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    files = [path for path in tracked() if path.name.endswith(SCANNED) and path != Path(__file__)]
    assert not [name(path) for path in files if FORBIDDEN[what].search(path.read_text(errors="replace"))]


def test_the_locks_name_sums_and_no_index() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock", "deploy/docker/requirements.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert not [line for line in text.splitlines() if not LOCKED.fullmatch(line)]
        assert not [entry for entry in re.split(r"\n(?=\S)", text.strip()) if "==" in entry and "--hash=sha256:" not in entry]


def decision_modules(member: Path) -> set[Path]:
    """A service's `core.py` and what it imports from its own package, whatever that imports in turn."""
    top = package(member)
    dotted = str(top.relative_to(member)).replace("/", ".")
    waiting, found = [top / "core.py"], set[Path]()
    while waiting:
        path = waiting.pop()
        if path.exists() and path not in found:
            found.add(path)
            waiting += imported(path, dotted, top)
    return found


def imported(path: Path, dotted: str, top: Path) -> list[Path]:
    modules = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.module]
    names = [entry for node in modules for entry in (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))]
    return [
        top.joinpath(*entry.removeprefix(dotted).strip(".").split(".")).with_suffix(".py")
        for entry in names
        if entry.startswith(dotted + ".")
    ]


def impurities(source: str) -> list[str]:
    """What a decision may not do: ask a clock, chance, the environment."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"import {entry}" for entry in names if entry.split(".")[0] in IMPURE]
        elif isinstance(node, ast.Attribute) and (node.attr in CLOCKS or node.attr == "environ"):
            if not (
                isinstance(node.value, ast.Name) and node.value.id in {"self", "context", "run", "turn"}
            ) and "context" not in ast.unparse(node):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"uuid4", "uuid7", "uuid1", "open", "print", "input"}:
            found.append(ast.unparse(node.func))
    return found


@pytest.mark.parametrize("member", [m for m in SERVICES if "connectors" not in m.parts], ids=name)
def test_decisions_ask_no_clock_no_chance_and_no_environment(member: Path) -> None:
    modules = decision_modules(member)
    assert len(modules) > 1
    found = {name(path): impurities(path.read_text()) for path in modules}
    assert not {path: faults for path, faults in found.items() if faults}


def test_the_connectors_decisions_ask_no_clock_no_chance_and_no_environment() -> None:
    folder = ROOT / "shared/tuntas/kit/connector"
    modules = [folder / f"{entry}.py" for entry in ("core", "asking", "undoing", "approvals", "effects")]
    assert not {path.name: impurities(path.read_text()) for path in modules if impurities(path.read_text())}


@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime\ndatetime.now()",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4\nuuid4()",
        "import time",
        "from random import random",
        "import os",
        "date.today()",
        "x.environ",
    ],
)
def test_the_purity_rule_finds(line: str) -> None:
    assert impurities(line)


def test_the_purity_rule_lets_the_context_tell_the_time() -> None:
    assert not impurities("at = context.now\nlater = self.context.now + pause\nrun.now")
