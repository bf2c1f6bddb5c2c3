"""Settles whether a name at a restaurant's table is the restaurant or where it is."""

from __future__ import annotations

from dataclasses import replace

from tuntas.language.sentence import Draft, Sentence


def settle_tables(sentence: Sentence) -> None:
    """One name is one thing: with a cuisine the area (*resto jepang di Senopati*), else the restaurant."""
    for draft in sentence.drafts:
        if draft.spec.topic in {"restaurant", "booking"}:
            settle_table(draft)


def settle_table(draft: Draft) -> None:
    """Keep a name in one of the two slots."""
    name, area = draft.slots.get("restaurant"), draft.slots.get("location")
    if not area or area.canonical["kind"] != "name":
        return
    is_area = "cuisine" in draft.slots
    if name is not None and name.span == area.span:
        del draft.slots["restaurant" if is_area else "location"]
    elif name is None and not is_area and draft.act == "book":
        del draft.slots["location"]
        draft.slots["restaurant"] = replace(area, slot="restaurant", canonical={"name": area.value})
