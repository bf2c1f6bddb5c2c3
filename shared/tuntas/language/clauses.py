"""Cuts a sentence into clauses and joins those that go on with the thing of the one before: one draft for each thing asked for."""

from __future__ import annotations

from itertools import pairwise

from tuntas.language.goals import table
from tuntas.language.mentions import PAID, Range, mentions
from tuntas.language.sentence import Draft, Sentence, tokens_of
from tuntas.language.wares import object_of

WARES = frozenset({"shop", "food"})
ANEW = frozenset({"flight", "hotel", "train", "bus", "ride", "restaurant", "car", "transfer", "request", "bill", *WARES})
MAX_GOALS = 12  # a bound on the work; what more is asked for is reported as unread
CHANGED = frozenset({"cancel", "modify", "return", "exchange"})
ORDERS = frozenset({"order", "booking"})


def borders(sentence: Sentence) -> list[int]:
    """The tokens at which clauses begin: behind each joining word that stands in no value, place or number."""
    s = sentence.s
    held = (
        sentence.held
        | tokens_of(sentence.values)
        | tokens_of(sentence.places)
        | {k for i, j in sentence.codes.items() for k in range(i, j)}
    )
    ends = [s.longest(k, "connector") for k in range(len(s.tokens)) if k not in held and s.by(k, "connector")]
    return sorted({0, *(end for end in ends if end < len(s.tokens))})


def clauses(sentence: Sentence) -> list[Range]:
    """The clauses, in order."""
    starts = borders(sentence)
    return list(zip(starts, [*starts[1:], len(sentence.s.tokens)], strict=True))


def has(sentence: Sentence, span: Range, *kinds: str) -> bool:
    """Whether a value of some kind begins in a range."""
    return any(span[0] <= v.i < span[1] for v in sentence.of_kind(*kinds))


def has_place(sentence: Sentence, span: Range) -> bool:
    """Whether a place begins in a range."""
    return any(span[0] <= p.i < span[1] for p in sentence.places)


def is_anew(sentence: Sentence, before: Draft, draft: Draft) -> bool:
    """Whether a second mention of a topic is a second goal: it has again what makes one."""
    topic = draft.spec.topic
    if is_changed(sentence, before) != is_changed(sentence, draft) and is_told(sentence, draft):
        return True
    if before.hint != draft.hint and before.hint and draft.hint and {before.hint, draft.hint} != {"search", "book"}:
        return True
    mine, theirs = (draft.start, draft.end), (before.start, before.end)
    if topic in {"transfer", "request"}:
        return has(sentence, mine, "money", "number") and has(sentence, theirs, "money", "number")
    if topic == "bill":
        return bool(kinds(sentence, mine)) and bool(kinds(sentence, theirs)) and kinds(sentence, mine) != kinds(sentence, theirs)
    if topic in WARES:
        return draft.thing is not None and before.thing is not None
    return topic in ANEW and not draft.is_weak and has_place(sentence, mine) and has_place(sentence, theirs)


def is_changed(sentence: Sentence, draft: Draft) -> bool:
    """Whether its part of the sentence says that something is to be undone or changed."""
    return any(m.category == "doing" and m.value in CHANGED and draft.has(m.i) for m in sentence.marks)


def is_told(sentence: Sentence, draft: Draft) -> bool:
    """Whether its part of the sentence has a verb of its own."""
    marked = any(m.category in {"verb", "imperative", "payment_verb", "doing"} and draft.has(m.i) for m in sentence.marks)
    return marked or any(sentence.s.by(k, c) for k in range(draft.start, draft.end) for c in ("rent_verb", "buy_verb", "look_verb"))


def kinds(sentence: Sentence, span: Range) -> set[str]:
    """The kinds of bill named in a range."""
    return {str(value) for k in range(*span) for value, _ in sentence.s.by(k, "bill_kind")[:1]}


def absorbs(sentence: Sentence, before: Draft, draft: Draft) -> bool:
    """Whether a mention only says more about the goal before it."""
    old, new = before.spec.topic, draft.spec.topic
    if old == new:
        return not is_anew(sentence, before, draft)
    if {old, new} <= ORDERS | WARES and (new in ORDERS) and draft.hint in {None, before.hint}:
        return True
    if new in ORDERS and draft.hint is None:
        return is_changed(sentence, before) or not is_changed(sentence, draft)
    if says_more(sentence, old, draft):
        return True
    if is_told(sentence, draft) or new == "restaurant" or (new in PAID and has(sentence, (draft.start, draft.end), "money", "number")):
        return False
    return draft.is_weak and draft.thing is None and new in table()["wins"].get(old, ())


def says_more(sentence: Sentence, old: str, draft: Draft) -> bool:
    """Whether a mention is of a meal at the restaurant before it, or of where the car before it is brought."""
    new = draft.spec.topic
    if {old, new} == {"restaurant", "food"}:
        return (draft.thing is None and draft.hint is None) or (old == "restaurant" and not is_told(sentence, draft))
    if old == "ride" and new == "car" and not any(sentence.s.by(k, "rent_verb") for k in range(draft.start, draft.end)):
        return True
    return old == "car" and new == "ride" and not any(sentence.s.by(k, "destination_np") for k in range(draft.start, draft.end))


def is_absorbed(sentence: Sentence, before: Draft, draft: Draft) -> bool:
    """Whether the goal before was only a hint of this one."""
    is_paid = has(sentence, (before.start, before.end), "money", "number")
    if draft.spec.topic in ORDERS and draft.hint and before.is_weak and before.spec.topic in {*WARES, "restaurant"}:
        return draft.hint in {"return", "exchange", "cancel", "modify"}
    if before.spec.topic == "food" and before.thing is None and before.hint is None and draft.spec.topic in {"restaurant", "food", "shop"}:
        return True
    if before.spec.topic == "restaurant" or (before.spec.topic in PAID and is_paid):
        return False
    return before.is_weak and before.thing is None and before.spec.topic in table()["wins"].get(draft.spec.topic, ())


def join(sentence: Sentence, drafts: list[Draft], draft: Draft) -> None:
    """Add a mention, or let it be part of the goal before or take that over."""
    before = drafts[-1] if drafts else None
    if before and absorbs(sentence, before, draft):
        before.hint, before.end = before.hint or draft.hint, draft.end
        before.thing = before.thing or draft.thing
        before.is_weak &= draft.is_weak
    elif before and is_absorbed(sentence, before, draft):
        draft.start, draft.thing = before.start, draft.thing or before.thing
        drafts[-1] = draft
    else:
        drafts.append(draft)


def split(sentence: Sentence, found: list[Draft]) -> None:
    """Give the mentions of one clause a part of it each."""
    for before, after in pairwise(found):
        before.end = after.start = before.until if sentence.s.lang == "zh" and before.thing is None else after.at


def goes_on(sentence: Sentence, drafts: list[Draft], span: Range) -> Draft | None:
    """One more thing of a list: *eggs 1 kg* after *buy milk*."""
    if not drafts:
        return None
    if (again := repeats(sentence, drafts[-1], span)) is not None:
        return again
    if drafts[-1].spec.topic not in WARES or drafts[-1].hint != "book":
        return None
    thing = object_of(sentence, span[0], span[1])
    if thing is None or not has(sentence, span, "quantity", "number") or span[0] in sentence.held:
        return None
    return Draft(drafts[-1].spec, thing[0], thing[1], *span, hint="book", is_weak=True, thing=thing)


def repeats(sentence: Sentence, last: Draft, span: Range) -> Draft | None:
    """One more bill, or one more amount to somebody else."""
    if last.spec.topic == "bill" and kinds(sentence, span) and kinds(sentence, (last.start, last.end)):
        at = next(k for k in range(*span) if sentence.s.by(k, "bill_kind"))
        return Draft(last.spec, at, at + 1, *span, hint=last.hint, is_weak=True)
    amount = next((v for v in sentence.of_kind("money", "number") if span[0] <= v.i < span[1]), None)
    if last.spec.topic == "transfer" and amount and has(sentence, (last.start, last.end), "money", "number"):
        named = any(sentence.s.by(k, "recipient_cue") for k in range(*span))
        return Draft(last.spec, amount.i, amount.j, *span, hint=last.hint, is_weak=True) if named else None
    return None


def draft_goals(sentence: Sentence) -> list[Draft]:
    """Every goal of a sentence with the tokens that are its own."""
    drafts: list[Draft] = []
    for span in clauses(sentence):
        if len(drafts) >= MAX_GOALS:
            break
        found = mentions(sentence, span)
        split(sentence, found)
        more = goes_on(sentence, drafts, span) if not found else None
        for draft in [*found, *([more] if more else [])]:
            join(sentence, drafts, draft)
        if drafts:
            drafts[-1].end = span[1]
    if drafts:
        drafts[0].start = 0
    return drafts
