"""The gold sentences: the tune half may not fall below its floor; of the held half only the figures are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.intent.figures import FLOORS, ZONES, measured, table

HELD_FLOOR = 0.6  # far below what it is: held sentences are never tuned to, they only show that nothing broke


@pytest.mark.parametrize("language", list(ZONES))
def test_the_tune_half_is_read_at_least_as_well_as_before(language: str, record_property: Callable[[str, object], None]) -> None:
    tally = measured(language, "tune")
    record_property("figures", f"{language} tune: intent {tally.intent:.1%}, slots {tally.slots:.1%}")
    intent, slots = FLOORS[language]
    assert tally.intent >= intent, f"{language}: intent {tally.intent:.1%}"
    assert tally.slots >= slots, f"{language}: slots {tally.slots:.1%}"


def test_the_figures_of_both_halves_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(table())
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201
    assert len(lines) == 2 * len(ZONES)


@pytest.mark.parametrize("language", list(ZONES))
def test_the_held_half_is_read_too(language: str) -> None:
    tally = measured(language, "held")
    assert min(tally.intent, tally.slots) >= HELD_FLOOR
