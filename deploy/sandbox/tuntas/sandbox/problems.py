"""What a provider answers when it does not do what was asked (RFC 9457 problems with a stable code)."""

from typing import Any

from starlette.responses import JSONResponse

_STATUSES = {"declined": 402, "insufficient_funds": 402, "limit": 402, "not_found": 404}


class Refusal(Exception):
    """A definite no: ``status`` is the HTTP status, ``code`` is stable, ``extra`` joins the problem document."""

    def __init__(self, status: int, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail or code.replace("_", " ")
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The problem document."""
        return {"type": "about:blank", "title": self.detail, "status": self.status, "code": self.code, "message": self.detail, **self.extra}


class SeveredError(Exception):
    """The connection is to be closed without an answer."""


def status_of(code: str) -> int:
    """The HTTP status a provider uses for a refusal ``code``: 402 when it is about the payer's money, 404 for not_found, else 409."""
    return _STATUSES.get(code, 409)


def problem_response(status: int, document: dict[str, Any]) -> JSONResponse:
    """A problem document as a response."""
    headers = {"Retry-After": "1"} if status == 503 else None  # noqa: PLR2004
    return JSONResponse(document, status_code=status, media_type="application/problem+json", headers=headers)
