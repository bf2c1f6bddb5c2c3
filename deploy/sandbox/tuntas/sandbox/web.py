"""Reading requests and writing answers; every kind of bad input becomes a problem document, never a failure of ours."""

import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from tuntas.sandbox.models import Answer
from tuntas.sandbox.problems import Refusal, problem_response

BODY_LIMIT = 1_048_576
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ID = re.compile(r"[a-z]{2,5}_[0-9a-f]{1,40}")
Model = TypeVar("Model", bound=BaseModel)


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise Refusal(413, "too_large", f"a body may have {BODY_LIMIT} bytes")
        chunks.append(chunk)
    return b"".join(chunks) or b"{}"


def invalid(error: ValidationError) -> Refusal:
    """The refusal of input that does not have the form it should: 400 when it is no JSON at all, else 422."""
    if any(each["type"] == "json_invalid" for each in error.errors(include_url=False)):
        return Refusal(400, "invalid_json", "the body is not JSON")
    found = [
        {"at": ".".join(map(str, each["loc"])), "message": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Refusal(422, "invalid", "the request does not have the form it should", errors=found[:20])


async def body_of(request: Request, model: type[Model], rename: tuple[str, str] | None = None) -> Model:
    """The body as ``model``; ``rename`` is (name on the wire, field name). Raises Refusal(400, 413 or 422)."""
    raw = await _body(request)
    try:
        if rename is None:
            return model.model_validate_json(raw)
        document = _Loose.model_validate_json(raw).model_dump()
        wire, name = rename
        document[name] = document.pop(wire, None)
        return model.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from error


class _Loose(BaseModel, extra="allow"):
    """Any JSON object."""


def query_of(request: Request, model: type[Model]) -> Model:
    """The address's parameters as ``model``. Raises Refusal(422, invalid)."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise invalid(error) from error


def key_of(request: Request) -> str | None:
    """The Idempotency-Key, if there is one. Raises Refusal(422, invalid_key)."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal(422, "invalid_key", "Idempotency-Key is 1 to 255 visible ASCII characters")
    return key


def id_of(request: Request) -> str:
    """The id in the address. Raises Refusal(404, not_found) for what cannot be one."""
    found: str = request.path_params["id"]
    if not _ID.fullmatch(found):
        raise Refusal(404, "not_found", "there is no such object")
    return found


def plain_header(request: Request, name: str) -> str | None:
    """A header's value when it is visible ASCII of reasonable length, else None."""
    value = request.headers.get(name)
    return value if value is not None and _KEY.fullmatch(value) else None


def respond(answer: Answer) -> JSONResponse:
    """An answer as a response; a repeated one says so in ``Idempotent-Replayed``."""
    response = JSONResponse(answer.body, answer.status) if answer.done else problem_response(answer.status, answer.body)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
