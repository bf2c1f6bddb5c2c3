"""One question back, in the person's language; one line on what was not read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tuntas.language import not_read, question, read
from tuntas.language.goals import by_label
from tuntas.language.phrases import phrases

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def test_the_most_important_slot_is_asked_for_first() -> None:
    assert question("travel.flight.book", ["depart_date", "origin"], "en") == "Where will you fly from?"
    assert question("travel.flight.book", ["depart_date"], "id") == "Berangkat tanggal berapa?"
    assert question("pay.transfer", ["amount", "recipient"], "zh") == "要转给谁？"


def test_nothing_missing_is_nothing_to_ask() -> None:
    assert question("travel.flight.book", [], "en") is None


def test_an_unknown_language_is_answered_in_english() -> None:
    assert question("pay.bill", ["item"], "fr") == "Which bill should I pay?"


@pytest.mark.parametrize("lang", ["en", "id", "zh"])
def test_every_needed_slot_has_a_question(lang: str) -> None:
    needed = {slot for spec in by_label().values() for slot in spec.needs} | {"return_date"}
    assert needed <= phrases()["question"][lang].keys()


def test_unread_words_are_named_in_the_persons_language() -> None:
    assert not_read(read("tiket ke Bali besok bawa trombon", now=NOW, tz="Asia/Jakarta")) == "Bagian ini belum saya pahami: bawa trombon."
    assert not_read(read("a flight to Bali tomorrow", now=NOW, tz="Asia/Jakarta")) is None
