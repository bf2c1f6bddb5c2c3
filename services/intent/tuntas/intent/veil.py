"""What connectors mark as personal is sealed as soon as it is read, so that no conversation, topic or plan holds it in the open."""

from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.registry import GoalType
from tuntas.intent.goals import Registry
from tuntas.kit.privacy import Vault
from tuntas.kit.sealing import personal, sealed


async def veiled(vault: Vault, registry: Registry, tenant: str, person: UUID, goal: Document) -> Document:
    """Return a goal as it was read with its personal slots sealed, of which only the part that is asked for stays.

    Of a goal that nobody serves only the label is kept: who it was about is nobody's business.

    Raises:
        Transient: `erased_meanwhile`.
    """
    served = registry.serves(str(goal["label"]))
    if served is None:
        return goal | {"slots": {}}
    slots: Any = dict(goal["slots"]) if isinstance(goal["slots"], dict) else {}
    for slot, path in _sensitive(served[1]):
        if slot in slots:
            slots[slot] = await _sealed_at(vault, tenant, person, slots[slot], path)
    return goal | {"slots": slots}


def _sensitive(goal_type: GoalType) -> list[tuple[str, list[str]]]:
    marked = personal(goal_type.parameters)
    mappings = [mapping for name, mapping in goal_type.mapping.items() if name in marked]
    return [(slot, [*filter(None, mapping.path.split("."))]) for mapping in mappings for slot in mapping.slots]


async def _sealed_at(vault: Vault, tenant: str, person: UUID, value: Any, path: list[str]) -> Any:
    if path:
        inner = value.get(path[0]) if isinstance(value, dict) else None
        return {path[0]: await _sealed_at(vault, tenant, person, inner, path[1:])}
    schema: Document = {"properties": {"value": {"x-personal": True}}}
    return (await sealed(vault, tenant, person, schema, {"value": value}))["value"]
