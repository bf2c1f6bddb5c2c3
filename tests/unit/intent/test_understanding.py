"""docs/understanding.md is honest: every label that is read and that no connector serves stands in it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from tuntas.language.goals import by_label

PAGE = Path(__file__).parents[3] / "docs" / "understanding.md"
CONNECTORS = ("travel", "payment", "instant", "maps", "shopping")


def served() -> set[str]:
    apps = (import_module(f"tuntas.connectors.{name}.app") for name in CONNECTORS)
    return {goal.name for app in apps for goal in app.connector.goal_types}


def named() -> set[str]:
    section = PAGE.read_text("utf-8").partition("## Read, but served by no connector")[2]
    return set(re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", section))


def test_what_no_connector_serves_is_told() -> None:
    assert set(by_label()) - served() <= named()


def test_only_labels_that_are_read_are_told() -> None:
    assert named() <= set(by_label())
