"""Invoices at the HTTP door: a tenant's own, and for operators every tenant's, with the usage and the ledger behind them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from tuntas.contracts.base import Contract
from tuntas.gateway.gate import Called, Gated, Operated
from tuntas.gateway.problems import responses
from tuntas.kit.billing import reading
from tuntas.kit.billing.invoices import Invoice
from tuntas.kit.billing.reading import Trial, Used
from tuntas.kit.errors import Rejected
from tuntas.kit.forms import Form

_COMMON = ("unauthenticated", "invalid_request", "bad_month", "unavailable")
_INVOICE = (*_COMMON, "unknown_tenant", "not_found", "does_not_add_up")
_NAME_LENGTH = 64

router = APIRouter(prefix="/v1", tags=["billing"])
_Name = Annotated[str, Field(min_length=1, max_length=_NAME_LENGTH, pattern=r"^[\x21-\x7e]+$")]


class Whose(Form):
    """Whose invoice is meant; a misspelt condition is told, not ignored."""

    tenant: _Name | None = None


class Wanted(Form):
    """Which usage is meant: of a task or call, or behind a month's invoice."""

    task: UUID | None = Field(default=None, description="A task, or a call to an engine")
    month: _Name | None = Field(default=None, description="The month on whose invoice it stands")
    meter: _Name | None = None
    tenant: _Name | None = None


class UsagePage(Contract):
    """Rows of usage, oldest first, at most a thousand."""

    usage: tuple[Used, ...]


@router.get("/billing/invoices/{month}", responses=responses(*_INVOICE, "forbidden"))
async def own_invoice(month: str, whose: Annotated[Whose, Query()], gate: Gated, caller: Called) -> Invoice:
    """Show the tenant's own invoice of a month such as 2026-11. It is told if its lines are not what the ledger holds."""
    tenant = whose.tenant or caller.tenant
    if not caller.sees(tenant):
        raise Rejected("forbidden", "the invoice of another tenant")
    async with gate.views() as con:
        return await reading.read_invoice(con, tenant, month)


@router.get("/operations/billing/invoices/{month}", responses=responses(*_INVOICE, "forbidden"))
async def invoice(month: str, tenant: Annotated[_Name, Query()], gate: Gated, caller: Operated) -> Invoice:
    """Show a tenant's invoice of a month."""
    del caller
    async with gate.views() as con:
        return await reading.read_invoice(con, tenant, month)


@router.get("/operations/billing/usage", responses=responses(*_COMMON, "forbidden"))
async def usage(wanted: Annotated[Wanted, Query()], gate: Gated, caller: Operated) -> UsagePage:
    """List what was recorded of a task or call, or what is behind the lines of invoices."""
    del caller
    if wanted.task is None and wanted.month is None:
        raise Rejected("invalid_request", "task or month is needed")
    async with gate.views() as con:
        return UsagePage(usage=await reading.read_usage(con, **dict(wanted)))


@router.get("/operations/billing/ledger/{month}", responses=responses(*_COMMON, "forbidden"))
async def ledger(month: str, whose: Annotated[Whose, Query()], gate: Gated, caller: Operated) -> Trial:
    """Show the trial balance of a month's entries, of one tenant or of all. It sums to zero in each currency."""
    del caller
    async with gate.views() as con:
        return await reading.read_ledger(con, month, whose.tenant)
