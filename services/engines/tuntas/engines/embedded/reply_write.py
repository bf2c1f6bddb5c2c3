"""`reply.write`: sentences from typed facts by the platform's own templates."""

from typing import Any

from tuntas.contracts.base import Document
from tuntas.language.replies import write


def answer(document: Document) -> Document:
    """Return the text that tells how a task stands."""
    asked: Any = document
    return {"text": write(asked["state"], asked["facts"], asked["lang"])}
