"""What the intent service takes and tells."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta
from pydantic import Field

from tuntas.contracts.base import Code, Instant, Message, Text
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Goal
from tuntas.contracts.topics import INTENT_COMMANDS, INTENT_EVENTS


class AnswerGiven(Message, name="answer.given", topic=INTENT_COMMANDS):
    """A person's answer to the open question."""

    text: Personal


class ConversationClosed(Message, name="conversation.closed", topic=INTENT_COMMANDS):
    """The person cancelled before the intent was clear."""

    code: Code


class IntentResolved(Message, name="intent.resolved", topic=INTENT_EVENTS):
    """What is wanted, complete and valid against the connectors' schemas. `unread` counts words that were not placed."""

    person: UUID
    instrument: str
    travellers: tuple[Personal, ...] = ()
    tz: str
    lang: str
    goals: Annotated[tuple[Goal, ...], Meta(min_length=1), Field(min_length=1)]
    unread: int = 0


class QuestionAsked(Message, name="question.asked", topic=INTENT_EVENTS):
    """The one question whose answer matters most."""

    slot: str
    question: Text
    until: Instant


class IntentUnread(Message, name="intent.unread", topic=INTENT_EVENTS):
    """Not a task we can do: `not_understood`, `unsupported`, `not_a_task`, `unknown_goal_type`, `invalid_goal`, `answer_timeout`, ..."""

    code: Code
    reason: Text = ""
