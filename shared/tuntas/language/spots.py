"""Where a goal starts, ends or takes place: known places, and names behind words like *from*, *ke*, 在."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuntas.language.gazetteer import Place
from tuntas.language.nouns import Span, cued, phrase, phrase_before
from tuntas.language.places import FoundPlace
from tuntas.language.roles import place_role
from tuntas.language.sentence import Draft, Sentence

ROLES = {
    "origin": ("origin_np", "origin_cue"),
    "destination": ("destination_np", "destination_cue"),
    "location": ("location_np", "near_cue"),
}
SAID_ELSE = frozenset({"question", "topic", "topic_weak", "doing", "verb", "payment_verb"})
STAYS = frozenset({"hotel", "car", "restaurant", "food", "place"})
ENDS_BEFORE = {"origin": "origin_after", "destination": "destination_after", "location": "location_after"}
NO_NAME = ("verb", "doing", "imperative", "payment_verb", "topic", "buy_verb", "pronoun")


@dataclass(frozen=True)
class Spot:
    """A place between two tokens; `place` if it is a known one, `role` if words name it."""

    i: int
    j: int
    role: str | None
    place: Place | None

    def as_json(self, sentence: Sentence) -> dict[str, Any]:
        """The slot's canonical value; of a name that is not known, and of home and work, only the name."""
        if self.place is not None:
            return self.place.as_json()
        own = next((value for value, j in sentence.s.by(self.i, "home") if j == self.j), None)
        name = own or sentence.s.slice(self.i, self.j)
        return {"kind": "saved" if own else "name", "code": None, "name": name, "country": None, "lat": None, "lon": None}


def known(sentence: Sentence, found: FoundPlace) -> Spot:
    """A place of the gazetteer."""
    return Spot(found.i, found.j, place_role(sentence, found), found.place)


def spot_of(sentence: Sentence, span: Span, role: str) -> Spot:
    """A name as a place: the known one it is, else only a name."""
    i, j = span
    exact = next((p for p in sentence.places if p.i == i and p.j == j), None)
    first = exact or next((p for p in sentence.places if p.i == i and p.j < j and not p.guessed and not goes_on(sentence, p.j, j)), None)
    if first is None:
        airport = next((p for p in sentence.places if i <= p.i and p.j <= j and is_airport(sentence, i, p.i, p.j, j)), None)
        return Spot(i, j, role, airport.place if airport else None)
    return Spot(i, first.j, role, first.place)


def goes_on(sentence: Sentence, i: int, j: int) -> bool:
    """Whether a known place is only the beginning of a name: of a station, in Chinese, or with a capital behind it."""
    s = sentence.s
    return (
        s.tokens[i].is_han
        or bool(s.by(i, "station_word") or s.by(i, "road_word"))
        or s.text[s.tokens[i].start].isupper()
        or s.tokens[i].is_digits
        or j - i > 1
    )


def is_airport(sentence: Sentence, i: int, start: int, end: int, j: int) -> bool:
    """Whether a name is a place with nothing but *airport*, *bandara*, 机场 beside it."""
    rest = [*range(i, start), *range(end, j)]
    return bool(rest) and all(sentence.s.tokens[k].norm in {"airport", "bandara", "机", "场", "intl", "international"} for k in rest)


def is_name(sentence: Sentence, span: Span) -> bool:
    """Whether a name may be that of a place: it does not begin with a verb, and is no mere value."""
    s = sentence.s
    if any(s.longest(span[0], category) >= span[1] for category in ("stop", "part", "person", "feature", "ride_kind", "car_kind")):
        return False
    return not any(s.by(span[0], category) for category in NO_NAME) or any(p.i == span[0] for p in sentence.places)


def behind_cues(sentence: Sentence, draft: Draft) -> list[Spot]:
    """The names behind words of origin, destination and location."""
    roles = {"location": ROLES["location"]} if draft.spec.topic in STAYS else ROLES
    found: list[Spot] = []
    for role, categories in roles.items():
        for start in cued(sentence.s, (draft.start, draft.end), *categories):
            span = phrase(sentence, start, draft.end)
            if span and is_name(sentence, span):
                found.append(spot_of(sentence, span, role))
    return found


def before_cues(sentence: Sentence, draft: Draft) -> list[Spot]:
    """The names before words like 附近, 出发, 怎么走."""
    found: list[Spot] = []
    for role, category in ENDS_BEFORE.items():
        for j in range(draft.start, draft.end):
            if sentence.s.by(j, category) and (role == "location" or draft.spec.topic not in STAYS):
                span = phrase_before(sentence, j, draft.start, ("verb", "place_verb", "origin_np", "destination_np", "look_verb"))
                if span and is_name(sentence, span):
                    found.append(spot_of(sentence, span, role))
    return found


def is_said_else(sentence: Sentence, span: Span) -> bool:
    """Whether a name holds a word that asks (*how many miles to*), or is that of who comes along (*buat mama*)."""
    marked = any(m.i < span[1] and span[0] < m.j and m.category in SAID_ELSE for m in sentence.marks)
    return marked or any(end == span[0] for k in range(max(0, span[0] - 2), span[0]) for _, end in sentence.s.by(k, "people_cue"))


def left_of(sentence: Sentence, draft: Draft) -> list[Spot]:
    """The name before *to* or a dash, behind the word of the topic: *bus golden mile to Malacca*."""
    s = sentence.s
    for j in range(draft.start + 1, draft.end):
        if s.tokens[j].norm in {"to", "ke", "-", "–", "→", "到"} and not any(s.by(j + 1, c) for c in ("verb", "doing", "payment_verb")):
            since = draft.until if draft.until < j else draft.start
            span = phrase_before(sentence, j, since, ("verb", "topic", "doing", "imperative", "person"))
            if span and is_name(sentence, span) and not is_said_else(sentence, span):
                return [spot_of(sentence, span, "origin")]
    return []


def is_hotel(sentence: Sentence, draft: Draft, i: int) -> bool:
    """Whether a token begins the name of the hotel itself, which is no place to look for it in."""
    named = draft.name is not None and draft.name[0] <= i < draft.name[1]
    return named or bool(sentence.s.by(i, "hotel_brand") and draft.spec.topic in {"hotel", "booking"})


def spots(sentence: Sentence, draft: Draft) -> list[Spot]:
    """Every place in a goal's part of the sentence, the better of two that overlap, in order."""
    places = [known(sentence, p) for p in sentence.places if draft.has(p.i) and not is_hotel(sentence, draft, p.i)]
    if draft.spec.topic == "flight":
        return places
    names = [*before_cues(sentence, draft), *behind_cues(sentence, draft)]
    if "origin" in draft.spec.slots and not any(spot.role == "origin" for spot in names):
        names += left_of(sentence, draft)
    names = [spot for spot in names if not is_hotel(sentence, draft, spot.i)]
    kept: list[Spot] = []
    for spot in sorted([*names, *places], key=lambda p: (p.i - p.j, p.role is None)):
        if not any(spot.i < other.j and other.i < spot.j for other in kept):
            kept.append(spot)
    return sorted(kept, key=lambda p: p.i)


def is_station(sentence: Sentence, spot: Spot) -> bool:
    """Whether a name is a station's: it says so, or it is no town that is known."""
    s = sentence.s
    words = [(k, end) for k in range(spot.i, spot.j) for _, end in s.by(k, "station_word") if end - k < spot.j - spot.i]
    is_han = s.tokens[spot.i].is_han  # the 北 of 北京 says nothing, that of 长沙北 does
    return spot.place is None or any(end == spot.j or (k == spot.i and not is_han) for k, end in words)
