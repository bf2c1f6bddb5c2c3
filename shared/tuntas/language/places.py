"""Finds places in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from tuntas.language.gazetteer import MAX_HAN_NAME, MAX_NAME_TOKENS, Place, by_code, guess, lookup
from tuntas.language.lexicon import Lattice

CODE_LENGTH = 3
MAX_GUESSES = 12  # a bound on the slow part, whatever the text's length
NAMES_ON = ("road_word", "meal")  # 中山路 is a road and 扬州炒饭 a dish
CUES = ("origin_cue", "destination_cue", "location_cue")


@dataclass(frozen=True)
class FoundPlace:
    """A place between two tokens; `guessed` if it was misspelt."""

    i: int
    j: int
    place: Place
    guessed: bool = False


def has_cue(s: Lattice, i: int) -> bool:
    """Whether a word like *to*, *dari* or 在 ends right before token `i`."""
    return any(end == i for k in range(max(0, i - 3), i) for cue in CUES for _, end in s.by(k, cue))


def is_capital(s: Lattice, i: int) -> bool:
    """Whether the original word begins with a capital."""
    return s.text[s.tokens[i].start].isupper()


def iata(s: Lattice, i: int) -> Place | None:
    """A code in capitals, unless the whole sentence is in capitals and it may be a word."""
    token = s.tokens[i]
    word = s.text[token.start : token.end]
    if len(word) != CODE_LENGTH or not word.isascii() or not word.isupper():
        return None
    kinds = s.matches[i].keys() & {"order_cue", "currency", "car_kind", "ride_kind", "size_word", "method", "poi"}
    return None if kinds or (s.text.isupper() and s.matches[i]) else by_code(word)


def small_code(s: Lattice, i: int) -> Place | None:
    """A code in small letters, where a place is expected and no word is meant."""
    token = s.tokens[i]
    if len(token.norm) != CODE_LENGTH or not token.norm.isascii() or not token.norm.isalpha() or s.matches[i] or not has_cue(s, i):
        return None
    place = by_code(token.norm.upper())
    return place if place and ("International" in place.name) else None


def is_in_name(s: Lattice, i: int) -> bool:
    """Whether the word before has a capital too and means nothing else: *Kopi Kenangan* is no place."""
    before = s.tokens[i - 1]
    return i > 1 and before.is_word and not before.is_han and is_capital(s, i - 1) and not has_cue(s, i) and has_name_cue(s, i - 1)


def has_name_cue(s: Lattice, i: int) -> bool:
    """Whether a name begins at token `i`, behind a word of its own sentence."""
    return lookup(s.tokens[i].norm) is None


def is_meant(s: Lattice, i: int, j: int) -> bool:
    """Whether a name that may be something else is a place: by a preposition or a capital; for ordinary words by both."""
    is_word = j - i == 1 and bool(s.matches[i])
    capital = not s.tokens[i].is_han and is_capital(s, i) and i > 0 and not is_in_name(s, i)
    return (has_cue(s, i) and capital) if is_word else (has_cue(s, i) or capital)


def named(s: Lattice, i: int, guesses: list[int]) -> FoundPlace | None:
    """The longest name of a place at a token; of a little known one that is a slip of a well-known name (*Parys*) the latter."""
    is_han = s.tokens[i].is_han
    for length in range(min(MAX_HAN_NAME if is_han else MAX_NAME_TOKENS, len(s.tokens) - i), 0, -1):
        j = i + length
        place = lookup(("" if is_han else " ").join(t.norm for t in s.tokens[i:j]))
        if place and is_han and any(s.by(j, category) for category in NAMES_ON):
            continue
        if place and (place.is_known or is_meant(s, i, j)):
            slip = None if place.is_known or j - i > 1 or is_han or len(guesses) >= MAX_GUESSES else guess(s.tokens[i].norm)
            guesses.extend([i] * (not place.is_known))
            return FoundPlace(i, j, slip or place, guessed=slip is not None)
    return None


def read_place(s: Lattice, i: int, guesses: list[int]) -> FoundPlace | None:
    """A place at a token: by name, by code, or misspelt after a preposition."""
    token = s.tokens[i]
    if not token.is_word:
        return None
    code = iata(s, i)
    if code:
        return FoundPlace(i, i + 1, code)
    found = named(s, i, guesses)
    if found:
        return found
    if (code := small_code(s, i)) is not None:
        return FoundPlace(i, i + 1, code)
    if token.is_han or s.matches[i] or not (has_cue(s, i) or is_capital(s, i)) or len(guesses) >= MAX_GUESSES:
        return None
    guesses.append(i)
    place = guess(token.norm)
    return FoundPlace(i, i + 1, place, guessed=True) if place else None


def find_places(s: Lattice, taken: set[int]) -> list[FoundPlace]:
    """Every place that does not begin inside another value, in order."""
    found: list[FoundPlace] = []
    guesses: list[int] = []
    i = 0
    while i < len(s.tokens):
        place = None if i in taken else read_place(s, i, guesses)
        if place is None or not taken.isdisjoint(range(place.i, place.j)):
            i += 1
            continue
        found.append(place)
        i = place.j
    return found
