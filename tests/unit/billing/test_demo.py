"""The demo ends badly if its invoice does not count what was played, or the ledger does not sum to zero."""

from typing import Any

import pytest
from tests.unit.billing.conftest import Office, ended

from tuntas.contracts.ids import derive
from tuntas.local.demo.billing import billed

RECEIPTS = [{"outcome": "completed"}, {"outcome": "completed"}, {"outcome": "compensated"}]


class Door:
    """A gateway that shows this invoice."""

    def __init__(self, **changed: Any) -> None:
        office = Office()
        office.take([ended(derive(1)), ended(derive(2)), ended(derive(3), "compensated")])
        self.found = office.invoice().model_dump(mode="json") | changed

    async def call(self, method: str, path: str) -> Any:
        assert (method, path.startswith("/v1/billing/invoices/2")) == ("GET", True)
        if "fault" in self.found:
            raise RuntimeError(self.found["fault"])
        return self.found


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask once."""
    monkeypatch.setattr("tuntas.local.demo.billing.SECONDS", 0.1)


async def test_an_invoice_of_what_was_played_is_summed_up() -> None:
    found = await billed(Door(), RECEIPTS)  # type: ignore[arg-type]
    assert found == {"month": "2026-11", "lines": 4, "total": {"IDR": 5_250_000}, "ledger_sum": 0}


@pytest.mark.parametrize(
    ("changed", "receipts", "words"),
    [
        ({}, RECEIPTS[1:], "billed"),
        ({"ledger_sum": {"IDR": 3, "USD": -3}}, RECEIPTS, "the ledger sums to"),
        ({"fault": "409 does_not_add_up"}, RECEIPTS, "does_not_add_up"),
    ],
)
async def test_anything_else_is_a_fault(changed: dict[str, Any], receipts: list[dict[str, str]], words: str) -> None:
    assert words in (await billed(Door(**changed), receipts))["fault"]  # type: ignore[arg-type]
