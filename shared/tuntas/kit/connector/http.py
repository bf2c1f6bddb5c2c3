"""How connectors talk HTTP to providers: one client, and one reading of what did not come back."""

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import httpx2

from tuntas.contracts.base import Document
from tuntas.kit.errors import InDoubt, NotSent

AGENT: Final = "Tuntas/1"
"""How every call names us: an automated agent, never a person."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOO_MANY, _SERVER = 429, 500
_NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer: an HTTP status below 500 and a JSON object, empty if there was none."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the provider did what was asked."""
        return self.status < 400  # noqa: PLR2004

    @property
    def missing(self) -> bool:
        """Whether the provider does not know the object."""
        return self.status == 404  # noqa: PLR2004

    @property
    def code(self) -> str:
        """The problem's code as the provider writes it; `refused` if it names none that can be one."""
        found = self.body.get("code")
        return found if isinstance(found, str) and _CODE.fullmatch(found) else "refused"

    @property
    def reason(self) -> str:
        """The problem's words: data to show, shortened."""
        return str(self.body.get("message") or self.body.get("detail") or "")[:400]


class Http:
    """Calls to one provider's base URL."""

    def __init__(self, base_url: str, seconds: float = 5.0) -> None:
        """Prepare the client; nothing is sent. `seconds` bounds the wait for an answer; connecting may take a third of it."""
        timeout = httpx2.Timeout(seconds, connect=seconds / 3, pool=seconds / 3)
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, headers={"User-Agent": AGENT})

    async def send(
        self, method: str, path: str, *, task: object = "", key: object = "", trace: str = "", body: Document | None = None, **query: Any
    ) -> Reply:
        """Make one call; a refusal is a reply.

        Raises:
            NotSent: `unreachable`, or `overloaded`: the provider did not take the request.
            InDoubt: `no_answer`: the request left, and it may have acted.
        """
        named = {"Idempotency-Key": str(key), "traceparent": trace, "X-Task": str(task)}
        headers = {name: value for name, value in named.items() if value}
        try:
            response = await self._client.request(method, path, json=body, params=query or None, headers=headers)
        except _NEVER_LEFT as error:
            raise NotSent("unreachable", type(error).__name__) from error
        except httpx2.HTTPError as error:
            raise InDoubt("no_answer", type(error).__name__) from error
        return _read(response)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read(response: httpx2.Response) -> Reply:
    if response.status_code == _TOO_MANY:
        raise NotSent("overloaded")
    if response.status_code >= _SERVER:
        raise InDoubt("no_answer", f"status {response.status_code}")
    try:
        found = response.json()
    except ValueError as error:
        if response.is_success:
            raise InDoubt("no_answer", "an answer that is not JSON") from error
        found = {}
    return Reply(response.status_code, found if isinstance(found, dict) else {})


def genuine(secret: str, signature: str, body: bytes) -> bool:
    """Say whether a webhook's signature is the hex HMAC-SHA256 of its bytes under the shared secret."""
    expected = hmac.new(secret.encode(), body, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())
