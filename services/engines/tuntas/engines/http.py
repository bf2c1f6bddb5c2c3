"""The HTTP door, in OpenAI's shapes: chat completions and models."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tuntas.contracts.engines import Tokens
from tuntas.engines.answering import Answering, Asked
from tuntas.engines.desk import Desk, For, words
from tuntas.engines.keys import Caller, Keys
from tuntas.engines.models import (
    ChatCompletion,
    ChatRequest,
    Choice,
    Error,
    ErrorBody,
    Facts,
    ListedModel,
    ModelList,
    Reply,
    attempts_of,
    usage_of,
)
from tuntas.engines.problems import BodyGate, install, responses
from tuntas.engines.refusals import Refused
from tuntas.kit.errors import Rejected
from tuntas.kit.telemetry.trace import Tracing

PATHS = ("/v1/chat/completions", "/v1/models")
MOST_AT_ONCE = 200
"""Calls that this process has in hand at once; more are told to come again."""

router = APIRouter(prefix="/v1", tags=["engines"])


@dataclass
class Door:
    """What the routes stand on."""

    desk: Desk
    keys: Keys
    tracing: Tracing
    open: int = 0

    def enter(self) -> None:
        """Count a call in. Raises Refused `rate_limited`: too many are open."""
        if self.open >= MOST_AT_ONCE:
            raise Refused("rate_limited", f"{MOST_AT_ONCE} calls are open", wait_seconds=1)
        self.open += 1

    def leave(self) -> None:
        """Count a call out."""
        self.open -= 1


async def _door(request: Request) -> Door:  # a plain function would be run in a thread, for each request
    found: Door = request.app.state.door
    return found


Gated = Annotated[Door, Depends(_door)]
_BEARER = HTTPBearer(auto_error=False, description="A key of the platform's services or of a tenant")


async def _caller(
    door: Gated, _: Annotated[Any, Security(_BEARER)], authorization: Annotated[str, Header(include_in_schema=False)] = ""
) -> Caller:
    return door.keys.recognise(authorization)


Called = Annotated[Caller, Depends(_caller)]
_INNER = "only with the key of the platform's services"


async def _whom(
    request: Request,
    door: Gated,
    caller: Called,
    task: Annotated[UUID | None, Header(alias="x-tuntas-task", description=f"The task a call is made for; {_INNER}")] = None,
    tenant: Annotated[
        str | None, Header(alias="x-tuntas-tenant", pattern=r"^[\x21-\x7e]{1,64}$", description=f"Its tenant; {_INNER}")
    ] = None,
    traceparent: Annotated[str, Header(max_length=200)] = "",
) -> For:
    if not caller.inner and (task or tenant):
        raise Rejected("forbidden", "x-tuntas-task and x-tuntas-tenant need the key of the platform's services")
    return For(tenant or caller.tenant, task, door.tracing.start(f"POST {request.url.path}", traceparent))


@router.get("/models", responses=responses("unauthenticated"))
async def models(door: Gated, _: Called) -> ModelList:
    """List the models and scenarios that can be asked now."""
    return ModelList(data=tuple(ListedModel(id=name, owned_by=name.partition("/")[0]) for name in door.desk.models()))


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses={
        **responses(
            "invalid_request", "context_too_long", "content_refused", "unauthenticated", "forbidden", "unknown_model", "too_large",
            "rate_limited", "no_compliant_route", "exhausted", "unavailable",
        ),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)  # fmt: skip
async def complete(body: ChatRequest, door: Gated, whom: Annotated[For, Depends(_whom)]) -> Response:
    """Answer a conversation, whole or with `stream` as server-sent chunks that end with `[DONE]`."""
    asked, answering = door.desk.call(body, whom)
    door.enter()
    try:
        answer = await (_streamed(body, asked, answering, door) if body.stream else _whole(asked, answering))
    except BaseException:
        door.leave()
        raise
    if not body.stream:
        door.leave()
    return answer


async def _whole(asked: Asked, answering: Answering) -> Response:
    answer = await answering.answer()
    made = ChatCompletion(
        id=f"chatcmpl-{asked.call}",
        created=int(time.time()),
        model=answer.route,
        choices=(Choice(message=Reply(content=answer.text), finish_reason=answer.finish),),
        usage=usage_of(answer.tokens),
        tuntas=Facts(call=asked.call, attempts=attempts_of(answer.attempts), estimated=answer.tokens.estimated),
    )
    return Response(made.model_dump_json(), media_type="application/json")


async def _streamed(body: ChatRequest, asked: Asked, answering: Answering, door: Door) -> Response:
    """Begin a stream once its first words are there: what fails before that is an answer with a status of its own."""
    told = words(answering, asked)
    first = await anext(told, "")
    usage = body.stream_options is not None and body.stream_options.include_usage
    chunks = _chunks(asked, answering, told, first, usage=usage)
    return StreamingResponse(_until_left(chunks, door), media_type="text/event-stream")


async def _until_left(chunks: AsyncIterator[str], door: Door) -> AsyncIterator[str]:
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        door.leave()


async def _chunks(asked: Asked, answering: Answering, told: Any, first: str, *, usage: bool) -> AsyncIterator[str]:
    begun = int(time.time())

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> str:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        last = answering.attempts[-1] if answering.attempts else None
        model = f"{last.engine}/{last.model}" if last else asked.scenario
        shown = {"id": f"chatcmpl-{asked.call}", "object": "chat.completion.chunk", "created": begun, "model": model, "choices": choices}
        return f"data: {json.dumps(shown | more, ensure_ascii=False)}\n\n"

    yield chunk({"role": "assistant", "content": first})
    async with aclosing(told):
        try:
            async for text in told:
                yield chunk({"content": text})
        except Refused as error:
            # Half an answer is no answer: no end is pretended that the engine did not reach.
            body = ErrorBody(error=Error(code=error.code, message=error.reason, type="api_error", attempts=attempts_of(error.attempts)))
            yield f"data: {body.model_dump_json()}\n\n"
            return
    yield chunk({}, answering.finish)
    if usage:
        tokens = answering.attempts[-1].tokens if answering.attempts else Tokens()
        facts = Facts(call=asked.call, attempts=attempts_of(tuple(answering.attempts)), estimated=tokens.estimated)
        yield chunk(None, usage=usage_of(tokens).model_dump(), tuntas=facts.model_dump(mode="json"))
    yield "data: [DONE]\n\n"


def application(door: Door) -> FastAPI:
    """Return the HTTP door."""
    app = FastAPI(title="Tuntas engines", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.door = door
    app.include_router(router)
    app.add_middleware(BodyGate)
    install(app)
    return app


def routes(door: Door) -> list[Route]:
    """Return the routes under which the door lies: only its own, since other doors of one process lie beside it."""
    app = application(door)
    return [Route(path, app) for path in PATHS]
