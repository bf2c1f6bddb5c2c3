"""Personal parameters of a goal: a connector marks them in its JSON Schema, they travel sealed, and are opened for the provider only."""

from typing import Any, Final
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.personal import Personal
from tuntas.kit.errors import Rejected
from tuntas.kit.privacy import Vault

MARK: Final = "x-personal"
"""The JSON Schema keyword that says that a text property is personal."""

_SEALED: Final = "sealed:v1:"


def personal(schema: Document) -> frozenset[str]:
    """Return the names of the properties that a goal type's schema marks as personal."""
    properties: Any = schema.get("properties") or {}
    return frozenset(name for name, each in properties.items() if isinstance(each, dict) and each.get(MARK) is True)


async def sealed(vault: Vault, tenant: str, person: UUID, schema: Document, parameters: Document) -> Document:
    """Return parameters with the personal ones sealed with the person's key; what is sealed already stays as it is.

    Raises:
        Transient: `erased_meanwhile`.
    """
    marked = {name: value for name, value in parameters.items() if name in personal(schema) and isinstance(value, str)}
    return parameters | {n: str(await vault.seal(tenant, person, v)) for n, v in marked.items() if not v.startswith(_SEALED)}


async def opened(vault: Vault, tenant: str, document: Document) -> Document:
    """Return a document with its sealed texts opened.

    Raises:
        Rejected: `erased` or `unsealable`.
    """
    found = {name: value for name, value in document.items() if isinstance(value, str) and value.startswith(_SEALED)}
    return document | {name: await vault.open(tenant, _taken(value)) for name, value in found.items()}


def _taken(value: str) -> Personal:
    try:
        return Personal(value)
    except ValueError:
        raise Rejected("unsealable") from None
