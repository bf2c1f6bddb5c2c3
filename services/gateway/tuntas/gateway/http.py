"""The HTTP door: tasks. It authenticates, checks and publishes; rows are written by the batch alone, so that one writer decides."""

import base64
import binascii
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, FastAPI, Header, Query, Response
from fastapi.openapi.utils import get_openapi
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from tuntas.contracts.executor import StepRetry
from tuntas.contracts.gateway import Problem
from tuntas.contracts.ids import task_id as task_id_of
from tuntas.contracts.intent import AnswerGiven, ConversationClosed
from tuntas.contracts.saga import Receipt
from tuntas.contracts.trust import PlanDecided, TaskCancel
from tuntas.gateway import billing, control, operations, repair_door, undo_door
from tuntas.gateway.admission import sealed
from tuntas.gateway.deadline import Deadline
from tuntas.gateway.gate import Called, Gate, Gated, Traced
from tuntas.gateway.models import Answer, Approval, Link, TaskPage, TaskRequest, TaskView, linked, links, view
from tuntas.gateway.problems import BodyGate, install, responses
from tuntas.gateway.replying import TaskReply
from tuntas.gateway.state import UNPLANNED, Status, Task
from tuntas.gateway.store import Stored
from tuntas.gateway.submission import Submission
from tuntas.kit.decision import Send
from tuntas.kit.errors import Rejected

SOURCE = "http"
"""The source of every submission of this door; its id is the Idempotency-Key."""

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 30
"""How long a stream waits for a reader that takes nothing, before it is closed."""

_LAST_SEQ = 2**31 - 1
_COMMON = ("unauthenticated", "invalid_request", "unavailable")
_TASK = (*_COMMON, "not_found")
_POSTED = ("not_utf8", "bad_body", "too_large")

router = APIRouter(prefix="/v1", tags=["tasks"])


@router.post("/tasks", status_code=202, responses=responses(*_COMMON, *_POSTED, "id_reused", "overloaded"))
async def submit(
    body: TaskRequest,
    key: Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")],
    gate: Gated,
    caller: Called,
    trace: Traced,
    response: Response,
) -> Link:
    """Submit a task. The same key with the same body is the same task, however often it is sent."""
    task_id, fingerprint = task_id_of(caller.tenant, SOURCE, key), body.fingerprint()
    found = await gate.reader.task(task_id)
    if found is None:
        with gate.pressure.taking():
            submission = Submission(source=SOURCE, source_id=key, fingerprint=fingerprint, body=body.submission())
            taken = await sealed(gate.vault, gate.registry, caller.tenant, submission, datetime.now(UTC))
            await gate.publish(task_id, caller.tenant, Send(taken), trace)
            found = await gate.appeared(task_id)
    if found is not None and not await gate.same(found, fingerprint):
        raise Rejected("id_reused")
    response.headers["Location"] = f"/v1/tasks/{task_id}"
    return Link(task_id=task_id, status=found.task.status if found else "pending", links=links(task_id))


@router.get("/tasks", responses=responses(*_COMMON))
async def list_tasks(
    gate: Gated,
    caller: Called,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> TaskPage:
    """List the tenant's tasks, newest first; operators see every tenant's."""
    before = _opened(cursor) if cursor else None
    found = await gate.reader.tasks(None if caller.operator else caller.tenant, status, before, limit)
    return TaskPage(tasks=tuple(view(stored) for stored in found), next=_cursor(found[-1]) if len(found) == limit else None)


def _cursor(last: Stored) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.task_id}".encode()).decode()


def _opened(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, _, task = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC), UUID(task)
    except (binascii.Error, ValueError, OverflowError):
        pass
    raise Rejected("invalid_request", "cursor: not one of ours")


@router.get("/tasks/{task_id}", responses=responses(*_TASK))
async def get_task(task_id: UUID, gate: Gated, caller: Called) -> TaskView:
    """Show a task: its status, the open question, the plan, the approval that is waited for, its steps, and what was found."""
    found = await gate.seen(caller, task_id)
    return view(found, tuple([await gate.opened(found.tenant, told) for told in found.task.told]))


@router.get(
    "/tasks/{task_id}/events",
    response_class=EventSourceResponse,
    responses={**responses(*_TASK), 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow(
    task_id: UUID,
    gate: Gated,
    caller: Called,
    last: Annotated[int, Header(alias="Last-Event-ID", ge=0, le=_LAST_SEQ)] = 0,
    until: Literal["terminal"] | None = None,
) -> EventSourceResponse:
    """Follow a task's events. `Last-Event-ID` resumes after that number; `until=terminal` ends the stream with the task."""
    found = await gate.seen(caller, task_id)
    happened = _events(gate, found, last, until_terminal=until is not None)
    return EventSourceResponse(happened, ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS)


async def _events(gate: Gate, found: Stored, after: int, *, until_terminal: bool) -> AsyncIterator[ServerSentEvent]:
    resting = found.task.ended and found.task.seq <= after
    async for event in gate.watch.follow(found.task_id, after, until_terminal=until_terminal, ended=resting):
        yield ServerSentEvent(data=event.body, event=event.type, id=str(event.seq))


@router.post("/tasks/{task_id}/answer", status_code=202, responses=responses(*_TASK, *_POSTED, "ended", "no_question", "not_waiting"))
async def answer(task_id: UUID, body: Answer, gate: Gated, caller: Called, trace: Traced) -> Link:
    """Answer the open question, or say that what a provider asked for at a step was done."""
    found = await gate.open(caller, task_id)
    if body.step is not None:
        step = found.task.steps.get(body.step)
        if step is None or step.status != "needs_user":
            raise Rejected("not_waiting", body.step)
        await gate.tell(found, trace, StepRetry(step_id=body.step))
    else:
        await _answer_question(gate, found, body.text or "", trace)
    return linked(found)


async def _answer_question(gate: Gate, found: Stored, text: str, trace: str) -> None:
    if found.task.question is None or found.task.person is None:
        raise Rejected("no_question")
    sealed_text = await gate.vault.seal(found.tenant, found.task.person, text)
    await gate.tell(found, trace, AnswerGiven(text=sealed_text))


@router.post("/tasks/{task_id}/approve", status_code=202, responses=responses(*_TASK, *_POSTED, "ended", "no_approval", "stale_digest"))
async def approve(task_id: UUID, body: Approval, gate: Gated, caller: Called, trace: Traced) -> Link:
    """Say yes or no to the plan that waits. A yes that was given before is taken again and changes nothing."""
    found = await gate.open(caller, task_id)
    if body.approved and _approved_before(found.task, body.digest):
        return linked(found)
    waiting = found.task.approval
    if waiting is None:
        raise Rejected("no_approval")
    if body.digest not in {None, waiting.digest}:
        raise Rejected("stale_digest", waiting.digest)
    await gate.tell(found, trace, PlanDecided(digest=waiting.digest, approved=body.approved, by=caller.name))
    return linked(found)


def _approved_before(task: Task, digest: str | None) -> bool:
    return task.plan is not None and task.plan.digest == digest and task.approved >= task.plan.revision


@router.post("/tasks/{task_id}/cancel", status_code=202, responses=responses(*_TASK, "ended"))
async def cancel(task_id: UUID, gate: Gated, caller: Called, trace: Traced) -> Link:
    """Ask to cancel. Whether it came in time is an event: a rejection, a rollback, or `cancel_refused` with the price of undoing."""
    found = await gate.open(caller, task_id)
    await gate.tell(found, trace, TaskCancel(by=caller.name))
    if found.task.status in UNPLANNED:
        await gate.tell(found, trace, ConversationClosed(code="cancelled"))
    return linked(found)


@router.get("/tasks/{task_id}/receipt", responses=responses(*_TASK, "not_yet"))
async def receipt(task_id: UUID, gate: Gated, caller: Called) -> Receipt:
    """Show the latest receipt: each effect's final state, every movement of money. `provisional` while something rests."""
    found = await gate.seen(caller, task_id)
    if found.task.receipt is None:
        raise Rejected("not_yet", "no closing yet")
    return found.task.receipt


@router.get("/tasks/{task_id}/reply", responses=responses(*_TASK))
async def reply(
    task_id: UUID, gate: Gated, caller: Called, trace: Traced, lang: Annotated[Literal["en", "id", "zh"] | None, Query()] = None
) -> TaskReply:
    """Write what to tell the person now: the question, the plan with its price and what undoing costs, or how it ended and what it cost."""
    return await gate.replies.of(await gate.seen(caller, task_id), lang, trace)


def application(gate: Gate) -> FastAPI:
    """Return the HTTP door."""
    app = FastAPI(title="Tuntas", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    app.state.gate = gate
    app.include_router(router)
    app.include_router(undo_door.router)
    app.include_router(control.router)
    app.include_router(operations.router)
    app.include_router(repair_door.router)
    app.include_router(billing.router)
    app.add_middleware(Deadline)
    app.add_middleware(BodyGate)
    install(app)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


class _Rest(Convertor[str]):
    """The rest of a path, whatever is in it; the framework's own stops at a line feed, and what follows would not be answered here."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def route(gate: Gate) -> Route:
    """Return the route under which the whole door lies."""
    register_url_convertor("rest", _Rest())
    return Route("/v1/{rest:rest}", application(gate))


def _described(app: FastAPI) -> dict[str, Any]:
    """Describe the door; the problem's schema is added by hand, because it has a media type of its own."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= problem.pop("$defs", {}) | {"Problem": problem}
        app.openapi_schema = schema
    return app.openapi_schema
