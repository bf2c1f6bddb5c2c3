"""Things to buy and to eat: what follows *buy*, *pesan*, 买, or what is counted."""

from __future__ import annotations

from tuntas.language.goals import specs
from tuntas.language.nouns import Span, phrase
from tuntas.language.sentence import Draft, Sentence

STRENGTH = {"buy": ("shop", True), "order": ("shop", True), "want": ("shop", False)}
SHOPS_ARE_NAMED = frozenset(
    {"flight", "hotel", "train", "bus", "car", "ride", "transfer", "bill", "balance", "request", "route", "distance", "traffic"}
)
EATS_WHAT_IS_ORDERED = frozenset({"id", "zh"})
SKIPPED = frozenset({"quantity", "number", "people", "money", "date", "time", "day_part"})
FOOD = ("meal", "cuisine", "eatery")
OWNED = frozenset(
    {"the", "my", "this", "that", "our", "an", "last", "of", "on", "your", "grabfood", "gofood", "food", "previous", "recent"}
)
GOODS = ("goods", "brand", "colour")


def object_of(sentence: Sentence, i: int, until: int) -> Span | None:
    """The name of a thing from a token on, behind how many of it are wanted."""
    j = i
    while j < until:
        counted = next((v for v in sentence.values if v.i == j and v.kind in SKIPPED), None)
        if counted is None:
            step = (
                j + 1
                if sentence.s.tokens[j].norm == "的"
                else max(sentence.s.longest(j, c) for c in ("determiner", "buy_verb", "look_verb"))
            )
            if step == j:
                break
            j = step
        else:
            j = counted.j
    found = phrase(sentence, j, until)
    return whole_name(sentence, found, until) if found and sentence.s.tokens[found[0]].is_han else found


def whole_name(sentence: Sentence, span: Span, until: int) -> Span:
    """A Chinese name with what 的 joins to it: 小米的扫地机器人."""
    i, j = span
    while j + 1 < until and sentence.s.tokens[j].norm == "的" and (more := phrase(sentence, j + 1, until)) and more[0] == j + 1:
        j = more[1]
    return i, j


def kind_of(sentence: Sentence, span: Span) -> str | None:
    """`food` or `shop` by the words in a name; the last word decides, in Indonesian the first."""
    found = [
        (end, end - k, kind)
        for k in range(*span)
        for kind, categories in (("food", FOOD), ("shop", GOODS))
        for category in categories
        for _, end in sentence.s.by(k, category)[:1]
        if end <= span[1]
    ]
    if not found:
        return None
    if sentence.s.lang == "id":
        return min(found, key=lambda row: (row[0] - row[1], -row[1]))[2]
    return max(found)[2]


def is_counted_as_food(sentence: Sentence, i: int, j: int) -> bool:
    """Whether portions, cups or bowls are counted between two tokens."""
    return any(
        i <= v.i < j and v.value.unit in {"portion", "cup", "bowl", "glass", "skewer", "串", "笼", "盘"}
        for v in sentence.of_kind("quantity")
    )


def has_price(sentence: Sentence, span: Span) -> bool:
    """Whether a price or a count stands in a clause."""
    return any(span[0] <= v.i < span[1] for v in sentence.of_kind("money", "quantity"))


def bought(sentence: Sentence, span: Span) -> Draft | None:
    """The first verb of buying with a thing after it."""
    heads = sentence.s.heads()
    for i in (k for k in range(*span) if k in heads):
        for value, j in sentence.s.by(i, "buy_verb")[:1]:
            if j < sentence.s.reach(i) or is_noun(sentence, i) or is_past(sentence, j):
                continue
            found = object_of(sentence, j, span[1])
            draft = found and verdict(sentence, str(value), (i, j), found, span)
            if draft:
                return draft
    return None


def is_past(sentence: Sentence, j: int) -> bool:
    """Whether a Chinese verb only tells which thing: 昨天买的洗衣液."""
    after = "".join(token.norm for token in sentence.s.tokens[j : j + 2])
    return after.startswith("的") or after in {"大了", "小了", "错了", "贵了", "多了"}


def is_noun(sentence: Sentence, i: int) -> bool:
    """Whether a word is no verb here: *the order*, *my order*."""
    before = sentence.s.tokens[i - 1].norm if i else ""
    return before in OWNED and sentence.s.tokens[i].norm in {"order", "need", "want"}


def verdict(sentence: Sentence, strength: str, verb: Span, thing: Span, span: Span) -> Draft | None:
    """A goal of buying or eating, by the thing, else by the verb and the language; None where a mere wish has no known thing."""
    topic, is_strong = STRENGTH[strength]
    kind = kind_of(sentence, thing) or ("food" if is_counted_as_food(sentence, verb[1], span[1]) else None)
    if kind is None and not is_strong and not any(v.kind == "quantity" and v.i >= verb[1] for v in sentence.values if v.i < span[1]):
        return None
    if kind is None and strength == "order" and sentence.s.lang in EATS_WHAT_IS_ORDERED:
        kind = "food"
    return Draft(specs()[kind or topic], verb[0], verb[1], *span, hint="book", is_weak=True, thing=thing)


def looked_for(sentence: Sentence, span: Span) -> Draft | None:
    """A known kind of thing that is looked for, or asked the price of."""
    heads = sentence.s.heads()
    for i in (k for k in range(*span) if k in heads):
        for _, j in sentence.s.by(i, "look_verb")[:1]:
            found = object_of(sentence, j, span[1])
            kind = found and kind_of(sentence, found)
            if found and kind:
                return Draft(specs()["shop" if kind == "shop" else "restaurant"], i, j, *span, hint="search", is_weak=True, thing=found)
    return None


def bare(sentence: Sentence, span: Span) -> Draft | None:
    """A thing that is only named: with how many, with a price, or all by itself at the start of a clause."""
    if any(m.category in {"question", "chat"} and span[0] <= m.i < span[1] for m in sentence.marks):
        return None
    found = object_of(sentence, span[0], span[1])
    kind = found and kind_of(sentence, found)
    counted = next((v for v in sentence.of_kind("quantity") if span[0] <= v.i < span[1]), None)
    if found and kind == "shop" and not counted and any(sentence.s.by(k, "look_verb") for k in range(found[1], span[1])):
        return Draft(specs()["shop"], found[0], found[1], *span, hint="search", is_weak=True, thing=found)
    if found and kind and (counted or has_price(sentence, span) or kind == "food"):
        if kind == "food" and not counted and eats_out(sentence, span):
            return Draft(specs()["restaurant"], found[0], found[1], *span, hint="search", is_weak=True, thing=found)
        hint = "book" if counted or kind == "food" else "search"
        return Draft(specs()[kind], found[0], found[1], *span, hint=hint, is_weak=True, thing=found)
    return None


def eats_out(sentence: Sentence, span: Span) -> bool:
    """Whether a clause asks where to eat: it says a place, or a word like *spot*, *terdekat*, 馆."""
    if sentence.addresses:
        return False
    s = sentence.s
    return any(p for p in sentence.places if span[0] <= p.i < span[1]) or any(
        s.by(k, c) for k in range(*span) for c in ("eat_out", "location_np")
    )


def listed(sentence: Sentence, first: Draft, span: Span) -> list[Draft]:
    """Further things that follow without a word between, each with how many of it: 一箱牛奶两包纸巾."""
    found: list[Draft] = []
    last = first
    while last.thing is not None and sentence.s.lang == "zh":
        end = last.thing[1]
        counted = next((v for v in sentence.of_kind("quantity") if v.i == end and v.j < span[1]), None)
        thing = object_of(sentence, counted.j, span[1]) if counted else None
        if counted is None or thing is None or thing[0] != counted.j:
            break
        last = Draft(first.spec, counted.i, counted.j, *span, hint=first.hint, is_weak=True, thing=thing)
        found.append(last)
    return found


def wares(sentence: Sentence, span: Span, taken: set[str]) -> list[Draft]:
    """What a clause wants to buy or to eat."""
    if taken & SHOPS_ARE_NAMED:
        return []
    looks = looked_for(sentence, span)
    buys = bought(sentence, span)
    if looks and (buys is None or looks.at < buys.at):
        return [looks]
    found = buys or (None if taken else bare(sentence, span))
    return [found, *listed(sentence, found, span)] if found else []
