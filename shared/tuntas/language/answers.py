"""A bare answer to a question: values and places without a goal, under the names of what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuntas.language.goals import table
from tuntas.language.model import Slot
from tuntas.language.roles import place_role, used_cue
from tuntas.language.scan import Found, date_json, money_json, number_json, people_json, quantity_json, time_json
from tuntas.language.sentence import Sentence, tokens_of
from tuntas.language.texts import size_at


def named(found: Found) -> tuple[str, Any] | None:
    """The slot and canonical value that a value has on its own; None if it says nothing alone."""
    value = found.value
    match found.kind:
        case "date":
            return "date", date_json(value)
        case "time":
            return "time", time_json(value)
        case "money":
            return "budget" if value.bound else "amount", money_json(value)
        case "account":
            return "account", {"number": value, "bank": None}
        case _:
            return counted(found)


def counted(found: Found) -> tuple[str, Any] | None:
    """The same for what is counted."""
    value = found.value
    match found.kind:
        case "people":
            return "passengers", people_json(value)
        case "duration":
            return "nights", {"count": value.count, "unit": value.unit}
        case "rooms":
            return "rooms", {"count": value.count, "unit": "room"}
        case "choice":
            return "choice", value.count
        case "number" | "quantity":
            return "quantity", number_json(value) if found.kind == "number" else quantity_json(value)
        case _:
            return None


def answers(sentence: Sentence) -> dict[str, Slot]:
    """The slots of a bare answer; a place is named by its preposition, else simply `place`."""
    slots: dict[str, Slot] = {}
    sentence.used.clear()
    for slot, made in (*spoken_words(sentence), *sizes(sentence)):
        add(sentence, slots, (slot, made[0]), *made[1])
    for found in (v for v in sentence.values if v.i not in sentence.used):
        name = named(found)
        if name is not None:
            add(sentence, slots, name, found.i, found.j)
    for name, category in table()["words"].items():
        for i in range(len(sentence.s.tokens)):
            for value, j in sentence.s.by(i, category)[:1]:
                add(sentence, slots, (name, value), i, j)
    for place in sentence.places:
        role = place_role(sentence, place) or "place"
        used_cue(sentence, place.i)
        add(sentence, slots, (role, place.place.as_json()), place.i, place.j)
    return slots


def spoken_words(sentence: Sentence) -> Iterator[tuple[str, tuple[Any, tuple[int, int]]]]:
    """Addresses, numbers of orders, home and work."""
    s = sentence.s
    for i, j in sentence.addresses:
        yield "address", ({"name": s.slice(i, j)}, (i, j))
    for i, j in sentence.codes.items():
        yield "order_id", (s.slice(i, j).lstrip("# "), (i, j))


def sizes(sentence: Sentence) -> Iterator[tuple[str, tuple[Any, tuple[int, int]]]]:
    """Sizes, with the word that says so."""
    s = sentence.s
    dated = tokens_of(sentence.of_kind("date"))
    for i in (k for k in range(len(s.tokens)) if k not in dated):
        found = size_at(s, i, len(s.tokens))
        if found is not None:
            yield "size", (s.slice(*found), found)


def add(sentence: Sentence, slots: dict[str, Slot], named_value: tuple[str, Any], i: int, j: int) -> None:
    """Add a slot, unless one of its name came before."""
    name, canonical = named_value
    if name not in slots:
        slots[name] = Slot(name, sentence.s.slice(i, j), canonical, sentence.s.span(i, j))
        sentence.used.update(range(i, j))
