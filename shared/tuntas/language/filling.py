"""Gives every value of a sentence to the goal it belongs to: its own part's first, then the nearest other that may have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tuntas.language.amounts import Money, money_of
from tuntas.language.dates import Day, after
from tuntas.language.goals import table
from tuntas.language.roles import bare_roles, date_role, used_cue
from tuntas.language.scan import Found, date_json, money_json, people_json, plain, quantity_json, time_json
from tuntas.language.sentence import Draft, Sentence, ends_before, starts_at
from tuntas.language.spots import Spot, is_station, spots

DATES = (("depart_date", "return_date"), ("check_in", "check_out"), ("start_date", "end_date"), ("date", None))
TIMES = ("depart_time", "pickup_time", "time")
PEOPLE = ("passengers", "guests")
MANY = 1000  # so many pieces of a thing nobody orders in words
LEAST = 10  # a smaller bare number in a bill counts bills or months


def takers(sentence: Sentence, i: int, *slots: str) -> Iterator[Draft]:
    """The goals that may have one of some slots: the one whose part a token is in, those before it, those behind."""
    able = [d for d in sentence.drafts if any(slot in d.spec.slots for slot in slots)]
    return iter(sorted(able, key=lambda d: (not d.has(i), d.start > i, abs(d.start - i))))


def first_of(draft: Draft, names: tuple[str, ...]) -> str | None:
    """The first of some slots that a goal may have."""
    return next((name for name in names if name in draft.spec.slots), None)


def dates_of(draft: Draft) -> tuple[str, str | None] | None:
    """The slots of a goal's days: when it begins, and when it ends if it does; a booking that names no trip or stay has the one day."""
    if draft.spec.topic == "booking":
        return ("date", None)
    return next(((first, second) for first, second in DATES if first in draft.spec.slots), None)


def fill_dates(sentence: Sentence) -> None:
    """Departure and return, check-in and check-out, or the one day."""
    for found in sentence.of_kind("date"):
        role = date_role(sentence, found)
        names = (role,) if role else tuple(first for first, _ in DATES)
        draft = next((d for d in takers(sentence, found.i, *names) if d.has(found.i) or role), None)
        draft = draft or next(takers(sentence, found.i, *(first for first, _ in DATES)), None)
        if draft is not None:
            fill_date(sentence, draft, found, role)
    for draft in sentence.drafts:
        put_in_order(draft)


def fill_date(sentence: Sentence, draft: Draft, found: Found, role: str | None) -> None:
    """Put a date into a goal: a range of days fills both ends, a single day the first that is free."""
    pair = dates_of(draft)
    if pair is None:
        return
    first, second = pair
    day: Day = found.value
    if second and day.end and day.grain == "day" and role != second:
        sentence.fill(draft, first, day.start.isoformat(), found.i, found.j)
        sentence.fill(draft, second, day.end.isoformat(), found.i, found.j)
        return
    slot = role if role and role in {first, second} else first
    if second and slot == first and role is None and first in draft.slots and day.grain == "day":
        slot = second
    if slot and sentence.fill(draft, slot, date_json(day), found.i, found.j):
        draft.days[slot] = day


def put_in_order(draft: Draft) -> None:
    """An end before the start is a later one: *balik tanggal 25*, said of a trip in December."""
    for first, second in DATES:
        if second and {first, second} <= draft.days.keys():
            back = after(draft.days[second], draft.days[first].start)
            if not draft.days[second].end:
                draft.slots[second] = replace(draft.slots[second], canonical=back.isoformat())


def fill_times(sentence: Sentence) -> None:
    """The time of a goal; an exact one before a part of the day."""
    for found in sorted(sentence.of_kind("time"), key=lambda f: f.value.is_part):
        for draft in takers(sentence, found.i, *TIMES):
            name = first_of(draft, TIMES)
            if (
                name
                and (draft.has(found.i) or not found.value.is_part)
                and sentence.fill(draft, name, time_json(found.value), found.i, found.j)
            ):
                break


def fill_people(sentence: Sentence) -> None:
    """Who comes along; people said outright win over tickets counted."""
    for found in sorted(sentence.of_kind("people"), key=lambda f: f.value.is_weak):
        for draft in takers(sentence, found.i, *PEOPLE):
            name = first_of(draft, PEOPLE)
            if name and sentence.fill(draft, name, people_json(found.value), found.i, found.j):
                break
        sentence.used.update(range(found.i, found.j))


def fill_quantities(sentence: Sentence) -> None:
    """How many of a thing, or a size that is measured."""
    for found in sentence.of_kind("quantity"):
        draft = next((d for d in takers(sentence, found.i, "quantity") if d.has(found.i)), None)
        if draft is None or found.i in sentence.used:
            continue
        if found.value.unit in table()["sizes"]:
            sentence.fill(draft, "size", sentence.s.slice(found.i, found.j), found.i, found.j)
        else:
            sentence.fill(draft, "quantity", quantity_json(found.value), found.i, found.j)
    for found in sentence.of_kind("number", "people"):
        draft = next((d for d in takers(sentence, found.i, "quantity") if d.has(found.i)), None)
        if draft is not None and is_count(sentence, draft, found):
            count = plain(found.value.value) if found.kind == "number" else found.value.adults
            sentence.fill(draft, "quantity", {"count": count, "unit": None}, found.i, found.j)


def is_count(sentence: Sentence, draft: Draft, found: Found) -> bool:
    """Whether a bare number says how many: it stands before or behind the thing, and not in its name."""
    if found.kind == "people" or found.i in sentence.used:
        return False
    thing = draft.thing
    return (
        thing is not None and found.j <= len(sentence.s.tokens) and not thing[0] < found.i < thing[1] - 1 and 0 < found.value.value < MANY
    )


def fill_money(sentence: Sentence) -> None:
    """Amounts, budgets and prices. A budget that stands on its own at the end, or says it is the total, is shared by all."""
    for found in sentence.of_kind("money"):
        draft = next(takers(sentence, found.i, "amount", "budget", "price_range"), None)
        if draft is None:
            continue
        if "amount" in draft.spec.slots:
            sentence.fill(draft, "amount", money_json(found.value), found.i, found.j)
        elif found.value.bound != "min" or found.value.per:
            fill_budget(sentence, draft, found)
    for found in sentence.of_kind("number", "quantity"):
        draft = next((d for d in takers(sentence, found.i, "amount") if d.has(found.i)), None)
        if draft is not None and found.kind == "number" and is_amount(sentence, draft, found):
            sentence.fill(draft, "amount", money_json(money_of(sentence.s, found.value, None)), found.i, found.j)


def fill_budget(sentence: Sentence, draft: Draft, found: Found) -> None:
    """A budget, or the price of a night, of a person or between two bounds."""
    money: Money = found.value
    unit = money.per if money.per and money.per != "total" else None
    if (unit or money.until) and "price_range" in draft.spec.slots:
        sentence.fill(draft, "price_range", price_range(money, unit), found.i, found.j)
        return
    value = price_range(money, unit) if money.until or unit else money_json(money)
    goals = [d for d in sentence.drafts if "budget" in d.spec.slots]
    for goal in goals if is_shared(sentence, found, draft) else [draft]:
        sentence.fill(goal, "budget", value, found.i, found.j)


def price_range(money: Money, per: str | None) -> dict[str, Any]:
    """What one may cost at least and at most."""
    low = {"min": {"amount_minor": money.amount_minor, "currency": money.currency}} if money.until else {}
    return {**low, "max": money_json(money), **({"per": per} if per else {})}


def is_shared(sentence: Sentence, found: Found, draft: Draft) -> bool:
    """Whether an amount is for everything: it says so, or it is the last value and does not follow its own topic directly."""
    if found.value.per == "total" or starts_at(sentence.s, found.i, "total"):
        return True
    is_last = all(v.i <= found.i for v in sentence.values)
    is_apart = found.i > 0 and bool(sentence.s.by(found.i - 1, "connector"))
    return draft.thing is None and is_last and (is_apart or found.i > draft.until)


def is_amount(sentence: Sentence, draft: Draft, found: Found) -> bool:
    """Whether a bare number can be nothing but an amount; a single Chinese digit is more often part of a name (张三)."""
    is_han_digit = found.j - found.i == 1 and sentence.s.tokens[found.i].is_han
    return found.value.value > 0 and not is_han_digit and (bool(draft.spec.evidence) or found.value.value >= LEAST)


def fill_words(sentence: Sentence) -> None:
    """Slots that one word of the lexicon fills: cabin, airline, kind of trip, colour."""
    s = sentence.s
    heads = s.heads()
    for name, category in table()["words"].items():
        for i in (k for k in range(len(s.tokens)) if k in heads):
            for value, j in s.by(i, category)[:1]:
                if s.longest(i, "check_in_cue") > j or s.longest(i, "check_out_cue") > j:
                    continue
                draft = next(takers(sentence, i, name), None)
                if draft is not None and is_word_of(sentence, draft, name, i):
                    sentence.fill(draft, name, value, i, j)


def is_word_of(sentence: Sentence, draft: Draft, name: str, i: int) -> bool:
    """Whether a word may fill a slot: none that is read already, except within the name of the thing; a way to pay needs its verb."""
    if name == "cuisine" and draft.spec.topic == "food" and draft.thing is not None:
        return False
    if name == "payment_method":
        lead = ends_before(sentence.s, i, "possessive")
        start = lead.i if lead else i
        return i not in sentence.used and (not draft.has(i) or bool(ends_before(sentence.s, start, "method_cue")) or is_wallet(sentence, i))
    in_thing = draft.thing is not None and draft.thing[0] <= i < draft.thing[1]
    return (draft.has(i) or name in {"cabin_class", "airline", "trip_type"}) and (i not in sentence.used or in_thing)


def is_wallet(sentence: Sentence, i: int) -> bool:
    """Whether a way to pay is named that is nothing else."""
    return any(str(value) not in {"credit_card", "debit_card", "cash", "dana"} for value, _ in sentence.s.by(i, "method"))


def fill_spots(sentence: Sentence) -> None:
    """Origin, destination, station and location of every goal."""
    for draft in sentence.drafts:
        found = spots(sentence, draft)
        roles = [spot.role for spot in found]
        if "destination" in draft.spec.slots and "location" not in draft.spec.slots:
            roles = bare_roles(roles)
        for spot, role in sorted(zip(found, roles, strict=True), key=lambda pair: pair[1] not in {"origin", "destination"}):
            if place_spot(sentence, draft, spot, role):
                used_cue(sentence, spot.i)


def place_spot(sentence: Sentence, draft: Draft, spot: Spot, role: str | None) -> bool:
    """Put a place where its role says, or else where the goal takes place; an origin that the goal cannot have into another."""
    value = spot.as_json(sentence)
    for name in slot_names(sentence, draft, spot, role):
        if name in draft.spec.slots:
            if name == "location" and near(sentence, draft, spot):
                del draft.slots["location"]
            return sentence.fill(draft, name, value, spot.i, spot.j)
    if role in {"origin", "destination"}:
        other = next((d for d in takers(sentence, spot.i, role) if role not in d.slots), None)
        return bool(other and spot.place and sentence.fill(other, role, value, spot.i, spot.j))
    return False


def slot_names(sentence: Sentence, draft: Draft, spot: Spot, role: str | None) -> tuple[str, ...]:
    """The slots a place may fill, the best first."""
    if role in {"origin", "destination"} and role in draft.spec.slots:
        return (f"{role}_station", role) if f"{role}_station" in draft.spec.slots and is_station(sentence, spot) else (role,)
    if role == "origin":
        return ()
    return ("location", "destination")


def near(sentence: Sentence, draft: Draft, spot: Spot) -> bool:
    """Whether a place is nearer to the point than the one read before: *in Bali near Ubud*."""
    return "location" in draft.slots and bool(ends_before(sentence.s, spot.i, "near_cue"))
