"""What an engine is asked and what it gives: the same shapes for a server far away and for the engine inside."""

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from tuntas.contracts.base import Document
from tuntas.contracts.engines import Tokens


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of an engine. `options` are sampling options as OpenAI names them; `document` is a scenario's typed question.

    `first_word_seconds` is how long the first content may take, `idle_seconds` how long the stream may then stand still, and `ends_at` the
    instant by the event loop's clock at which all is over.
    """

    said: tuple[Said, ...]
    options: Document = field(default_factory=dict)
    document: Document | None = None
    first_word_seconds: float = 20.0
    idle_seconds: float = 10.0
    ends_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: words, why it ended (at its end), and what it used, as far as the engine says."""

    text: str = ""
    finish: str | None = None
    tokens: Tokens | None = None


class Engine(Protocol):
    """Somebody who answers."""

    def converse(self, model: str, order: Order, traceparent: str) -> AsyncGenerator[Piece, None]:
        """Yield the answer's parts; the last has `finish`. Raises EngineFault."""
        ...
