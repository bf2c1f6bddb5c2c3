"""What is to be done with a thing: to look, to book, to buy, or to ask after, change, give back what is there already."""

from __future__ import annotations

from tuntas.language.mentions import ORDERED, is_owned
from tuntas.language.sentence import Draft, Sentence
from tuntas.language.wares import is_noun

CHANGED = ("cancel", "modify", "return", "exchange")


def act_of(sentence: Sentence, draft: Draft) -> str:
    """One of the acts that the draft's topic has."""
    labels = draft.spec.labels
    done = next((act for act in doings(sentence, draft) if act in labels and is_meant(sentence, draft, act)), None)
    if draft.hint in ORDERED and draft.hint in labels and not (draft.hint == "status" and done in CHANGED):
        return str(draft.hint)
    if done:
        return done
    if "status" in labels and draft.thing is None and has_number(sentence, draft) and not says_to_do(sentence):
        return "status"
    wish = wanted(sentence, draft)
    return wish if wish in labels else draft.spec.usual


def says_to_do(sentence: Sentence) -> bool:
    """Whether any word is a verb here."""
    return any(m.category == "verb" and not is_noun(sentence, m.i) for m in sentence.marks)


def has_number(sentence: Sentence, draft: Draft) -> bool:
    """Whether the number of an order or booking stands in its part of the sentence."""
    return any(draft.has(i) for i in sentence.codes)


def doings(sentence: Sentence, draft: Draft) -> list[str]:
    """What its own part of the sentence says is done, in order."""
    said = [str(m.value) for m in sentence.marks if m.category == "doing" and draft.has(m.i)]
    gives_back = sentence.s.lang == "zh"
    return ["cancel" if act == "return" and gives_back and act not in draft.spec.labels else act for act in said]


def is_meant(sentence: Sentence, draft: Draft, act: str) -> bool:
    """Whether a word of doing is about the thing: any change of it, but only a look at what is theirs."""
    if act in CHANGED:
        books = any(m.category == "verb" and m.value == "book" and draft.has(m.i) for m in sentence.marks)
        return draft.hint in {None, *ORDERED} or (draft.thing is None and not books)
    owned = is_owned(sentence, draft.at, draft.until) or any(draft.has(i) for i in sentence.codes)
    books = any(m.category == "verb" and m.value in {"book", "search"} and draft.has(m.i) for m in sentence.marks)
    return (owned and not books) or (draft.hint not in {"book", "search"} and bool(sentence.flights))


def wanted(sentence: Sentence, draft: Draft) -> str:
    """`search` or `book`: the last plain verb, its own part's first; else a question asks; else wanting or knowing enough orders."""
    verbs = [m for m in sentence.marks if m.category == "verb" and not is_noun(sentence, m.i)]
    verbs = [m for m in verbs if m.i < draft.end]
    own = [m for m in verbs if draft.has(m.i)]
    plain = [str(m.value) for m in own or verbs if m.value in {"book", "search"}]
    asks = any(m.value == "ask" for m in own) and not any(m.value == "book" for m in own)
    if draft.thing is not None:
        if "book" in plain and draft.spec.topic == "restaurant":
            return "book"
        return "search" if asks or (plain and plain[0] == "search") else str(draft.hint)
    if plain:
        return plain[-1]
    if draft.hint in {"search", "book"} and not (asks and draft.hint == "book"):
        return str(draft.hint)
    if asks:
        return "search"
    is_enough = bool(draft.spec.enough) and all(any(name in draft.slots for name in row.split("|")) for row in draft.spec.enough)
    return "book" if is_enough or any(m.value == "want" for m in own or verbs) else "search"
