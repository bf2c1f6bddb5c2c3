"""What an engine read is taken only as far as the words carry it; whatever it invents is refused whole."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tuntas.intent.artefact import question, reading
from tuntas.kit.engines import Forgone
from tuntas.language.goals import by_label

TEXT = "transfer Rp 50.000 to Budi Santoso besok, lalu hotel di Bandung"
WHERE: Any = {"now": datetime(2026, 11, 25, 3, tzinfo=UTC), "tz": "Asia/Jakarta", "lang": None}


def slot(name: str, value: str, canonical: Any) -> dict[str, Any]:
    begin = TEXT.index(value)
    return {"slot": name, "value": value, "canonical": canonical, "span": [begin, begin + len(value)]}


NAME = slot("recipient", "Budi Santoso", {"name": "Budi Santoso"})


def found(*slots: Any, label: str = "pay.transfer", **more: Any) -> Any:
    goals = [{"label": label, "confidence": 0.9, "slots": list(slots)}]
    return {"lang": "id", "goals": goals, "out_of_scope": None, "unread": [], **more}


def own_amount() -> Any:
    """Return the amount as our own reader has it, whatever it makes of a point in a number."""
    from tuntas.language import values

    (money,) = [value for value in values(TEXT, **WHERE) if value.kind == "money"]
    return slot("amount", "Rp 50.000", {"amount_minor": money.value, "currency": money.unit})


def test_a_goal_with_what_the_words_carry_is_taken() -> None:
    read = reading(found(own_amount(), NAME), TEXT, **WHERE)
    (goal,) = read.goals
    assert (goal.label, goal.slots["recipient"].canonical) == ("pay.transfer", {"name": "Budi Santoso"})
    assert goal.slots["recipient"].span == (TEXT.index("Budi"), TEXT.index("Budi") + 12)


def test_a_role_that_our_own_reader_would_not_give_is_taken_if_the_words_carry_the_value() -> None:
    date = slot("check_in", "besok", "2026-11-26")
    read = reading(found(date, label="travel.hotel.book"), TEXT, **WHERE)
    assert read.goals[0].slots["check_in"].canonical == "2026-11-26"


@pytest.mark.parametrize(
    "invented",
    [
        slot("amount", "Rp 50.000", {"amount_minor": 999_999_999, "currency": "IDR"}),
        slot("amount", "Rp 50.000", own_amount()["canonical"] | {"currency": "USD"}),
        slot("recipient", "Budi Santoso", {"name": "Budi Hartono"}),
        slot("recipient", "Budi Santoso", {"name": "Budi Santoso", "account": "1"}),
        NAME | {"span": [0, 12]},
        NAME | {"span": [30, 5]},
        NAME | {"span": [20, 5_000]},
        NAME | {"value": "Budi"},
        NAME | {"span": [-3, 4]},
        NAME | {"slot": "destination", "canonical": {"name": "Budi Santoso"}},
        NAME | {"canonical": "a friend"},
        NAME | {"canonical": ["Budi Santoso"]},
        NAME | {"canonical": None},
    ],
    ids=lambda each: str(each["canonical"])[:30] + str(each["span"]),
)
def test_what_is_invented_is_refused(invented: Any) -> None:
    with pytest.raises(Forgone) as caught:
        reading(found(invented), TEXT, **WHERE)
    assert caught.value.code == "invalid"


@pytest.mark.parametrize(
    "canonical", [{"kind": "city", "code": "CGK", "name": "Jakarta", "country": "ID", "lat": 0.0, "lon": 0.0}, "2026-12-24"]
)
def test_a_place_or_a_day_that_nobody_said_is_refused(canonical: Any) -> None:
    where = slot("location", "Bandung", canonical)
    with pytest.raises(Forgone, match="location"):
        reading(found(where, label="travel.hotel.book"), TEXT, **WHERE)


@pytest.mark.parametrize(
    "answer",
    [
        "pay.transfer",
        {},
        found(label="pay.everything"),
        found(lang="fr"),
        found(out_of_scope="not_a_task"),
        found(out_of_scope="whatever"),
        {"lang": "en", "goals": [], "out_of_scope": None, "unread": []},
        found(NAME) | {"unread": [[0, 4, "send"]]},
        found(NAME) | {"unread": [[0, 999, "x"]]},
        found(NAME) | {"goals": {"label": "pay.transfer"}},
    ],
)
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    with pytest.raises(Forgone):
        reading(answer, TEXT, **WHERE)


def test_what_is_asked_names_every_label_with_its_slots() -> None:
    asked: Any = question(TEXT, **WHERE)
    assert asked["labels"].keys() == by_label().keys()
    assert "recipient" in asked["labels"]["pay.transfer"]
