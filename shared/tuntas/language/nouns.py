"""Names and things by their place in a sentence: what follows a word like *to*, *dari*, 买, up to the next word that ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tuntas.language.lexicon import Lattice
from tuntas.language.sentence import Sentence

Span = tuple[int, int]
MAX_WORDS = 8
MAX_HAN = 14
ATOMS = ("poi", "meal", "goods", "brand", "cuisine", "unserved", "home")
VALUES = frozenset({"date", "time", "money", "people", "duration", "day_part", "account", "rooms", "quantity"})
INNER = frozenset("-'’&·.")


def cued(s: Lattice, span: Span, *categories: str) -> Iterator[int]:
    """The places right after the phrases of some categories, the longest at each token, in order."""
    i, heads = span[0], s.heads()
    while i < span[1]:
        if i not in heads:
            i += 1
            continue
        end = max((s.longest(i, category) for category in categories), default=i)
        if end > i:
            yield end
        i = max(end, i + 1)


def value_tokens(sentence: Sentence) -> set[int]:
    """The tokens of values that no name goes over."""
    return {k for v in sentence.values if v.kind in VALUES for k in range(v.i, v.j)}


def atom(sentence: Sentence, i: int) -> int:
    """Where a thing's own name of two or more tokens, or a place's, that starts at a token ends; `i` if none does."""
    place = max((p.j for p in sentence.places if p.i == i), default=i)
    named = max((sentence.s.longest(i, category) for category in ATOMS), default=i)
    return max(place, named if named - i > 1 or not sentence.s.tokens[i].is_han else i)


def skipped(sentence: Sentence, i: int, until: int) -> int:
    """The place after articles, possessives and the like."""
    while i < until and atom(sentence, i) == i and (j := sentence.s.longest(i, "determiner")) > i:
        i = j
    return i


def is_end(sentence: Sentence, k: int, start: int, values: set[int]) -> bool:
    """Whether a token is no part of the name that began at `start`."""
    s = sentence.s
    token = s.tokens[k]
    if k > start and token.is_han and s.tokens[k - 1].is_han and not s.is_adjacent(k):
        return True
    if k in values or k in sentence.codes or k in sentence.held or s.by(k, "np_stop") or s.by(k, "method") or s.by(k, "currency"):
        return True
    if k > start and s.tokens[start].is_han and not token.is_han and s.by(k, "size_word"):
        return True
    if any(s.by(k, c) for c in ("size_cue", "colour_cue", "brand_cue")) or (
        k > start and token.is_han and k in s.heads() and is_verb(s, k)
    ):
        return True
    if token.is_word or token.is_digits:
        return False
    return k == start or token.norm not in INNER or not s.is_adjacent(k)


def is_verb(s: Lattice, k: int) -> bool:
    """Whether a Chinese word says what is done, and so ends a name."""
    return any(
        s.longest(k, c) >= s.reach(k)
        for c in ("verb", "topic", "topic_weak", "doing", "buy_verb", "return_cue", "destination_cue")
        if s.by(k, c)
    )


def phrase_end(sentence: Sentence, i: int, until: int, values: set[int]) -> int:
    """Where the name that begins at a token ends; `i` if none begins there."""
    s = sentence.s
    limit = min(until, i + (MAX_HAN if i < len(s.tokens) and s.tokens[i].is_han else MAX_WORDS))
    j = i
    while j < limit:
        whole = atom(sentence, j)
        if whole > j and j not in values:
            j = whole
        elif is_end(sentence, j, i, values):
            break
        else:
            j += 1
    while j > i and not (s.tokens[j - 1].is_word or s.tokens[j - 1].is_digits):
        j -= 1
    return j


def phrase(sentence: Sentence, i: int, until: int) -> Span | None:
    """The name at a token, without what only introduces it."""
    start = skipped(sentence, i, until)
    end = phrase_end(sentence, start, until, value_tokens(sentence))
    return (start, end) if end > start else None


def phrases_after(sentence: Sentence, span: Span, *categories: str) -> Iterator[Span]:
    """Every name that follows a phrase of some categories inside a span."""
    for i in cued(sentence.s, span, *categories):
        found = phrase(sentence, i, span[1])
        if found is not None:
            yield found


def phrase_before(sentence: Sentence, j: int, since: int, stops: Iterable[str] = ()) -> Span | None:
    """The name that ends right before a token: 人民广场 in 人民广场怎么走."""
    values, i = value_tokens(sentence), j
    is_barrier = tuple(stops)
    while i > since:
        whole = next((k for k in range(max(since, i - 6), i - 1) if atom(sentence, k) == i), i - 1)
        if whole == i - 1 and (is_end(sentence, whole, j, values) or any(sentence.s.by(whole, c) for c in is_barrier)):
            break
        i = whole
    start = skipped(sentence, i, j)
    return (start, j) if start < j else None
