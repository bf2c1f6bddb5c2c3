"""The plans file: which row holds for whom and when, and what is wrong with one that is refused."""

from pathlib import Path

import pytest
import yaml
from tests.unit.billing.conftest import PLAN

from tuntas.billing.book import Terms, load
from tuntas.kit.errors import ConfigurationError

ROW = PLAN.model_dump(mode="json")
NEXT = ROW | {"id": "growth-2", "valid_from": "2026-12-01"}
OTHER = ROW | {"id": "other-1", "plan": "other", "currency": "CNY"}
GOOD = {
    "plans": [NEXT, ROW, OTHER],
    "default": {"plan": "growth", "zone": "Asia/Jakarta"},
    "tenants": {"brio": {"plan": "other", "zone": "Asia/Shanghai"}},
}


def written(folder: Path, content: object) -> Path:
    path = folder / "plans.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_the_package_has_a_plan_for_everybody() -> None:
    book = load(None)
    assert (book.row("anybody", "2026-11").id, book.terms("anybody").zone) == ("standard-2026-01", "Asia/Jakarta")


@pytest.mark.parametrize(
    ("tenant", "month", "row"),
    [
        ("acme", "2026-11", "growth-1"),
        ("acme", "2026-12", "growth-2"),
        ("acme", "2030-01", "growth-2"),
        ("acme", "2025-01", "growth-1"),
        ("brio", "2026-12", "other-1"),
    ],
)
def test_a_tenant_pays_by_the_row_that_is_valid_in_the_month(tmp_path: Path, tenant: str, month: str, row: str) -> None:
    assert load(written(tmp_path, GOOD)).row(tenant, month).id == row


def test_a_tenant_that_is_not_named_has_the_default_terms(tmp_path: Path) -> None:
    book = load(written(tmp_path, GOOD))
    assert book.terms("nobody") == Terms(plan="growth", zone="Asia/Jakarta")
    assert book.terms("brio").zone == "Asia/Shanghai"


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD | {"plans": []},
        GOOD | {"plans": [ROW, ROW | {"valid_from": "2027-01-01"}, OTHER]},
        GOOD | {"plans": [ROW, NEXT | {"valid_from": "2026-01-01"}, OTHER]},
        GOOD | {"default": {"plan": "golden", "zone": "Asia/Jakarta"}},
        GOOD | {"default": {"plan": "growth", "zone": "Asia/Nowhere"}},
        GOOD | {"default": {"plan": "growth", "zone": "../../etc/passwd"}},
        GOOD | {"tenants": {"brio": {"plan": "golden", "zone": "UTC"}}},
        GOOD | {"discounts": 1},
        {},
        "plans: [",
        "",
        "- 1",
        "\x00",
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, wrong))
    assert caught.value.code == "bad_plans"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bad_plans"):
        load(tmp_path / "none.yaml")
