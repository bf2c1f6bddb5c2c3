"""What holds for any text: nothing is raised, spans slice it, and what stands around it changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.intent.figures import ZONES, rows

from tuntas.language import Reading, read, values
from tuntas.language.goals import by_label

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
LANGUAGES = tuple(ZONES)
TUNE = {language: tuple(row["text"] for row in rows(language, "tune")) for language in LANGUAGES}
WORDS = tuple(sorted({word for texts in TUNE.values() for text in texts for word in text.split()}))
SENTENCES = st.sampled_from([(language, text) for language, texts in TUNE.items() for text in texts])
MIXED = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
ODD = st.text(max_size=120) | st.text(alphabet="0123456789.,-–/:%'半点月日号两千万块 rpjtkmahs½¼٣²", max_size=60)
BEHIND = st.text(alphabet=" \t\n\u3000", max_size=3)

lively = settings(deadline=None, max_examples=150)


def said(reading: Reading) -> list[Any]:
    return [(goal.label, {name: (slot.canonical, slot.value) for name, slot in goal.slots.items()}) for goal in reading.goals]


@lively
@given(MIXED | ODD, st.sampled_from(LANGUAGES))
@example("-", "en")
@example("x " * 700 + "GA410", "en")  # past what is read
@example("a quarter to", "en")
@example("二分之零", "zh")
def test_no_text_fails_and_every_span_slices_it(text: str, language: str) -> None:
    reading = read(text, now=NOW, tz=ZONES[language], lang=language)
    pieces = [(slot.span, slot.value) for goal in reading.goals for slot in goal.slots.values()]
    pieces += [(value.span, value.text) for value in values(text, now=NOW, tz=ZONES[language], lang=language)]
    pieces += [((start, end), words) for start, end, words in reading.unread]
    assert all(text[slice(*span)] == words for span, words in pieces)


@lively
@given(MIXED | ODD, st.sampled_from(LANGUAGES))
def test_a_reading_has_goals_of_the_taxonomy_or_a_reason_and_slots_its_goals_may_have(text: str, language: str) -> None:
    reading = read(text, now=NOW, tz=ZONES[language])
    assert bool(reading.goals) == (reading.out_of_scope is None)
    assert reading.out_of_scope in {None, "unsupported", "not_a_task"}
    for goal in reading.goals:
        assert goal.label.startswith("task.") or goal.label in by_label()
        assert all(name == slot.slot for name, slot in goal.slots.items())
        assert 0 < goal.confidence <= 1


@lively
@given(SENTENCES, BEHIND, BEHIND)
def test_space_around_a_sentence_changes_nothing_but_its_spans(sentence: tuple[str, str], before: str, behind: str) -> None:
    language, text = sentence
    plain = read(text, now=NOW, tz=ZONES[language])
    assert said(read(before + text + behind, now=NOW, tz=ZONES[language])) == said(plain)


@lively
@given(SENTENCES, st.sampled_from([".", "!", "!!", " .", "。", "！", "~", " 🙏"]))
def test_what_ends_a_sentence_changes_nothing(sentence: tuple[str, str], mark: str) -> None:
    language, text = sentence
    bare = text.rstrip(" .!?。！？~…")
    assert said(read(bare + mark, now=NOW, tz=ZONES[language])) == said(read(bare, now=NOW, tz=ZONES[language]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_reading_twice_gives_the_same(language: str) -> None:
    for text in TUNE[language][:40]:
        first, second = (read(text, now=NOW, tz=ZONES[language]) for _ in range(2))
        assert first == second
