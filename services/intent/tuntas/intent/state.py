"""A conversation: what was said, what was understood, what is still open."""

from uuid import UUID

from tuntas.contracts.base import Document, Frozen, Instant
from tuntas.contracts.personal import Personal


class Conversation(Frozen):
    """One task's conversation. `goals` are what was read so far, in the order in which they were named.

    `closed` is the code of a cancel that overtook the task itself: a tombstone until the task arrives.
    """

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
    questions: int = 0
    closed: str | None = None
