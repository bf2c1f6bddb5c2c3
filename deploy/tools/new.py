"""Write a new connector, or a new provider of one, from `deploy/tools/templates`, and register it in the few lists that name them.

`python deploy/tools/new.py connector NAME`, `python deploy/tools/new.py provider CONNECTOR NAME`. If anything is wrong nothing is written:
one line `code: reason` on standard error, exit 2.
"""

import json
import keyword
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).resolve().parent / "templates"
CONNECTORS = Path("services/connectors")
TOPICS = Path("shared/tuntas/contracts/topics.py")
SUITE = Path("tests/conformance/conftest.py")
RETURN = "    return {provider.spec.name: provider for provider in found}\n"
_CONNECTOR = re.compile(r"[a-z][a-z0-9]{1,23}")
_PROVIDER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_OWNERS = {"gateway", "intent", "planner", "trust", "executor", "saga", "tasks", "intents", "registry", "http"}
"""Names that topics and packages of the platform have already."""


class Refused(Exception):
    """Why nothing was written: `bad_name`, `taken`, `unknown_connector`, `no_actions` or `bad_shape`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


def connector(root: Path, name: str) -> dict[Path, str]:
    """Return every file that a new connector makes or changes, with its new text; paths are relative.

    Raises:
        Refused: `bad_name`, `taken`, `bad_shape`.
    """
    if not _CONNECTOR.fullmatch(name) or keyword.iskeyword(name):
        raise Refused("bad_name", f"{name!r}: 2 to 24 small letters and digits, a letter first, and no word of Python")
    if name in _OWNERS or (root / CONNECTORS / name).exists() or f'"{name}"' in _listed(root):
        raise Refused("taken", f"{name!r} is in use")
    provider = f"{name}-example"
    words = {"name": name, "Name": name.capitalize(), "NAME": name.upper(), "provider": provider}
    files = {CONNECTORS / name / path: _filled(source, words) for path, source in _sources(name).items()}
    package = CONNECTORS / name / "tuntas/connectors" / name
    files[package / "providers/example.py"] = _provider_file(provider, f"{name}.book", name)
    files[package / "app.py"] = _with_provider(files[package / "app.py"], name, "example", provider)
    files[Path(f"tests/unit/connector/test_{name}.py")] = _filled(TEMPLATES / "tests/test_connector.py.in", words)
    return files | _registered(root, name, words)


def provider(root: Path, of: str, name: str) -> dict[Path, str]:
    """Return every file that a new provider of a connector makes or changes, with its new text; paths are relative.

    Raises:
        Refused: `bad_name`, `unknown_connector`, `taken`, `no_actions`, `bad_shape`.
    """
    if not _PROVIDER.fullmatch(name) or len(name) > _LONGEST:
        raise Refused("bad_name", f"{name!r}: small letters, digits and single hyphens, a letter first, at most {_LONGEST}")
    package = CONNECTORS / of / "tuntas/connectors" / of
    if not (root / package / "app.py").is_file() or not (root / package / "providers").is_dir():
        raise Refused("unknown_connector", f"{of!r} is no connector with providers in {CONNECTORS}")
    module = name.replace("-", "_")
    file, app = package / f"providers/{module}.py", (root / package / "app.py").read_text()
    if (root / file).exists() or name in _provided(of) or keyword.iskeyword(module):
        raise Refused("taken", f"{name!r} is in use")
    goal, stem = _first_goal(of)
    entry = root / package / "conformance.py"
    suite = entry.relative_to(root) if entry.exists() else SUITE
    return {
        file: _provider_file(name, goal, stem),
        package / "app.py": _with_provider(app, of, module, name),
        suite: _with_example((root / suite).read_text(), name, goal),
    }


def _listed(root: Path) -> str:
    found = re.search(r"^CONNECTORS = \(.*\)$", (root / TOPICS).read_text(), re.MULTILINE)
    if found is None:
        raise Refused("bad_shape", f"{TOPICS} has no line CONNECTORS = (...)")
    return found[0]


def _sources(name: str) -> dict[Path, Path]:
    base = TEMPLATES / "connector"
    found = (path for path in sorted(base.rglob("*.in")))
    return {Path(str(path.relative_to(base)).removesuffix(".in").replace("__name__", name)): path for path in found}


def _filled(source: Path, words: Mapping[str, str]) -> str:
    return Template(source.read_text()).substitute(words)


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _provider_file(name: str, goal: str, stem: str) -> str:
    words = {"provider": name, "title": name.replace("-", " ").title(), "class_": _class(name), "goal": goal}
    return _filled(TEMPLATES / "provider.py.in", words | {"hold": f"{stem}.hold", "confirm": f"{stem}.confirm"})


def _with_provider(app: str, of: str, module: str, name: str) -> str:
    line = f"from tuntas.connectors.{of}.providers.{module} import {_class(name)}\n"
    imports = [f"{each}\n" for each in app.splitlines() if each.startswith("from ")]
    if RETURN not in app or not imports:
        raise Refused("bad_shape", f"app.py of {of} has no line {RETURN.strip()!r}")
    later = next((each for each in imports if each.split()[1] > line.split()[1] and each.startswith("from tuntas.")), imports[-1])
    return app.replace(later, line + later, 1).replace(RETURN, f"    found.append({_class(name)}(client))\n{RETURN}", 1)


def _provided(of: str) -> set[str]:
    made: Any = import_module(f"tuntas.connectors.{of}.app")
    settings = type("S", (), {"base_url": "http://127.0.0.1:9"})
    return set(made.providers(type("R", (), {"settings": settings})))


def _first_goal(of: str) -> tuple[str, str]:
    """Return the first goal type that is held and confirmed, and what its actions' names begin with."""
    made: Any = import_module(f"tuntas.connectors.{of}.app")
    for goal in made.connector.goal_types:
        stems = [action.action.removesuffix(".hold") for action in goal.actions if action.action.endswith(".hold")]
        if stems and any(action.action == f"{stems[0]}.confirm" for action in goal.actions):
            return goal.name, stems[0]
    raise Refused("no_actions", f"{of} has no goal type with actions .hold and .confirm to begin with")


def _with_example(suite: str, name: str, goal: str) -> str:
    like = re.search(rf'"([a-z0-9-]+)": \{{[^\n]*"{re.escape(goal)}"', suite)
    if like is None:
        raise Refused("bad_shape", f"the conformance suite has no example of {goal}")
    line = f'EXAMPLES["{name}"] = {{"{goal}": EXAMPLES["{like[1]}"]["{goal}"]}}\n'
    mark = '"""For each provider of a sandbox'
    if mark not in suite:
        return f"{suite.rstrip()}\n{line}"
    end = suite.index('"""\n', suite.index(mark) + len(mark)) + len('"""\n')
    return suite[:end] + line + suite[end:]


def _registered(root: Path, name: str, words: Mapping[str, str]) -> dict[Path, str]:
    """Return the lists that name every connector, with this one in each."""
    listed = _listed(root)
    names = sorted({*re.findall(r'"([a-z0-9]+)"', listed), name})
    changes = {
        TOPICS: [(listed, f"CONNECTORS = ({', '.join(json.dumps(each) for each in names)})")],
        Path("Makefile"): [
            (" connectors/http)", f" connectors/{name} connectors/http)"),
            (" connectors.http ", f" connectors.{name} connectors.http "),
        ],
        Path("deploy/local/pyproject.toml"): [
            ('  "tuntas-connectors-http",\n', f'  "tuntas-connectors-{name}",\n  "tuntas-connectors-http",\n')
        ],
        Path("docker-compose.yml"): [
            ('"maps"]\'', f'"maps", "{name}"]\''),
            ("  connectors-maps:\n", f"{_filled(TEMPLATES / 'compose.yml.in', words)}  connectors-maps:\n"),
        ],
    }
    return {path: _changed(root, path, pairs) for path, pairs in changes.items()}


def _changed(root: Path, path: Path, pairs: list[tuple[str, str]]) -> str:
    text = (root / path).read_text()
    for old, new in pairs:
        if text.count(old) != 1:
            raise Refused("bad_shape", f"{path} has not exactly one {old.strip()!r}")
        text = text.replace(old, new)
    return text


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Write files; folders are made."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        sys.stdout.write(f"{path}\n")


def main() -> int:
    """Run the command."""
    try:
        match sys.argv[1:]:
            case ["connector", name]:
                files = connector(ROOT, name)
            case ["provider", of, name]:
                files = provider(ROOT, of, name)
            case _:
                raise Refused("usage", "connector NAME | provider CONNECTOR NAME")  # noqa: TRY301 - said where it is seen
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    write(ROOT, files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
