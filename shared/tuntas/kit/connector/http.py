"""HTTP to a provider: what a failed exchange means is decided here, once.

Nothing left: NotSent. Anything that may have arrived: InDoubt. An answer the provider meant: returned, whatever its status.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx2
from pydantic_core import from_json

from tuntas.contracts.base import Document
from tuntas.kit.connector.provider import Request
from tuntas.kit.errors import InDoubt, NotSent
from tuntas.kit.http import LIMITS

AGENT = "Tuntas/0.1 (acts for a person; asks before it buys)"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NOT_FOUND = 404
_NUL = "\\u0000"  # PostgreSQL keeps no text with it
_OVERLOADED = 429
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer: `ok` for success; `code` is the refusal's own."""

    status: int
    body: Document

    @property
    def ok(self) -> bool:
        """Say whether it is a success."""
        return self.status < 400  # noqa: PLR2004

    @property
    def code(self) -> str:
        """Return the refusal's code; the status stands in for what is no code."""
        found = self.body.get("code")
        return found if isinstance(found, str) and _CODE.fullmatch(found) else f"http_{self.status}"

    @property
    def missing(self) -> bool:
        """Say whether the provider does not know the object."""
        return self.status == _NOT_FOUND


class Client:
    """One provider's HTTP interface, with connections kept open; `headers` go with every call."""

    def __init__(self, base_url: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        timeout = httpx2.Timeout(5.0, connect=2.0)
        self._client = httpx2.AsyncClient(
            base_url=base_url, headers={"User-Agent": AGENT, **headers}, timeout=timeout, limits=LIMITS, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(self, method: str, path: str, *, request: Request | None = None, traceparent: str = "", **options: Any) -> Reply:
        """Make one exchange; a request's key and trace go along.

        Raises:
            NotSent: `unreachable` or `overloaded`: nothing was acted on.
            InDoubt: `no_answer`: it may have been.
        """
        headers = {"traceparent": request.traceparent if request else traceparent}
        if request and method == "POST":
            headers["Idempotency-Key"] = str(request.idempotency_key)
        try:
            answer = await self._client.request(method, path, headers={k: v for k, v in headers.items() if v}, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent("unreachable", type(error).__name__) from error
        except httpx2.HTTPError as error:
            raise InDoubt("no_answer", type(error).__name__) from error
        if answer.status_code == _OVERLOADED:
            raise NotSent("overloaded")
        if answer.status_code >= _SERVER_FAULT:
            raise InDoubt("no_answer", f"status {answer.status_code}")
        return Reply(answer.status_code, _document(answer))


def _document(answer: httpx2.Response) -> Document:
    try:
        found = from_json(answer.text.replace(_NUL, ""), allow_inf_nan=False)
    except ValueError as error:
        raise InDoubt("no_answer", "an answer that is no JSON") from error
    return found if isinstance(found, dict) else {}
