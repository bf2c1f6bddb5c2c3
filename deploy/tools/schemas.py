"""Write what is generated from the code and kept for review as a diff: JSON Schemas, AsyncAPI, OpenAPI, who may read and write what.

`python deploy/tools/schemas.py` writes the files; tests/contract fails while one of them differs.
"""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from tuntas.cli.access import SERVICES, Access
from tuntas.contracts.base import MESSAGES
from tuntas.contracts.topics import Topic
from tuntas.engines import http as engines
from tuntas.gateway import http
from tuntas.kit import asyncapi

ROOT = Path(__file__).resolve().parents[2]
SECURITY = Path("docs/security.md")
SCHEMAS = ROOT / "shared/tuntas/contracts/schemas"
OWNERS = ("connectors", "engines", "executor", "gateway", "intent", "planner", "registry", "saga", "trust")


def text(document: object) -> str:
    """Return a document as it is written to a file."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def schemas() -> dict[Path, str]:
    """Return the file and text of each message's JSON Schema."""
    for owner in OWNERS:
        import_module(f"tuntas.contracts.{owner}")
    ours = {name: model for name, model in MESSAGES.items() if model.__module__.startswith("tuntas.contracts.")}
    return {SCHEMAS / f"{name}.json": text(model.model_json_schema()) for name, model in sorted(ours.items())}


def documents() -> dict[Path, str]:
    """Return the file and text of everything that is generated."""
    no_backends: Any = None
    doors = {"openapi": http.application(no_backends), "engines-openapi": engines.application(no_backends)}
    described = {ROOT / f"docs/{name}.json": text(door.openapi()) for name, door in doors.items()}
    return {**schemas(), ROOT / "docs/asyncapi.json": asyncapi.document(), ROOT / SECURITY: security(), **described}


def security() -> str:
    """Return the page on security with the table of who reads and writes what."""
    lines = (ROOT / SECURITY).read_text().splitlines()
    named = "|".join(("connectors-[a-z0-9]+", *SERVICES))
    ours = tuple(i for i, line in enumerate(lines) if re.match(rf"\| ({named}) \|", line))
    table = [_row(name, needs) for name, needs in SERVICES.items()]
    return "\n".join([*lines[: ours[0]], *table, *lines[ours[-1] + 1 :]]) + "\n"


def _row(name: str, needs: Access) -> str:
    def listed(topics: tuple[Topic, ...]) -> str:
        return ", ".join(f"`{topic.name.removeprefix('tuntas.')}`" for topic in topics) or "-"

    return f"| {name} | {listed(needs.reads + needs.follows)} | {listed(needs.writes)} | `tuntas.{name}` |"


def main() -> None:
    """Write the files; schemas of messages that are gone are deleted."""
    made = documents()
    for stale in set(SCHEMAS.glob("*.json")) - made.keys():
        stale.unlink()
    for path, content in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


if __name__ == "__main__":
    main()
