"""The gateway's HTTP door, as the command uses it: problems become one line and an exit code."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx2
import typer

from tuntas.cli.profile import Profile, profile

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3


def fail(code: str, reason: str, status: int, *, as_json: bool = False) -> NoReturn:
    """Say in one line what went wrong, and leave with an exit code."""
    typer.echo(json.dumps({"code": code, "detail": reason}) if as_json else f"{code}: {reason}", err=True)
    raise typer.Exit(status)


class Gateway:
    """Calls the gateway with the profile's key; `operator` uses the operators' one."""

    def __init__(self, *, as_json: bool = False, operator: bool = False) -> None:
        self.profile: Profile = profile()
        self.as_json = as_json
        if not self.profile.gateway:
            fail(
                "no_profile",
                "no platform here: run `make up`, or set TUNTAS_CLI_GATEWAY and TUNTAS_CLI_API_KEY",
                EXIT_USAGE,
                as_json=as_json,
            )
        key = self.profile.operator_key if operator else self.profile.api_key
        self._client = httpx2.Client(base_url=self.profile.gateway, headers={"X-Api-Key": key}, timeout=30)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make one call and return the document; a problem ends the command."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx2.TransportError as error:
            fail("unreachable", f"{self.profile.gateway}: {error}", EXIT_UNREACHABLE, as_json=self.as_json)
        document = answer.json() if answer.content else {}
        if answer.is_error:
            fail(
                document.get("code", str(answer.status_code)),
                document.get("detail") or document.get("title", ""),
                EXIT_REFUSED,
                as_json=self.as_json,
            )
        return document

    def events(self, task: str) -> Iterator[dict[str, Any]]:
        """Follow a task's events until it ends."""
        timeout = httpx2.Timeout(30, read=None)
        try:
            with self._client.stream("GET", f"/v1/tasks/{task}/events", params={"until": "terminal"}, timeout=timeout) as answer:
                if answer.is_error:
                    document = json.loads(answer.read() or b"{}")
                    fail(document.get("code", str(answer.status_code)), document.get("title", ""), EXIT_REFUSED, as_json=self.as_json)
                yield from (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))
        except httpx2.TransportError as error:
            fail("unreachable", str(error), EXIT_UNREACHABLE, as_json=self.as_json)
