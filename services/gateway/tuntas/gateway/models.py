"""What the HTTP door takes and answers."""

import json
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from tuntas.contracts.base import Code, Contract, Document, Text
from tuntas.contracts.gateway import Asker, IntentSubmitted, UtteranceSubmitted
from tuntas.contracts.ids import digest
from tuntas.contracts.money import Amounts
from tuntas.contracts.plan import Goal
from tuntas.contracts.saga import RepairAction
from tuntas.contracts.trust import Mandate
from tuntas.gateway.reading import known_zone
from tuntas.gateway.repairs import RepairState
from tuntas.gateway.state import ApprovalShown, PlanShown, Question, Status, StepShown, Task
from tuntas.gateway.store import Stored
from tuntas.kit.forms import Form


class Body(Form):
    """A request's body: a misspelt field is told, not ignored."""


class TaskRequest(Body):
    """What somebody wants done: in their words (`text`) or as structured `goals`, one of the two."""

    asker: Asker
    text: str | None = Field(default=None, min_length=1, max_length=2000)
    goals: tuple[Goal, ...] | None = Field(default=None, min_length=1, max_length=20)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.goals is None):
            raise ValueError("one of text and goals is needed")
        if not known_zone(self.asker.tz):
            raise ValueError("asker.tz: no such time zone")
        return self

    def submission(self) -> IntentSubmitted | UtteranceSubmitted:
        """Return what the Kafka door would have taken."""
        if self.text is not None:
            return UtteranceSubmitted(asker=self.asker, text=self.text)
        return IntentSubmitted(asker=self.asker, goals=self.goals or ())

    def fingerprint(self) -> str:
        """Return a plain digest that is the same however the JSON was written; only its keyed digest may be stored or sent."""
        return digest(json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True))


class Answer(Body):
    """An answer to the open question (`text`), or word that what a provider asked for at `step` was done."""

    text: str | None = Field(default=None, min_length=1, max_length=2000)
    step: str | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.step is None):
            raise ValueError("one of text and step is needed")
        return self


class Approval(Body):
    """A yes or no. Without a digest it is said of the plan that is shown now."""

    approved: bool
    digest: str | None = Field(default=None, max_length=128)


class MandateRequest(Body):
    """A person's standing consent."""

    mandate: Mandate


class Repair(Body):
    """An operator's decision on a resting task; `key` names an attempt of the receipt, `expected` the version that was looked at."""

    action: RepairAction
    key: UUID | None = None
    expected: int | None = Field(default=None, ge=0)
    reason: Annotated[Text, Field(min_length=1)]
    evidence: Document = Field(default_factory=dict)


class SwitchRequest(Body):
    """A kill switch: `scope` is a provider, a connector, `connector/provider` or `tenant/name`."""

    scope: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._/-]+$")
    parked: bool
    reason: Annotated[Text, Field(min_length=1)]


class Link(Contract):
    """Where a task is. `status` is `pending` while its row is being written."""

    task_id: UUID
    status: Status | Literal["pending"]
    links: dict[str, str]


class Repairing(Link):
    """Where a task is that is being repaired: `repair` names the order, `state` says whether it waits for another operator."""

    repair: UUID
    state: RepairState


class Found(Contract):
    """What was found for a goal that only asks, best first: `{title, provider, price, details}`."""

    goal_id: str
    type: str
    found: tuple[Document, ...]


class TaskView(Contract):
    """A task's public side. `wishes` are the goals that stand in a plan's way; `answers` are given for one task, not in lists."""

    task_id: UUID
    tenant: str
    status: Status
    source: str
    source_id: str
    reference: str
    created_at: datetime
    updated_at: datetime
    seq: int
    code: Code | None
    reason: Text
    question: Question | None
    plan: PlanShown | None
    approval: ApprovalShown | None
    steps: dict[str, StepShown]
    cancel: Literal["accepted", "refused"] | None
    undo_price: Amounts
    closing: int
    kept: Amounts
    actions: tuple[str, ...]
    wishes: tuple[str, ...] = ()
    answers: tuple[Found, ...] = ()
    links: dict[str, str]


class TaskPage(Contract):
    """Tasks, newest first; `next` is the cursor of the following page, if there is one."""

    tasks: tuple[TaskView, ...]
    next: str | None = None


class Done(Contract):
    """It was taken; what becomes of it is seen where it acts."""

    status: Literal["taken"] = "taken"


def links(task_id: UUID) -> dict[str, str]:
    """Return the addresses of a task."""
    base = f"/v1/tasks/{task_id}"
    return {"self": base} | {name: f"{base}/{name}" for name in ("events", "receipt", "reply", "answer", "approve", "cancel", "undo")}


def linked(stored: Stored) -> Link:
    """Return where a task is."""
    return Link(task_id=stored.task_id, status=stored.task.status, links=links(stored.task_id))


def view(stored: Stored, answers: tuple[Found, ...] = ()) -> TaskView:
    """Return the public side of a row."""
    task = stored.task
    facts = {name: getattr(task, name) for name in TaskView.model_fields if name in Task.model_fields}
    return TaskView(
        task_id=stored.task_id,
        tenant=stored.tenant,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        links=links(stored.task_id),
        answers=answers,
        **facts,
    )
