"""Alerts look at metrics that exist, and each says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest

from tuntas.kit.telemetry.names import METRICS

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(
    r"""^      - alert: (?P<alert>\w+)
        expr: (?P<expr>.+)
(?:        for: \d+m
)?        labels: \{severity: (?P<severity>\w+)\}
        annotations:
          summary: (?P<summary>.+)
          runbook_url: (?P<runbook>.+)
""",
    re.MULTILINE,
)
TEXT = (ROOT / "deploy/observability/alerts.yaml").read_text()
RULES = [match.groupdict() for match in RULE.finditer(TEXT)]
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
NAMES: dict[str, Any] = {name: metric for name, metric in METRICS.items()}  # noqa: C416 - plain strings as keys
SOURCES = "\n".join(path.read_text() for top in ("shared/tuntas/kit", "services/engines") for path in (ROOT / top).rglob("*.py"))
LABELS = re.compile(r"(?:by \(([^)]*)\))|(?:\{([^}]*)\})")


def by_name(rule: dict[str, str]) -> str:
    return str(rule["alert"])


def metrics(rule: dict[str, str]) -> set[str]:
    return set(re.findall(r"tuntas_[a-z_]+", rule["expr"]))


def labels(rule: dict[str, str]) -> set[str]:
    found: set[str] = set()
    for grouped, matched in LABELS.findall(rule["expr"]):
        found |= {part.strip() for part in grouped.split(",") if part.strip()} | set(re.findall(r"(\w+)\s*=", matched))
    return found


def test_every_rule_has_the_one_shape() -> None:
    assert len(RULES) == TEXT.count("- alert:")


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_an_alert_looks_at_metrics_that_exist_and_are_set(rule: dict[str, str]) -> None:
    assert metrics(rule)
    assert metrics(rule) <= NAMES.keys()
    assert all(f'.of("{name}"' in SOURCES for name in metrics(rule))


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_an_alert_uses_labels_that_its_metrics_have(rule: dict[str, str]) -> None:
    for name in metrics(rule):
        assert labels(rule) <= {"service", *NAMES[name].labels}


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_an_alerts_words_name_labels_that_its_result_has(rule: dict[str, str]) -> None:
    kept = {part.strip() for grouped, _ in LABELS.findall(rule["expr"]) for part in grouped.split(",")}
    assert set(re.findall(r"\$labels\.(\w+)", rule["summary"])) <= kept


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_an_alert_says_what_to_do(rule: dict[str, str]) -> None:
    page, _, section = rule["runbook"].partition("#")
    assert page == "docs/runbooks.md"
    assert section == by_name(rule).lower()
    assert f"\n## {by_name(rule)}\n" in RUNBOOKS
    assert rule["severity"] in {"page", "ticket"}


def test_every_section_of_the_runbooks_belongs_to_an_alert() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)) == set(map(by_name, RULES))


def test_links_between_pages_lead_somewhere() -> None:
    pages = [
        *(ROOT / "services").rglob("README.md"),
        *(ROOT / "deploy").rglob("README.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
    ]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in target:
                continue
            path, _, section = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            if not linked.exists() or (
                section and section not in {h.lower() for h in re.findall(r"^##+ (\w+)$", linked.read_text(), re.MULTILINE)}
            ):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken
