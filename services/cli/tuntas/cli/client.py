"""The gateway's HTTP door, as the command uses it: problems become one line and an exit code."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import UUID

import httpx2

from tuntas.cli.faults import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, Fault
from tuntas.cli.profile import Profile, profile
from tuntas.kit.http import LIMITS


class Gateway:
    """Calls the gateway with the profile's key; `operator` uses the operators' one.

    Raises:
        Fault: `no_profile` or `bad_profile`; from the calls `unreachable`, `bad_answer`, or the code of a problem.
    """

    def __init__(self, *, operator: bool = False) -> None:
        self.profile: Profile = profile()
        if not self.profile.gateway:
            raise Fault("no_profile", "no platform here: run `make up`, or set TUNTAS_CLI_GATEWAY and TUNTAS_CLI_API_KEY", EXIT_USAGE)
        key = self.profile.operator_key if operator else self.profile.api_key
        try:
            self._client = httpx2.Client(base_url=self.profile.gateway, headers={"X-Api-Key": key}, timeout=30, limits=LIMITS)
        except (httpx2.InvalidURL, ValueError) as error:
            raise Fault("bad_profile", f"gateway or key: {error}", EXIT_USAGE) from None

    def call(self, method: str, path: str, *needs: str, **options: Any) -> dict[str, Any]:
        """Make one call and return the document, which has the fields that are needed."""
        try:
            answer = self._client.request(method, path, **options)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            self._unreachable(error)
        if not answer.is_success:
            raise _refused(answer)
        document = _document(answer)
        if missing := [name for name in needs if name not in document]:
            raise _foreign(f"no `{missing[0]}` in the answer")
        return document

    def events(self, task: UUID) -> Iterator[dict[str, Any]]:
        """Follow a task's events until it ends."""
        timeout = httpx2.Timeout(30, read=None)
        try:
            with self._client.stream("GET", f"/v1/tasks/{task}/events", params={"until": "terminal"}, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                yield from (_object(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            self._unreachable(error)

    def _unreachable(self, error: Exception) -> NoReturn:
        raise Fault("unreachable", f"{self.profile.gateway}: {error or type(error).__name__}", EXIT_UNREACHABLE) from None


def _refused(answer: httpx2.Response) -> Fault:
    document = _document(answer)
    if not isinstance(document.get("code"), str):
        return _foreign(f"status {answer.status_code} without a code")
    return Fault(document["code"], str(document.get("detail") or document.get("title", "")), EXIT_REFUSED)


def _document(answer: httpx2.Response) -> dict[str, Any]:
    return _object(answer.content)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _foreign("no JSON object")
    return found


def _foreign(what: str) -> Fault:
    return Fault("bad_answer", f"{what}: is a gateway of Tuntas there?", EXIT_UNREACHABLE)
