"""What people say becomes a meal or a ride: the sentences, the slots and the schemas of the instant connector fit together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tuntas.connectors.instant.app import connector
from tuntas.contracts.registry import ConnectorRegistered
from tuntas.intent.goals import Missing, build
from tuntas.intent.reader import answered, understood
from tuntas.kit.registry import Registry
from tuntas.language import read

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def goals(*said: str, asked: str | None = None, so_far: Any = ()) -> Any:
    """Return the goals that the platform makes of a sentence and of the answers to what it asked back."""
    known = Registry()
    known.register(ConnectorRegistered(connector="instant", goal_types=tuple(connector.goal_types), providers=()))
    first, *later = [read(text, now=NOW, tz="Asia/Jakarta", lang="en") for text in said]
    found: Any = understood(first)
    if asked is not None:
        found = answered(found, later[-1], said[-1], asked=asked, goals=list(so_far))
    return build(known, found["goals"], "en")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "order 2 nasi goreng and deliver to SCBD lot 8, Jakarta",
            {"item": "nasi goreng", "quantity": 2, "address": "SCBD lot 8, Jakarta"},
        ),
        ("pesan makanan jepang ke alamat Jalan Sudirman 5 Jakarta", {"cuisine": "japanese", "address": "Jalan Sudirman 5 Jakarta"}),
    ],
)
def test_a_meal_in_words_is_a_goal_that_fits_its_schema(text: str, wanted: Any) -> None:
    (goal,) = goals(text)
    assert (goal.type, goal.parameters) == ("food.order", wanted)


def test_where_to_is_asked_for_and_taken_as_it_is_said() -> None:
    first = "order 2 nasi goreng"
    missing = goals(first)
    assert isinstance(missing, Missing)
    assert missing.slot == "address"
    so_far = [{"label": "food.order", "slots": {"item": {"name": "nasi goreng"}}}]
    (goal,) = goals(first, "7F tower, gate 3", asked="address", so_far=so_far)
    assert goal.parameters == {"item": "nasi goreng", "address": "7F tower, gate 3"}
