"""What belongs to a stay or a rental alone: nights, rooms, what the hotel should be like, and its name."""

from __future__ import annotations

from datetime import date, timedelta

from tuntas.language.filling import takers
from tuntas.language.model import Slot
from tuntas.language.roles import used_cue
from tuntas.language.scan import Found
from tuntas.language.sentence import Draft, Sentence

NIGHTS = {"night": 1, "day": 1, "week": 7, "month": 30}
MAX_NAME = 4


def fill_stays(sentence: Sentence) -> None:
    """Nights and rooms of hotels, days of cars; without either, how long a trip is."""
    fill_nights(sentence)
    for found in sentence.of_kind("rooms"):
        draft = next(takers(sentence, found.i, "rooms"), None)
        if draft is not None:
            sentence.fill(draft, "rooms", {"count": found.value.count, "unit": "room"}, found.i, found.j)
    for draft in sentence.drafts:
        if "hotel" in draft.spec.slots and draft.spec.topic == "hotel":
            fill_hotel(sentence, draft)


def fill_nights(sentence: Sentence) -> None:
    """How long: nights of a hotel first, said as such or as days; else the days of a rental or a trip."""
    stays = [f for f in sentence.of_kind("duration") if f.value.unit in NIGHTS]
    for found in sorted(stays, key=lambda f: f.value.unit != "night"):
        count = int(found.value.count * NIGHTS[found.value.unit])
        own = next((d for d in takers(sentence, found.i, "nights", "end_date") if d.has(found.i) or found.value.unit == "night"), None)
        own = own or next(takers(sentence, found.i, "nights", "end_date"), None)
        if own and "nights" in own.spec.slots:
            if sentence.fill(own, "nights", {"count": count, "unit": "night"}, found.i, found.j) or own.has(found.i):
                sentence.used.update(range(found.i, found.j))
        elif own:
            add_end(sentence, own, found, count - 1, ("start_date", "end_date"))
        elif (trip := next(takers(sentence, found.i, "return_date"), None)) is not None:
            add_end(sentence, trip, found, count, ("depart_date", "return_date"))


def add_end(sentence: Sentence, draft: Draft, found: Found, days: int, names: tuple[str, str]) -> None:
    """A trip *for five days* comes back that much later."""
    start = draft.slots.get(names[0])
    if start is None or not isinstance(start.canonical, str):
        return
    end = date.fromisoformat(start.canonical) + timedelta(days=days)
    sentence.fill(draft, names[1], end.isoformat(), found.i, found.j)


def fill_hotel(sentence: Sentence, hotel: Draft) -> None:
    """The slot `hotel`: stars, features and a name."""
    s = sentence.s
    features = [(value, i, j) for i in range(hotel.start, hotel.end) if i not in sentence.used for value, j in s.by(i, "feature")[:1]]
    stars = [f for f in sentence.of_kind("stars") if hotel.has(f.i)][:1]
    name = hotel.name or brand_of(sentence, hotel)
    pieces = [(i, j) for _, i, j in features] + [(f.i, f.j) for f in stars] + ([name] if name else [])
    if not pieces:
        return
    canonical = {
        "name": s.slice(*name) if name else None,
        "stars": stars[0].value.count if stars else None,
        "features": list(dict.fromkeys(value for value, _, _ in features)),
    }
    for i, j in pieces:
        sentence.used.update(range(i, j))
        used_cue(sentence, i)
    before = set(sentence.used)
    sentence.fill(hotel, "hotel", canonical, min(i for i, _ in pieces), max(j for _, j in pieces))
    sentence.used = before


def brand_of(sentence: Sentence, hotel: Draft) -> tuple[int, int] | None:
    """A chain of hotels that is named."""
    return next(((i, j) for i in range(hotel.start, hotel.end) for _, j in sentence.s.by(i, "hotel_brand")[:1]), None)


def name_hotels(sentence: Sentence) -> None:
    """Find each hotel's own name: capitalised unknown words after *hotel* or *at the*; it is no place then."""
    for hotel in sentence.drafts:
        if hotel.spec.topic == "hotel":
            name_hotel(sentence, hotel)


def name_hotel(sentence: Sentence, hotel: Draft) -> None:
    """Give a hotel its name."""
    s = sentence.s
    cues = [j + s.longest(j, "the") - j for i in range(hotel.start, hotel.end) for _, j in s.by(i, "name_cue")]
    for i in [hotel.until, *cues]:
        j = i
        while j < len(s.tokens) and j - i < MAX_NAME and is_name(sentence, j, hotel):
            j += 1
        if j > i:
            hotel.name = (i, j)
            sentence.places = [p for p in sentence.places if not i <= p.i < j]
            return


def is_name(sentence: Sentence, i: int, hotel: Draft) -> bool:
    """Whether a token is a word with a capital that means nothing else and names no well-known place."""
    token = sentence.s.tokens[i]
    is_place = any(p.i <= i < p.j and (p.place.is_known or i != hotel.until) for p in sentence.places)
    return sentence.s.text[token.start].isupper() and not sentence.s.matches[i] and not is_place


def end_stay(hotel: Draft) -> None:
    """Check-out is check-in plus the nights, when that is not said."""
    start, nights = hotel.slots.get("check_in"), hotel.slots.get("nights")
    if start and nights and "check_out" not in hotel.slots and isinstance(start.canonical, str):
        end = date.fromisoformat(start.canonical) + timedelta(days=nights.canonical["count"])
        hotel.slots["check_out"] = Slot("check_out", nights.value, end.isoformat(), nights.span)
