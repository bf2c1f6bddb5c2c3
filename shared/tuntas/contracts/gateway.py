"""What the gateway takes at its doors and tells the world; everything public is compact, stable and without personal data."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta
from pydantic import Field

from tuntas.contracts.base import Code, Contract, Document, Instant, Message, Text
from tuntas.contracts.money import Amounts
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Goal
from tuntas.contracts.topics import GATEWAY_EVENTS, INTENTS, TASKS

MAX_SUBMISSION_BYTES = 256 * 1024

_Word = Annotated[str, Meta(max_length=64), Field(max_length=64)]


class Asker(Contract):
    """For whom, and how to read their words. `person` is the caller's own id of them; `reference` comes back in every event."""

    person: Annotated[str, Meta(min_length=1, max_length=128), Field(min_length=1, max_length=128)]
    reference: Annotated[str, Meta(max_length=200), Field(max_length=200)] = ""
    instrument: _Word = "wallet"
    travellers: Annotated[tuple[str, ...], Meta(max_length=9), Field(max_length=9)] = ()
    tz: _Word = "Asia/Jakarta"
    lang: Literal["en", "id", "zh"] | None = None


class IntentSubmitted(Message, name="intent.submitted", topic=INTENTS):
    """At the door: structured goals, published by another service."""

    asker: Asker
    goals: Annotated[tuple[Goal, ...], Meta(min_length=1, max_length=20), Field(min_length=1, max_length=20)]


class UtteranceSubmitted(Message, name="utterance.submitted", topic=INTENTS):
    """At the door: what a person said, in English, Indonesian or Chinese."""

    asker: Asker
    text: Annotated[str, Meta(min_length=1, max_length=2000), Field(min_length=1, max_length=2000)]


class TaskSubmitted(Message, name="task.submitted", topic=GATEWAY_EVENTS):
    """A submission that was let in: bound to its tenant, keyed by its task, personal parts sealed. `person` is a derived id."""

    source: str
    source_id: str
    reference: str
    person: UUID
    instrument: str
    travellers: tuple[Personal, ...] = ()
    tz: str
    lang: str | None = None
    at: Instant
    goals: tuple[Goal, ...] = ()
    utterance: Personal | None = None


class SubmissionTaken(Message, name="submission.taken", topic=GATEWAY_EVENTS):
    """A submission whose sender is known, on its way to the row that decides: personal parts sealed.

    `digest` is of the body as it came, so that a repeat is told from another body under the same id.
    """

    digest: str
    task: TaskSubmitted


class TaskEvent(Message):
    """What every public event repeats. `seq` rises by one for each event of a task."""

    task_id: UUID
    tenant: str
    source: str
    source_id: str
    reference: str
    seq: int
    at: datetime


class TaskAccepted(TaskEvent, name="task.accepted", topic=TASKS):
    """The task exists; nothing has happened at a provider."""


class TaskQuestion(TaskEvent, name="task.question", topic=TASKS):
    """One thing is missing; `POST .../answer` goes on."""

    slot: str
    question: Text
    until: Instant


class TaskPlanned(TaskEvent, name="task.planned", topic=TASKS):
    """A plan exists: what it costs at most, and what undoing it would cost at worst."""

    revision: int
    digest: str
    titles: tuple[Text, ...]
    ceilings: Amounts
    worst_undo: Amounts


class TaskApprovalNeeded(TaskEvent, name="task.approval_needed", topic=TASKS):
    """A yes to exactly this plan (`digest`) is needed before `until`."""

    revision: int
    digest: str
    reasons: tuple[Code, ...]
    ceilings: Amounts
    worst_undo: Amounts
    until: Instant


class TaskProgressed(TaskEvent, name="task.progressed", topic=TASKS):
    """Steps that changed since the last event; merged per batch, never one for each step."""

    steps: dict[str, str]


class TaskCompleted(TaskEvent, name="task.completed", topic=TASKS):
    """Done, with the providers' evidence in the receipt. `kept` is what it cost."""

    closing: int
    kept: Amounts
    titles: tuple[Text, ...] = ()


class TaskCompensated(TaskEvent, name="task.compensated", topic=TASKS):
    """Every part is undone; `kept` is what that cost, `code` why."""

    closing: int
    kept: Amounts
    code: Code


class TaskNeedsAttention(TaskEvent, name="task.needs_attention", topic=TASKS):
    """It rests until an operator decides; the receipt is provisional."""

    code: Code
    actions: tuple[str, ...]


class TaskReopened(TaskEvent, name="task.reopened", topic=TASKS):
    """A provider changed what was settled, or somebody gave up a part of it (`given_up`); a further closing follows."""

    code: Code
    closing: int


class TaskCancelRefused(TaskEvent, name="task.cancel_refused", topic=TASKS):
    """Too late to cancel: the irreversible step is done. `undo_price` is what undoing would cost."""

    code: Code
    undo_price: Amounts


class TaskUndoRefused(TaskEvent, name="task.undo_refused", topic=TASKS):
    """Goals could not be given up, and nothing was changed.

    Codes: `not_completed`, `moved` (the task changed since the quote), `unknown_leg`, `irreversible`, `no_partial_refund`.
    """

    code: Code


class TaskAnswered(TaskEvent, name="task.answered", topic=TASKS):
    """It only asked, and the answer is there: read it at `GET /v1/tasks/{id}`, for it may be personal."""

    goals: tuple[str, ...]


class TaskRejected(TaskEvent, name="task.rejected", topic=TASKS):
    """It ended before anything happened at a provider; `code` says why, `wishes` which goals stand in the way."""

    code: Code
    reason: Text = ""
    wishes: tuple[str, ...] = ()


class Problem(Contract):
    """An RFC 9457 problem; `type` ends in the stable code."""

    type: str
    title: str
    status: int
    code: Code
    detail: Text = ""
    errors: tuple[Document, ...] = ()
