"""Which place is the origin and which the destination, which date is the departure and which the return: by the words around them."""

from __future__ import annotations

from tuntas.language.marks import Mark
from tuntas.language.places import FoundPlace
from tuntas.language.scan import Found
from tuntas.language.sentence import Sentence, ends_before, starts_at

PLACE_CUES = {"origin_cue": "origin", "destination_cue": "destination", "location_cue": "location", "near_cue": "location"}
DATE_CUES = {"return_cue": "return_date", "depart_cue": "depart_date", "check_in_cue": "check_in", "check_out_cue": "check_out"}
NEXT_PLACE = 5
CUE_GAP = 2


def follows(sentence: Sentence, place: FoundPlace) -> FoundPlace | None:
    """The next place, if it is near."""
    return next((p for p in sentence.places if 0 <= p.i - place.j <= NEXT_PLACE), None)


def place_role(sentence: Sentence, place: FoundPlace) -> str | None:
    """`origin`, `destination`, `location`, or None for a bare place."""
    s = sentence.s
    before = ends_before(s, place.i, *PLACE_CUES)
    role = PLACE_CUES[before.category] if before else None
    if starts_at(s, place.j, "near_after"):
        return "location"
    return "origin" if role in {None, "location"} and is_left_from(sentence, place) else role


def is_left_from(sentence: Sentence, place: FoundPlace) -> bool:
    """Whether what follows a place makes it the origin: 出发, or a way to the next place."""
    after = starts_at(sentence.s, place.j, "origin_cue_after", "destination_cue")
    if after is None:
        return False
    following = follows(sentence, place)
    return sentence.s.tokens[place.j].norm in {"出", "起"} or (following is not None and following.i - after.j <= 1)


def bare_roles(roles: list[str | None]) -> list[str | None]:
    """Give bare places of a flight what is left: two side by side are from and to, one alone is to."""
    named = list(roles)
    for k, role in enumerate(named):
        if role is not None:
            continue
        if "destination" in named or (k + 1 < len(named) and named[k + 1] is None and "origin" not in named):
            named[k] = "origin" if "origin" not in named else None
        else:
            named[k] = "destination"
    return named


def used_cue(sentence: Sentence, i: int) -> None:
    """Count the words before token `i` that gave it its role as read."""
    cue = ends_before(sentence.s, i, *PLACE_CUES, *DATE_CUES)
    if cue:
        sentence.used.update(range(cue.i, cue.j))


def is_free(sentence: Sentence, i: int, j: int) -> bool:
    """Whether no value or place stands between two tokens."""
    return not any(i <= v.i < j for v in sentence.values) and not any(i <= p.i < j for p in sentence.places)


def date_role(sentence: Sentence, date: Found) -> str | None:
    """The slot that the words around a date name, if they do; Chinese says it after the date first."""
    s = sentence.s
    after = next(
        (m for gap in range(CUE_GAP + 1) if (m := starts_at(s, date.j + gap, *DATE_CUES)) and no_break(sentence, date.j, m.i)), None
    )
    before = next(
        (m for gap in range(CUE_GAP + 1) if (m := ends_before(s, date.i - gap, *DATE_CUES)) and is_free(sentence, m.j, date.i)),
        None,
    )
    if s.lang == "zh":
        after = None if after and not is_way_back(sentence, after) else after
        found = after or before
    else:
        found = before or (after if after and after.i == date.j and not leads_on(sentence, after.j) else None)
    if found is None:
        return None
    sentence.used.update(range(found.i, found.j))
    return DATE_CUES[found.category]


def is_way_back(sentence: Sentence, cue: Mark) -> bool:
    """Whether a Chinese word stands for itself (not the 返 of 往返) and no place follows: 除夕回武汉 is no return."""
    return cue.i in sentence.s.heads() and not any(p.i == cue.j for p in sentence.places if cue.category == "return_cue")


def leads_on(sentence: Sentence, i: int) -> bool:
    """Whether a date or time comes soon after a word, which then belongs to that: *... coming back on Jan 3*."""
    return any(i <= v.i <= i + CUE_GAP for v in sentence.of_kind("date", "time"))


def no_break(sentence: Sentence, i: int, j: int) -> bool:
    """Whether only ordinary words stand between two tokens."""
    return all(sentence.s.tokens[k].is_word for k in range(i, j)) and is_free(sentence, i, j)
