"""The operators' door: why a task does not move, and which tasks are stuck, read from views with the operators' own role."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from tuntas.contracts.base import Contract
from tuntas.gateway.gate import Gated, Operated
from tuntas.gateway.problems import responses
from tuntas.kit import operations
from tuntas.kit.forms import Form
from tuntas.kit.operations import Explanation, StuckTask

_COMMON = ("unauthenticated", "forbidden", "invalid_request", "unavailable")
_NAME_LENGTH = 200

router = APIRouter(prefix="/v1/operations", tags=["operators"])


class Conditions(Form):
    """Which stuck tasks are meant; a misspelt condition is told, not ignored."""

    provider: str | None = Field(default=None, max_length=_NAME_LENGTH)
    step: str | None = Field(default=None, max_length=_NAME_LENGTH)
    code: str | None = Field(default=None, max_length=_NAME_LENGTH)
    tenant: str | None = Field(default=None, max_length=_NAME_LENGTH)
    older_than: float = Field(default=0, ge=0, allow_inf_nan=False, alias="older-than", description="Age in seconds")

    def where(self) -> dict[str, str]:
        """Return them as the views' reader takes them."""
        return {name: str(value) for name, value in self.model_dump(by_alias=True, exclude_none=True).items()}


class StuckPage(Contract):
    """Tasks that are not at an end, the most money at risk first."""

    tasks: tuple[StuckTask, ...]


@router.get("/explain/{task_id}", responses=responses(*_COMMON))
async def explain(task_id: UUID, gate: Gated, caller: Operated) -> Explanation:
    """Say why a task does not move, and which commands are safe. Of a task that nobody knows the status is `unknown`."""
    del caller
    async with gate.views() as con:
        return operations.explain(await operations.gather(con, task_id))


@router.get("/stuck", responses=responses(*_COMMON))
async def stuck(conditions: Annotated[Conditions, Query()], gate: Gated, caller: Operated) -> StuckPage:
    """List the tasks that are not at an end and meet all conditions."""
    del caller
    async with gate.views() as con:
        return StuckPage(tasks=tuple(await operations.stuck(con, conditions.where())))
