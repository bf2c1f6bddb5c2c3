"""Fills the slots of flights and hotels, each from its own part of the sentence first, then from the other's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tuntas.language.amounts import Money
from tuntas.language.dates import Day, after
from tuntas.language.goals import table
from tuntas.language.model import Slot
from tuntas.language.places import FoundPlace
from tuntas.language.roles import bare_roles, date_role, place_role, used_cue
from tuntas.language.scan import Found, date_json, money_json, people_json, time_json
from tuntas.language.sentence import Draft, Sentence, ends_before, starts_at

NIGHTS = {"night": 1, "day": 1, "week": 7, "month": 30}
OUT_AND_BACK = {"flight": ("depart_date", "return_date"), "hotel": ("check_in", "check_out")}
MAX_NAME = 3


def fill_travel(sentence: Sentence) -> None:
    """Fill every travel goal of a sentence."""
    name_hotel(sentence)
    fill_places(sentence)
    fill_dates(sentence)
    fill_stay(sentence)
    fill_people(sentence)
    fill_budget(sentence)
    fill_words(sentence)
    share(sentence)


def travel(sentence: Sentence) -> list[Draft]:
    """The travel goals, in order."""
    return [d for d in sentence.drafts if d.spec.topic in OUT_AND_BACK]


def owner(sentence: Sentence, i: int, slot: str | None = None) -> Draft | None:
    """The travel goal that a token belongs to; of those that may have the slot."""
    able = [d for d in travel(sentence) if slot is None or slot in d.spec.slots]
    return next((d for d in able if d.has(i)), able[-1] if able and slot else None)


def fill_places(sentence: Sentence) -> None:
    """Origin and destination of the flight, location of the hotel."""
    flight, hotel = sentence.draft("flight"), sentence.draft("hotel")
    kept = [p for p in sentence.places if owner(sentence, p.i) or not sentence.drafts]
    roles = [place_role(sentence, p) for p in kept]
    mine = [k for k, p in enumerate(kept) if flight and (not hotel or flight.has(p.i) or roles[k] in {"origin", "destination"})]
    for k, role in zip(mine, bare_roles([roles[k] for k in mine]), strict=True):
        roles[k] = role
    for place, role in sorted(zip(kept, roles, strict=True), key=lambda pair: pair[1] not in {"origin", "destination"}):
        if place_slot(sentence, place, role, flight, hotel):
            used_cue(sentence, place.i)


def place_slot(sentence: Sentence, place: FoundPlace, role: str | None, flight: Draft | None, hotel: Draft | None) -> bool:
    """Put a place where its role, or else its segment, says."""
    canonical = place.place.as_json()
    if flight and role in {"origin", "destination"} and sentence.fill(flight, role, canonical, place.i, place.j):
        return True
    if hotel and role != "origin":
        taken = hotel.slots.get("location")
        if taken and taken.canonical["code"] == canonical["code"]:
            sentence.used.update(range(place.i, place.j))
        if taken and ends_before(sentence.s, place.i, "near_cue"):
            del hotel.slots["location"]
        return sentence.fill(hotel, "location", canonical, place.i, place.j)
    return bool(flight and sentence.fill(flight, "destination", canonical, place.i, place.j))


def fill_dates(sentence: Sentence) -> None:
    """Departure and return, check-in and check-out."""
    seen: set[tuple[Day, int]] = set()
    for found in sentence.of_kind("date"):
        role = date_role(sentence, found)
        draft = owner(sentence, found.i, role) or owner(sentence, found.i)
        if draft is None or (found.value, id(draft)) in seen:
            continue
        seen.add((found.value, id(draft)))
        fill_date(sentence, draft, found, role)
    for draft in travel(sentence):
        put_in_order(draft)
    for found in sorted(sentence.of_kind("time"), key=lambda f: f.value.is_part):
        flight = sentence.draft("flight")
        if flight and (flight.has(found.i) or len(travel(sentence)) == 1):
            sentence.fill(flight, "depart_time", time_json(found.value), found.i, found.j)


def fill_date(sentence: Sentence, draft: Draft, found: Found, role: str | None) -> None:
    """Put a date into a goal: a range of days fills both ends, a single day the first that is free."""
    first, second = OUT_AND_BACK[draft.spec.topic]
    day: Day = found.value
    if day.end and day.grain == "day" and role != second:
        sentence.fill(draft, first, day.start.isoformat(), found.i, found.j)
        sentence.fill(draft, second, day.end.isoformat(), found.i, found.j)
        return
    slot = role if role in {first, second} else first
    if slot == first and role is None and first in draft.slots and day.grain == "day":
        slot = second
    if sentence.fill(draft, slot, date_json(day), found.i, found.j):
        draft.days[slot] = day


def put_in_order(draft: Draft) -> None:
    """A way back before the way there is a later one: *balik tanggal 25*, said of a trip in December."""
    first, second = OUT_AND_BACK[draft.spec.topic]
    if {first, second} <= draft.days.keys():
        back = after(draft.days[second], draft.days[first].start)
        if not draft.days[second].end:
            draft.slots[second] = replace(draft.slots[second], canonical=back.isoformat())


def fill_stay(sentence: Sentence) -> None:
    """Nights, rooms and what the hotel should be like; without a hotel, how long the trip is."""
    hotel = sentence.draft("hotel")
    stays = [f for f in sentence.of_kind("duration") if f.value.unit in NIGHTS]
    nights = [f for f in stays if f.value.unit == "night"] or stays
    for found in nights[:1]:
        count = found.value.count * NIGHTS[found.value.unit]
        if hotel and sentence.fill(hotel, "nights", {"count": count, "unit": "night"}, found.i, found.j):
            sentence.used.update(k for f in stays for k in range(f.i, f.j))
        elif (flight := sentence.draft("flight")) is not None:
            add_return(sentence, flight, found, count)
    if hotel is not None:
        for found in sentence.of_kind("rooms"):
            sentence.fill(hotel, "rooms", {"count": found.value.count, "unit": "room"}, found.i, found.j)
        fill_hotel(sentence, hotel)


def add_return(sentence: Sentence, flight: Draft, found: Found, count: int) -> None:
    """A trip *for five days* comes back that much later."""
    depart = flight.slots.get("depart_date")
    if depart is None or not isinstance(depart.canonical, str):
        return
    back = date.fromisoformat(depart.canonical) + timedelta(days=count)
    sentence.fill(flight, "return_date", back.isoformat(), found.i, found.j)


def fill_hotel(sentence: Sentence, hotel: Draft) -> None:
    """The slot `hotel`: stars, features and a name."""
    s = sentence.s
    features = [(value, i, j) for i in range(len(s.tokens)) if i not in sentence.used for value, j in s.by(i, "feature")[:1]]
    stars = sentence.of_kind("stars")[:1]
    name = hotel.name
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


def name_hotel(sentence: Sentence) -> None:
    """Find the hotel's own name: capitalised unknown words after *hotel* or *at the*; it is no place then."""
    hotel = sentence.draft("hotel")
    if hotel is None:
        return
    s = sentence.s
    starts = [hotel.until, *(j + s.longest(j, "the") - j for i in range(hotel.start, hotel.end) for _, j in s.by(i, "location_cue"))]
    for i in starts:
        j = i
        while j < len(s.tokens) and j - i < MAX_NAME and is_name(sentence, j):
            j += 1
        if j > i:
            hotel.name = (i, j)
            sentence.places = [p for p in sentence.places if not i <= p.i < j]
            return


def is_name(sentence: Sentence, i: int) -> bool:
    """Whether a token is a word with a capital that means nothing else and names no well-known place."""
    token = sentence.s.tokens[i]
    is_place = any(p.i <= i < p.j and (p.place.is_known or not sentence.s.by(i - 1, "topic")) for p in sentence.places)
    return sentence.s.text[token.start].isupper() and not sentence.s.matches[i] and not is_place


def fill_people(sentence: Sentence) -> None:
    """Who travels and who sleeps there; people said outright win over tickets counted."""
    for found in sorted(sentence.of_kind("people"), key=lambda f: f.value.is_weak):
        draft = owner(sentence, found.i)
        if draft is not None:
            slot = "passengers" if draft.spec.topic == "flight" else "guests"
            sentence.fill(draft, slot, people_json(found.value), found.i, found.j)
            sentence.used.update(range(found.i, found.j))


def fill_budget(sentence: Sentence) -> None:
    """Budgets. One that stands on its own at the end, or that says it is the total, is shared by all travel goals."""
    goals = travel(sentence)
    for found in sentence.of_kind("money"):
        draft = owner(sentence, found.i)
        if draft is None or found.value.bound == "min":
            continue
        if found.value.per == "night":
            hotel = sentence.draft("hotel")
            if hotel is not None:
                sentence.fill(hotel, "price_range", price_range(found.value), found.i, found.j)
            continue
        for goal in goals if is_shared(sentence, found, draft) else [draft]:
            sentence.fill(goal, "budget", money_json(found.value), found.i, found.j)


def price_range(money: Money) -> dict[str, Any]:
    """What a night may cost."""
    low = {"min": {"amount_minor": money.amount_minor, "currency": money.currency}} if money.until else {}
    return {**low, "max": money_json(money), "per": "night"}


def is_shared(sentence: Sentence, found: Found, draft: Draft) -> bool:
    """Whether an amount is for everything: it says so, or it is the last value and does not follow its own topic directly."""
    if found.value.per == "total" or starts_at(sentence.s, found.i, "total"):
        return True
    is_last = all(v.i <= found.i for v in sentence.values)
    is_apart = found.i > 0 and bool(sentence.s.by(found.i - 1, "connector"))
    return is_last and (is_apart or found.i > draft.until)


def fill_words(sentence: Sentence) -> None:
    """Slots that one word of the lexicon fills: cabin, airline, kind of trip."""
    s = sentence.s
    for name, category in table()["words"].items():
        for draft in sentence.drafts:
            for i in range(len(s.tokens)):
                for value, j in s.by(i, category)[:1]:
                    if i not in sentence.used:
                        sentence.fill(draft, name, value, i, j)


def share(sentence: Sentence) -> None:
    """Carry place, dates and people from one travel goal to the other, and work out when the stay ends."""
    flight, hotel = sentence.draft("flight"), sentence.draft("hotel")
    if flight and hotel:
        lend(flight, hotel, {"destination": "location", "depart_date": "check_in", "passengers": "guests"})
        lend(hotel, flight, {"location": "destination", "check_in": "depart_date", "guests": "passengers"})
        if "nights" not in hotel.slots:
            lend(flight, hotel, {"return_date": "check_out"})
    if hotel:
        end_stay(hotel)
    if flight and hotel and is_there_and_back(flight, hotel):
        lend(hotel, flight, {"check_out": "return_date"})


def is_there_and_back(flight: Draft, hotel: Draft) -> bool:
    """Whether the end of the stay is the way back: a round trip, or one range of dates said for both."""
    trip, start, end = flight.slots.get("trip_type"), hotel.slots.get("check_in"), hotel.slots.get("check_out")
    return bool((trip and trip.canonical == "round_trip") or (start and end and start.span == end.span))


def lend(giver: Draft, taker: Draft, slots: dict[str, str]) -> None:
    """Copy slots under the other goal's names, where it has none of its own."""
    for mine, theirs in slots.items():
        if mine in giver.slots and theirs not in taker.slots:
            taker.slots[theirs] = replace(giver.slots[mine], slot=theirs)


def end_stay(hotel: Draft) -> None:
    """Check-out is check-in plus the nights, when that is not said."""
    start, nights = hotel.slots.get("check_in"), hotel.slots.get("nights")
    if start and nights and "check_out" not in hotel.slots and isinstance(start.canonical, str):
        end = date.fromisoformat(start.canonical) + timedelta(days=nights.canonical["count"])
        hotel.slots["check_out"] = Slot("check_out", nights.value, end.isoformat(), nights.span)
