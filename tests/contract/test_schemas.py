"""What is generated from the code is committed as it is, and a new version may not break what reads or writes an older one."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "shared/tuntas/contracts/schemas"


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = loaded(ROOT / "deploy/tools/schemas.py")
DOCUMENTS = tool.documents()
breaks = loaded(Path(__file__).with_name("compatibility.py")).breaks
BASE: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "maxLength": 10},
        "kind": {"enum": ["a", "b"], "type": "string"},
        "money": {"anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}]},
        "tree": {"$ref": "#/$defs/Tree"},
    },
    "$defs": {
        "Money": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}},
        "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(BASE))
    *parents, last = path.split("/")
    node = copy
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return copy


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.name))
def test_a_generated_file_is_committed_as_it_is(path: Path) -> None:
    assert path.read_text() == DOCUMENTS[path], "run `make generate`"


def test_no_schema_is_left_of_a_message_that_is_gone() -> None:
    assert set(SCHEMAS.glob("*.json")) == set(tool.schemas())


def test_no_change_breaks_nothing() -> None:
    assert breaks(BASE, BASE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/id/maxLength", 20),
        ("properties/id/maxLength", None),
        ("properties/kind/enum", ["a", "b", "c"]),
        ("properties/note", {"type": "string"}),
        ("required", []),
        ("properties/money/anyOf", [{"$ref": "#/$defs/Money"}, {"type": "null"}, {"type": "string"}]),
    ],
)
def test_what_is_added_or_widened_breaks_nothing(path: str, value: Any) -> None:
    assert breaks(BASE, changed(path, value)) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("properties/kind", None, "/kind: removed"),
        ("required", ["id", "kind"], "/kind: required now"),
        ("properties/id/type", "integer", "/id: type string became integer"),
        ("properties/id/maxLength", 5, "/id: maxLength narrowed"),
        ("properties/id/minLength", 1, "/id: minLength narrowed"),
        ("properties/id/pattern", "^a", "/id: pattern changed"),
        ("properties/kind/enum", ["a"], "/kind: b removed"),
        ("properties/money/anyOf", [{"$ref": "#/$defs/Money"}], "/money: null no longer taken"),
        ("$defs/Money/required", ["amount", "currency"], "/money/currency: required now"),
        ("$defs/Money/properties/amount/type", "number", "/money/amount: type integer became number"),
        ("$defs/Tree/properties/children/items", {"type": "string"}, "/tree/children/*: type object became string"),
    ],
)
def test_what_is_removed_or_narrowed_is_found(path: str, value: Any, says: str) -> None:
    assert says in breaks(BASE, changed(path, value))


def test_a_message_without_a_released_schema_breaks_nothing() -> None:
    """There is no release yet; once there is, its schemas are compared with these."""
    released = SCHEMAS / "released"
    assert not [fault for old in released.glob("*.json") for fault in breaks(json.loads(old.read_text()), tool_schema(old.name))]


def tool_schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / name).read_text()) if (SCHEMAS / name).exists() else {}
    return found
