"""Answers that are no success: OpenAI's shape with stable codes. Bad input is never a 5xx."""

import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuntas.engines.models import Error, ErrorBody, attempts_of
from tuntas.engines.refusals import Refused
from tuntas.kit.errors import Rejected, Transient

MAX_BODY_BYTES = 1_048_576

STATUS = {
    "invalid_request": 400,
    "context_too_long": 400,
    "content_refused": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "unknown_model": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "rate_limited": 429,
    "no_compliant_route": 503,
    "exhausted": 503,
    "unavailable": 503,
}
"""HTTP status of each code."""

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 503: "api_error"}
_BY_STATUS = {404: "not_found", 405: "method_not_allowed"}


def problem(code: str, message: str = "", refused: Refused | None = None) -> Response:
    """Return the answer of a code."""
    status = STATUS[code]
    attempts = attempts_of(refused.attempts) if refused else ()
    error = Error(code=code, message=message[:500] or code, type=_TYPES.get(status, "invalid_request_error"), attempts=attempts)
    headers = {"WWW-Authenticate": 'Bearer realm="tuntas"'} if status == HTTPStatus.UNAUTHORIZED else {}
    if refused and refused.wait_seconds is not None:
        headers["Retry-After"] = str(math.ceil(refused.wait_seconds))
    return Response(ErrorBody(error=error).model_dump_json(), status, headers, "application/json")


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these codes, for a route's declaration."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        entry = found.setdefault(STATUS[code], {"model": ErrorBody, "description": ""})
        entry["description"] += f"{', ' if entry['description'] else ''}`{code}`"
    return found


def install(app: FastAPI) -> None:
    """Let an application answer every failure with an error body."""
    app.add_exception_handler(Rejected, _on_rejected)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for away in (Transient, OSError, Exception):
        app.add_exception_handler(away, _on_failure)


async def _on_rejected(_: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)  # noqa: S101 - for the type checker
    return problem(error.code, error.reason, error if isinstance(error, Refused) else None)


async def _on_invalid(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    shown = (f"{'.'.join(str(part) for part in e['loc'] if part != 'body') or 'body'}: {e['msg']}" for e in found[:3])
    return problem("invalid_request", "; ".join(shown))


async def _on_http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 0
    return problem(_BY_STATUS.get(status, "invalid_request"))


async def _on_failure(_: Request, error: Exception) -> Response:
    return problem("unavailable", f"a backend is away: {type(error).__name__}")


class BodyGate:
    """Reads a request's body whole before anything else does, and no more of it than may be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer `too_large`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _body(Headers(scope=scope), receive)
        if body is None:
            await problem("too_large", f"at most {MAX_BODY_BYTES} bytes")(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
        return None
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Give the body once more, then whatever comes after it."""
    waiting = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return replay
