"""Slots that are names or words of the person's own: things, restaurants, who gets money, addresses, reasons, numbers of orders."""

from __future__ import annotations

from tuntas.language.lexicon import Lattice
from tuntas.language.nouns import Span, phrase, phrase_before, phrases_after
from tuntas.language.scan import Found
from tuntas.language.sentence import Draft, Sentence, ends_before, tokens_of

MAX_NAME, MAX_HAN_NAME = 3, 8
ENDS = (
    "recipient_stop",
    "recipient_cue",
    "connector",
    "bank",
    "account_cue",
    "method",
    "currency",
    "bill_kind",
    "topic",
    "payment_verb",
    "method_cue",
)
NOT_FIRST = ("pronoun", "recipient_name_cue", "verb", "imperative", "doing")


def fill_texts(sentence: Sentence) -> None:
    """Fill the slots of every goal that no table of words knows."""
    for draft in sentence.drafts:
        for slot, fill in FILLERS:
            if slot in draft.spec.slots and slot not in draft.slots:
                fill(sentence, draft)


def fill_addresses(sentence: Sentence) -> None:
    """Accounts and addresses, whose words are no values of their own."""
    for draft in sentence.drafts:
        for slot, fill in (("account", fill_account), ("address", fill_address)):
            if slot in draft.spec.slots:
                fill(sentence, draft)


def fill_names(sentence: Sentence) -> None:
    """Sizes and restaurants, whose words are no quantities and no towns."""
    for draft in sentence.drafts:
        if draft.spec.topic == "bill":
            fill_item(sentence, draft)
        if "size" in draft.spec.slots:
            fill_size(sentence, draft)
        if "restaurant" in draft.spec.slots and draft.act != "search":
            fill_restaurant(sentence, draft)


def fill_codes(sentence: Sentence) -> None:
    """Numbers of orders, bookings and flights."""
    for kind, codes in (("order_id", sentence.codes), ("flight_number", sentence.flights)):
        for i, j in codes.items():
            able = [d for d in sentence.drafts if kind in d.spec.slots]
            draft = next((d for d in able if d.has(i)), able[-1] if able else None)
            if draft is not None:
                sentence.fill(draft, kind, sentence.s.slice(i, j).lstrip("# "), i, j)


def fill_account(sentence: Sentence, draft: Draft) -> None:
    """The account number, with the bank if one is named right before it."""
    for found in sentence.of_kind("account"):
        if draft.has(found.i):
            cue = ends_before(sentence.s, found.i, "account_cue")
            bank = ends_before(sentence.s, found.i, "bank") or (cue and ends_before(sentence.s, cue.i, "bank"))
            sentence.fill(draft, "account", {"number": found.value, "bank": bank and bank.value}, found.i, found.j)


def is_han_digit(sentence: Sentence, found: Found) -> bool:
    """Whether a number is a single Chinese digit: more often a part of a name (张三) than an amount."""
    return found.kind == "number" and found.j - found.i == 1 and sentence.s.tokens[found.i].is_han


def fill_recipient(sentence: Sentence, draft: Draft) -> None:
    """The name after *atas nama*, else after *to*, *ke*, 给, else right after the verb."""
    s = sentence.s
    tokens = range(draft.start, draft.end)
    cues = ("recipient_name_cue", "debtor_cue" if draft.spec.topic == "request" else "recipient_cue")
    starts = [end for name in cues for i in tokens for _, end in s.by(i, name)]
    verbs = [m.j for m in sentence.marks if m.category in {"topic", "topic_weak", "payment_verb"} and draft.has(m.i)]
    named = [j for j in verbs if j < draft.end and s.text[s.tokens[j].start].isupper()]
    for start in [*(starts if draft.spec.topic == "request" else [*named, *starts]), *verbs]:
        i = start + 1 if s.by(start, "possessive") and start + 1 < len(s.tokens) and s.tokens[start].norm != "我" else start
        j = name_end(sentence, i)
        if j > i and s.slice(i, j) != "我":
            sentence.fill(draft, "recipient", {"name": s.slice(i, j)}, i, j)
            return


def name_end(sentence: Sentence, i: int) -> int:
    """Where the name that begins at token `i` ends; `i` if none does."""
    s, values = sentence.s, tokens_of(v for v in sentence.values if not is_han_digit(sentence, v))
    if i >= len(s.tokens) or i in sentence.used or any(s.by(i, category) for category in NOT_FIRST):
        return i
    if s.by(i, "stop") and not s.tokens[i].is_han:
        return i
    longest = MAX_HAN_NAME if s.tokens[i].is_han else MAX_NAME
    j = i
    while j < len(s.tokens) and j - i < longest and j not in values and s.tokens[j].is_word and s.tokens[j].is_han == s.tokens[i].is_han:
        if any(s.by(j, category) for category in ENDS):
            break
        j += 1
    return j


def fill_item(sentence: Sentence, draft: Draft) -> None:
    """The kind of a bill; else the thing itself."""
    if draft.spec.topic == "bill":
        start = draft.at if sentence.s.by(draft.at, "bill_kind") else draft.start
        kinds = [(kind, i, j) for i in range(start, draft.end) for kind, j in sentence.s.by(i, "bill_kind")[:1] if i not in sentence.used]
        for kind, i, j in kinds[:1]:
            sentence.fill(draft, "item", {"kind": kind}, i, j)
        return
    if draft.spec.topic not in WARES:
        return
    if draft.spec.topic == "restaurant" and "cuisine" in draft.slots:
        return
    span = draft.thing or named_thing(sentence, draft)
    span = uncounted(sentence, draft, span) if span else None
    if span is not None:
        before = set(sentence.used)
        sentence.fill(draft, "item", {"name": sentence.s.slice(*span)}, *span)
        sentence.used = before | set(range(*span))


def uncounted(sentence: Sentence, draft: Draft, span: Span) -> Span:
    """A thing without how many of it behind its name: *roti tawar 2*."""
    count = draft.slots.get("quantity")
    i, j = span
    if count is not None and j - i > 1 and sentence.s.span(j - 1, j) == count.span:
        return i, j - 1
    return span


def named_thing(sentence: Sentence, draft: Draft) -> Span | None:
    """The thing an order is about: a known kind of thing, with the words before it that belong to it."""
    if draft.spec.topic not in {"order", "food", "shop"} and draft.act not in {"return", "exchange"}:
        return None
    known = [m for m in sentence.marks if m.category in {"goods", "meal"} and draft.has(m.i) and m.i not in sentence.used]
    if known:
        whole = phrase_before(sentence, known[0].j, draft.start, STOPS)
        return whole or (known[0].i, known[0].j)
    behind = (m.j for m in sentence.marks if m.category in {"doing", "topic"} and draft.has(m.i))
    return next((span for j in behind if (span := phrase(sentence, j, draft.end)) and is_thing(sentence, span)), None)


WARES = frozenset({"shop", "food", "restaurant", "order"})
STOPS = ("verb", "doing", "imperative", "buy_verb", "look_verb", "possessive", "recipient_cue")


def is_thing(sentence: Sentence, span: Span) -> bool:
    """Whether words may name a thing: not read yet, and more than words that hold a sentence together."""
    s = sentence.s
    if any(k in sentence.used for k in range(*span)):
        return False
    return not all(
        any(s.by(k, c) for c in ("stop", "order_cue", "connector", "topic", "doing", "task_noun", "reason", "pronoun"))
        for k in range(*span)
    )


def fill_restaurant(sentence: Sentence, draft: Draft) -> None:
    """The name behind *at*, *from*, *di*, 在, that is no known town."""
    for span in phrases_after(sentence, (draft.start, draft.end), "restaurant_cue"):
        if is_proper(sentence, span):
            sentence.fill(draft, "restaurant", {"name": sentence.s.slice(*span)}, *span)
            return


def is_proper(sentence: Sentence, span: Span) -> bool:
    """Whether a name is a restaurant's: no place that is known, no home, no part of the day, not read yet."""
    s = sentence.s
    if any(k in sentence.used for k in range(*span)) or s.by(span[0], "home"):
        return False
    if s.by(span[0], "hotel_brand"):
        return False
    if any(p.i == span[0] and p.j == span[1] for p in sentence.places) or any(s.by(k, "station_word") for k in range(*span)):
        return False
    return not any(s.longest(span[0], c) >= span[1] for c in ("stop", "part", "feature", "person", "cuisine", "meal", "poi", "topic_weak"))


def fill_address(sentence: Sentence, draft: Draft) -> None:
    """The address in its own part of the sentence; *ke rumah*, *to the office* is one too for what is eaten or bought."""
    s = sentence.s
    homes = [
        (i, j)
        for k in range(draft.start, draft.end)
        if s.tokens[k].norm in {"to", "ke", "到"}
        for i in [k + 1]
        for _, j in s.by(i, "home")[:1]
    ]
    for i, j in [*sentence.addresses, *(homes if draft.spec.topic in {"food", "shop"} else [])]:
        if draft.has(i):
            sentence.fill(draft, "address", {"name": s.slice(i, j)}, i, j)


def fill_reason(sentence: Sentence, draft: Draft) -> None:
    """What stands behind *because*, or the clause that names a known reason."""
    s = sentence.s
    for i in range(draft.start, draft.end):
        j = s.longest(i, "reason_cue")
        if j > i and j < draft.end:
            fill_reason_span(sentence, draft, j, clause_end(sentence, j, draft.end))
            return
    for i in range(draft.start, draft.end):
        j = s.longest(i, "reason")
        if j > i:
            fill_reason_span(sentence, draft, i, j)
            return


def fill_reason_span(sentence: Sentence, draft: Draft, i: int, j: int) -> None:
    """Give a goal its reason, in the person's own words."""
    while j > i and not (sentence.s.tokens[j - 1].is_word or sentence.s.tokens[j - 1].is_digits):
        j -= 1
    if j > i:
        sentence.fill(draft, "reason", sentence.s.slice(i, j), i, j)


def clause_end(sentence: Sentence, i: int, until: int) -> int:
    """Where the clause that a token is in ends."""
    return next((k for k in range(i, until) if sentence.s.tokens[k].norm in ",.;!?，。；！？"), until)


def fill_place(sentence: Sentence, draft: Draft) -> None:
    """What is looked for on the map: a known kind of place, else the name behind the verb."""
    s = sentence.s
    known = [m for m in sentence.marks if m.category in {"poi", "meal", "goods"} and draft.has(m.i) and m.i not in sentence.used]
    if known:
        whole = phrase_before(sentence, known[0].j, draft.start, (*STOPS, "place_verb", "location_np"))
        span = whole or (known[0].i, known[0].j)
        sentence.fill(draft, "place", {"name": s.slice(*span)}, *span)
        return
    for span in phrases_after(sentence, (draft.start, draft.end), "place_verb"):
        if not any(k in sentence.used for k in range(*span)):
            sentence.fill(draft, "place", {"name": s.slice(*span)}, *span)
            return
    ends = [m.i for m in sentence.marks if m.category == "topic" and draft.has(m.i)]
    if ends and (found := phrase_before(sentence, ends[0], draft.start, ("place_verb", *STOPS))):
        sentence.fill(draft, "place", {"name": s.slice(*found)}, *found)


def fill_road(sentence: Sentence, draft: Draft) -> None:
    """The road or quarter whose traffic is asked after: the name behind the word or before it."""
    if draft.spec.topic != "traffic" or {"destination", "location"} & draft.slots.keys():
        return
    found = next(phrases_after(sentence, (draft.start, draft.end), "topic", "road_cue"), None)
    found = phrase_before(sentence, draft.at, draft.start, (*STOPS, "place_verb", "stop")) or found
    if found is not None and is_thing(sentence, found):
        name = {"kind": "name", "code": None, "name": sentence.s.slice(*found), "country": None, "lat": None, "lon": None}
        sentence.fill(draft, "location", name, *found)


def fill_size(sentence: Sentence, draft: Draft) -> None:
    """A size: behind *size*, *ukuran*, before 码, or a word like *large*."""
    s = sentence.s
    other = sentence.held | {k for i, j in sentence.codes.items() for k in range(i, j)} | tokens_of(sentence.of_kind("date"))
    free = [i for i in range(draft.start, draft.end) if i not in other]
    found = next((at for i in free if (at := size_at(s, i, draft.end))), None)
    found = found or next((at for i in free if (at := size_word_at(s, i))), None)
    if found is not None:
        sentence.fill(draft, "size", s.slice(*found), *found)


def size_at(s: Lattice, i: int, until: int) -> Span | None:
    """A size that begins at a token, by the word before or behind it."""
    j = s.longest(i, "size_cue")
    if i < j < until and (end := size_end(s, j, until)) > j:
        return j, end
    if s.tokens[i].is_digits and i + 1 < until and (j := s.longest(i + 1, "size_after")) > i + 1:
        return i, j
    return None


def size_word_at(s: Lattice, i: int) -> Span | None:
    """A size in words; a single letter only in capitals."""
    j = s.longest(i, "size_word")
    is_letter = j - i == 1 and len(s.tokens[i].norm) == 1 and not s.tokens[i].is_han
    return (i, j) if j > i and (not is_letter or s.text[s.tokens[i].start].isupper()) else None


def size_end(s: Lattice, j: int, until: int) -> int:
    """Where a size ends: a number with its fraction, or one word."""
    if s.tokens[j].is_digits:
        while (
            j + 2 < until and s.tokens[j + 1].norm in ".," and s.is_adjacent(j + 1) and s.is_adjacent(j + 2) and s.tokens[j + 2].is_digits
        ):
            j += 2
        return j + 1
    return max(s.longest(j, "size_word"), j + 1 if len(s.tokens[j].norm) <= 3 and not s.by(j, "np_stop") else j)  # noqa: PLR2004


def fill_brand(sentence: Sentence, draft: Draft) -> None:
    """A known maker, or the name behind *merk*, *brand*, 牌子."""
    s = sentence.s
    for i in range(draft.start, draft.end):
        cue = s.longest(i, "brand_cue")
        j = cue + 1 if i < cue < draft.end else s.longest(i, "brand")
        if j > i:
            start = cue if cue > i and j == cue + 1 else i
            draft_used = set(sentence.used)
            sentence.fill(draft, "brand", {"name": s.slice(start, j)}, start, j)
            sentence.used = draft_used | set(range(i, j))
            return


FILLERS = (
    ("recipient", fill_recipient),
    ("brand", fill_brand),
    ("place", fill_place),
    ("location", fill_road),
    ("reason", fill_reason),
    ("item", fill_item),
)
