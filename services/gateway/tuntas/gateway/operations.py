"""The operators' door: why a task does not move, and which tasks are stuck, read from views with the operators' own role."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tuntas.gateway.auth import Doorkeeper
from tuntas.gateway.problems import problem
from tuntas.kit import operations
from tuntas.kit.errors import Rejected, Transient

Read = Callable[[Any, Request], Awaitable[object]]
CONDITIONS = ("provider", "step", "code", "older-than")


class Operations:
    """Routes for operators. Each request has a connection of its own: there are few, and none must wait for the gateway's pool."""

    def __init__(self, doorkeeper: Doorkeeper, url: str) -> None:
        self._doorkeeper, self._url = doorkeeper, url

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/operations/explain/{task}", self._answer(_explain)),
            Route("/v1/operations/stuck", self._answer(_stuck)),
        ]

    def _answer(self, read: Read) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                self._allow(request)
                async with operations.connected(self._url) as con:
                    return JSONResponse(await read(con, request))
            except (Rejected, Transient) as error:
                return problem(error.code, error.reason)

        return answer

    def _allow(self, request: Request) -> None:
        caller = self._doorkeeper.recognise(request.headers.get("x-api-key"), None)
        if not caller.operator:
            raise Rejected("forbidden")


async def _explain(con: Any, request: Request) -> object:
    try:
        task = UUID(request.path_params["task"])
    except ValueError:
        raise Rejected("not_found", "no such task") from None
    return operations.explain(await operations.gather(con, task)).model_dump(mode="json")


async def _stuck(con: Any, request: Request) -> object:
    where = {name: request.query_params[name] for name in CONDITIONS if name in request.query_params}
    return {"tasks": [task.model_dump(mode="json") for task in await operations.stuck(con, where)]}
