"""A conversation: what was said, what was understood, what is still open."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tuntas.contracts.base import Document, Instant
from tuntas.contracts.personal import Personal


class Conversation(BaseModel):
    """One task's conversation. `slots` are the canonical values found so far, per goal, in the order the goals were named."""

    model_config = ConfigDict(frozen=True)

    status: str = "reading"
    person: UUID
    instrument: str
    travellers: tuple[Personal, ...] = ()
    tz: str
    lang: str = "en"
    at: Instant
    said: tuple[Personal, ...] = ()
    reads: int = 0
    goals: tuple[Document, ...] = ()
    unread: int = 0
    asked: str | None = None
    questions: int = Field(default=0)
