"""RFC 9457 problems: every answer that is not a success has a stable code, the same in HTTP, events and docs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES, Problem
from tuntas.gateway.pressure import Overloaded
from tuntas.gateway.reading import parse
from tuntas.kit.errors import Rejected, Transient

STATUS: dict[str, int] = {
    "not_utf8": 400,
    "bad_body": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "same_operator": 403,
    "not_found": 404,
    "not_yet": 404,
    "unknown_tenant": 404,
    "method_not_allowed": 405,
    "id_reused": 409,
    "ended": 409,
    "not_completed": 409,
    "no_question": 409,
    "no_approval": 409,
    "stale_digest": 409,
    "not_waiting": 409,
    "does_not_add_up": 409,
    "nothing_to_repair": 409,
    "repair_over": 409,
    "too_large": 413,
    "bad_month": 422,
    "invalid_request": 422,
    "overloaded": 503,
    "unavailable": 503,
}
"""HTTP status of each code."""

_TITLES = {
    "not_utf8": "The body is not UTF-8",
    "bad_body": "The body is not JSON that we can keep",
    "unauthenticated": "An API key or a bearer token is needed",
    "forbidden": "Only operators may do this",
    "same_operator": "Another operator has to approve this",
    "not_found": "There is nothing here",
    "not_yet": "It does not exist yet",
    "unknown_tenant": "Nothing was ever used by this tenant",
    "method_not_allowed": "This method is not known here",
    "id_reused": "The Idempotency-Key was used for another body",
    "ended": "The task has ended",
    "not_completed": "Only what is completed can be given up in part; what is under way can be cancelled",
    "no_question": "No question is open",
    "no_approval": "No plan waits for approval",
    "stale_digest": "Another plan waits for approval",
    "not_waiting": "This step does not wait for the person",
    "does_not_add_up": "The invoice's lines are not what the ledger holds; nothing was changed",
    "nothing_to_repair": "No task is one that this would change something in",
    "repair_over": "The repair does not wait for this",
    "bad_month": "This is no month",
    "too_large": "The body is too large",
    "invalid_request": "The request does not fit its schema",
    "overloaded": "More tasks are under way than can be finished in time; the same request may be repeated later",
    "unavailable": "A backend is away; the same request may be repeated",
}
_HEADERS = {401: {"WWW-Authenticate": 'ApiKey realm="tuntas", Bearer realm="tuntas"'}, 503: {"Retry-After": "1"}}
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 401: "unauthenticated", 403: "forbidden"}


class ProblemResponse(Response):
    """An answer of the media type `application/problem+json`."""

    media_type = "application/problem+json"


def problem(code: str, detail: str = "", errors: Sequence[dict[str, Any]] = (), retry_after: int | None = None) -> ProblemResponse:
    """Return the problem of a code; `retry_after` are seconds."""
    status = STATUS[code]
    body = Problem(
        type=f"urn:tuntas:problem:{code}", title=_TITLES[code], status=status, code=code, detail=detail[:500], errors=tuple(errors)
    )
    headers = {"Retry-After": str(retry_after)} if retry_after else _HEADERS.get(status)
    return ProblemResponse(json.dumps(body.model_dump(mode="json")), status, headers)


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these codes, for a route's declaration."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        entry = found.setdefault(STATUS[code], {"description": "", "content": {ProblemResponse.media_type: {"schema": _REFERENCE}}})
        entry["description"] += f"{'; ' if entry['description'] else ''}`{code}`: {_TITLES[code]}"
    return found


_REFERENCE = {"$ref": "#/components/schemas/Problem"}


def install(app: FastAPI) -> None:
    """Let an application answer every failure with a problem."""
    app.add_exception_handler(Rejected, _on_rejected)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for away in (Transient, OSError, Exception):
        app.add_exception_handler(away, _on_failure)


async def _on_rejected(_: Request, error: Exception) -> Response:
    if isinstance(error, Overloaded):
        return problem(error.code, error.reason, retry_after=error.retry_after)
    return problem(error.code, error.reason) if isinstance(error, Rejected) else problem("unavailable")


async def _on_invalid(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    shown = [{"at": ".".join(map(str, e["loc"])), "message": str(e["msg"])} for e in found[:20]]
    return problem("invalid_request", "; ".join(f"{e['at']}: {e['message']}" for e in shown[:3]), shown)


async def _on_http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.SERVICE_UNAVAILABLE
    return problem(_BY_STATUS.get(status, "invalid_request"))


async def _on_failure(_: Request, error: Exception) -> Response:
    del error
    return problem("unavailable")


class BodyGate:
    """Reads a request's body whole before anything else does: no larger than a submission may be, and JSON that can be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer with a problem."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await _body(Headers(scope=scope), receive)
            if body:
                parse(body)
        except Rejected as error:
            await problem(error.code, error.reason)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


async def _body(headers: Headers, receive: Receive) -> bytes:
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > MAX_SUBMISSION_BYTES:
        raise Rejected("too_large", f"at most {MAX_SUBMISSION_BYTES} bytes")
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), bool(message.get("more_body"))
        if size > MAX_SUBMISSION_BYTES:
            raise Rejected("too_large", f"at most {MAX_SUBMISSION_BYTES} bytes")
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Give the body once more, then whatever comes after it."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay
