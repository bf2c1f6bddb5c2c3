"""What a newer schema may not do to older readers and writers: the rule that keeps a major version."""

from typing import Any

Schema = dict[str, Any]
_BOUNDS = {"maxLength": -1, "maximum": -1, "maxItems": -1, "minLength": 1, "minimum": 1, "minItems": 1}
"""Keyword to the direction in which it narrows."""


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return what `new` breaks: removed fields, added required ones, narrowed types; by path. Both are whole JSON Schemas."""
    return _compare(old, new, old, new, "", ())


def _resolve(node: Schema, root: Schema) -> Schema:
    reference = node.get("$ref")
    return root["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str, above: tuple[str, ...]) -> list[str]:
    pair = f"{old.get('$ref', at)} {new.get('$ref', at)}"
    if pair in above:
        return []
    above = (*above, pair)
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    found = [*_fields(old, new, at), *_narrowed(old, new, at)]
    for name, kept in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            found += _compare(kept, new["properties"][name], old_root, new_root, f"{at}/{name}", above)
    for key in ("items", "additionalProperties"):
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            found += _compare(old[key], new[key], old_root, new_root, f"{at}/*", above)
    for left, right in _alternatives(old, new, old_root, new_root):
        found += _compare(left, right, old_root, new_root, at, above)
    return found


def _fields(old: Schema, new: Schema, at: str) -> list[str]:
    known = old.get("properties", {})
    gone = [f"{at}/{name}: removed" for name in known if name not in new.get("properties", {})]
    return gone + [f"{at}/{name}: required now" for name in new.get("required", []) if name not in old.get("required", [])]


def _narrowed(old: Schema, new: Schema, at: str) -> list[str]:
    found = [f"{at}: type {old.get('type')} became {new['type']}" for _ in "1" if new.get("type") not in {old.get("type"), None}]
    lost = set(map(str, old.get("enum", []))) - set(map(str, new.get("enum") or old.get("enum") or []))
    found += [f"{at}: {value} removed" for value in sorted(lost)]
    found += [f"{at}: pattern changed" for _ in "1" if new.get("pattern") not in {old.get("pattern"), None}]
    for keyword, direction in _BOUNDS.items():
        if keyword in new and (keyword not in old or (new[keyword] - old[keyword]) * direction > 0):
            found.append(f"{at}: {keyword} narrowed")
    missing = set(_kinds(old)) - set(_kinds(new)) if "anyOf" in new or "anyOf" in old else set()
    return found + [f"{at}: {kind} no longer taken" for kind in sorted(missing)]


def _kinds(schema: Schema) -> list[str]:
    return [str(part.get("$ref") or part.get("type")) for part in schema.get("anyOf", [schema])]


def _alternatives(old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> list[tuple[Schema, Schema]]:
    """Pair alternatives of a kind, each with its counterpart."""
    del old_root, new_root
    later = dict(zip(_kinds(new), new.get("anyOf", []), strict=False))
    earlier = dict(zip(_kinds(old), old.get("anyOf", []), strict=False))
    return [(part, later[kind]) for kind, part in earlier.items() if kind in later]
