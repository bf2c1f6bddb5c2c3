"""Which things one clause names: by words of a topic, else by a verb with its object; and which of two names explains the other."""

from __future__ import annotations

from tuntas.language.goals import Spec, specs, table
from tuntas.language.marks import Mark
from tuntas.language.places import FoundPlace
from tuntas.language.roles import place_role
from tuntas.language.sentence import Draft, Sentence, ends_before, starts_at
from tuntas.language.wares import is_past, wares

Range = tuple[int, int]
OWNED = frozenset({"flight", "hotel", "train", "bus", "car"})
LANDMARKS = frozenset({"hotel", "train", "bus", "restaurant", "car", "ride", "flight", "place", "food"})
LEADS = ("origin_np", "destination_np", "location_np", "near_cue", "address_cue")
TRANSPORT = ("cabin", "airline", "trip")
RECORD = 6  # letters and digits of a booking's number
PAID = frozenset({"transfer", "request"})
ORDERED = frozenset({"cancel", "modify", "status", "return", "exchange"})


def inside(span: Range, mark: Mark) -> bool:
    """Whether a mark begins in a range of tokens."""
    return span[0] <= mark.i < span[1]


def marks_of(sentence: Sentence, span: Range, *categories: str) -> list[Mark]:
    """The marks of some categories in a range, in order."""
    return [m for m in sentence.marks if m.category in categories and inside(span, m)]


def is_negated(sentence: Sentence, mark: Mark) -> bool:
    """Whether *no*, *without*, *ga usah*, 不要 stands right before a topic."""
    return any(m.category == "negation" and 0 <= mark.i - m.j <= 1 for m in sentence.marks if m.i < mark.i)


def is_owned(sentence: Sentence, i: int, j: int) -> bool:
    """Whether what stands between two tokens is said to be theirs: *my flight*, *pesawat saya*, 我的航班."""
    return bool(ends_before(sentence.s, i, "possessive") or starts_at(sentence.s, j, "possessive_after"))


def is_already_theirs(sentence: Sentence, mark: Mark, topic: str) -> bool:
    """Whether a trip or stay is spoken of as one that exists, and nothing is to be done to it."""
    is_left_alone = not sentence.places and not sentence.has_mark("doing", "verb", "status")
    return topic in OWNED and is_left_alone and is_owned(sentence, mark.i, mark.j)


def has_evidence(sentence: Sentence, spec: Spec, span: Range) -> bool:
    """Whether something stands in the clause that makes a weak word mean its topic."""
    kinds = {v.kind for v in sentence.values if span[0] <= v.i < span[1]}
    kinds |= {"place"} if any(span[0] <= p.i < span[1] for p in sentence.places) else set()
    return not kinds.isdisjoint(spec.evidence)


def topic_of(mark: Mark) -> tuple[str, str | None]:
    """The topic of a mark, and what is to be done if it says that: `order:return`."""
    name, _, hint = str(mark.value).partition(":")
    return name, hint or None


def is_address(sentence: Sentence, mark: Mark, topic: str) -> bool:
    """Whether a word that asks for a place only leads to an address."""
    return topic in {"place", "transfer", "ride"} and any(mark.i < i and i - 2 <= mark.j for i, _ in sentence.addresses)


def first_at(sentence: Sentence, span: Range, category: str) -> int | None:
    """The first token of a range at which a word of a category begins."""
    heads = sentence.s.heads()
    return next((k for k in range(*span) if k in heads and sentence.s.by(k, category)), None)


def is_changed_here(sentence: Sentence, span: Range) -> bool:
    """Whether a clause undoes or changes something: then a weak word needs no more to be that."""
    return any(m.value in {"cancel", "modify"} for m in marks_of(sentence, span, "doing"))


def named(sentence: Sentence, span: Range) -> list[Draft]:
    """The first mention of each topic, a strong word before a weak one; any mention may say what is to be done."""
    found: dict[str, Draft] = {}
    for category in ("topic", "topic_weak"):
        for mark in marks_of(sentence, span, category):
            topic, hint = topic_of(mark)
            spec = specs()[topic]
            if (topic == "shop" and is_past(sentence, mark.j)) or is_negated(sentence, mark):
                continue
            if is_already_theirs(sentence, mark, topic) or is_address(sentence, mark, topic):
                continue
            if topic in found:
                found[topic].hint = found[topic].hint or hint
            elif (
                category == "topic"
                or is_changed_here(sentence, span)
                or has_evidence(sentence, spec, (0, len(sentence.s.tokens)) if topic in PAID else span)
            ):
                found[topic] = Draft(spec, mark.i, mark.j, *span, hint=hint, is_weak=category == "topic_weak")
    return list(found.values())


def implied(topic: str, mark: Mark, span: Range, hint: str | None = None) -> Draft:
    """A goal that no topic word names."""
    return Draft(specs()[topic], mark.i, mark.j, *span, hint=hint, is_weak=True)


def paying(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """*Pay* with a kind of bill is a bill; *pay* with an amount a transfer; a kind of bill with an amount a bill."""
    verb = next(iter(marks_of(sentence, span, "payment_verb")), None)
    kinds = [m for m in marks_of(sentence, span, "bill_kind") if not ends_before(sentence.s, m.i, "method_cue")]
    undo = next((m for m in marks_of(sentence, span, "doing") if m.value == "cancel"), None)
    if undo and has_money(sentence, span) and not taken & {"order", "hotel", "flight"}:
        return [implied("transfer", undo, span, "cancel")]
    lead = next((v for v in sentence.of_kind("money") if span[0] <= v.i < span[1] and starts_at(sentence.s, v.j, "recipient_cue")), None)
    looks = first_at(sentence, span, "look_verb") is not None and first_at(sentence, span, "payment_verb") is None
    if lead and not taken and not looks and not any(lead.j <= p.i <= lead.j + 1 for p in sentence.places):
        mark = Mark("money", None, lead.i, lead.j)
        return [Draft(specs()["transfer"], mark.i, mark.j, *span)]
    if kinds and "bill" not in taken and (verb or has_money(sentence, span)) and not taken & {"ride", "hotel", "flight"}:
        return [implied("bill", mark, span) for mark in {m.value: m for m in reversed(kinds)}.values()]
    if verb is None or taken & {"bill", "transfer", "shop", "food"} or buys(sentence, verb):
        return []
    return [implied("transfer", verb, span)] if has_money(sentence, span, "number") else []


def has_money(sentence: Sentence, span: Range, *more: str) -> bool:
    """Whether an amount stands in a range."""
    return any(span[0] <= v.i < span[1] for v in sentence.of_kind("money", *more))


def buys(sentence: Sentence, verb: Mark) -> bool:
    """Whether *beli* and the like, which also pay bills, buy a thing here."""
    return any(m.i == verb.i and m.category == "verb" for m in sentence.marks)


def handled(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """*Cancel*, *change* or *return* something with an order's number, or a thing, that no topic names."""
    acts = [m for m in marks_of(sentence, span, "doing") if m.value in ORDERED]
    if taken:
        return []
    if not acts:
        return asked_after(sentence, span)
    act = next((m for m in acts if m.value in {"return", "exchange"}), acts[0])
    if act.value in {"return", "exchange"}:
        return [implied("order", act, span, str(act.value))]
    if any(span[0] <= v.i < span[1] for v in sentence.of_kind("money")):
        return []
    goods = marks_of(sentence, span, "goods", "meal")
    if goods and act.value in {"cancel", "modify"}:
        return [implied("order", act, span, str(act.value))]
    return [
        implied(holder(sentence, k, j), act, span, str(act.value)) for k, j in list(sentence.codes.items())[:1] if span[0] <= k < span[1]
    ]


def asked_after(sentence: Sentence, span: Range) -> list[Draft]:
    """An order or booking that is only named by its number."""
    found = next(((i, j) for i, j in sentence.codes.items() if span[0] <= i < span[1]), None)
    if found is None or sentence.s.text[sentence.s.tokens[found[0]].start] == "#":
        return []
    return [implied(holder(sentence, *found), Mark("code", None, *found), span)]


def holder(sentence: Sentence, i: int, j: int) -> str:
    """Whether a number is an order's or a booking's: six letters and digits in one run are a booking's, as airlines write them."""
    s = sentence.s
    text = s.slice(i, j)
    is_record = (len(text) == RECORD and not text.isdecimal() and text.isalnum()) or text.startswith(("BK", "PNR"))
    said = {topic_of(m)[0] for m in sentence.marks if m.category == "topic"}
    return "booking" if "order" not in said and (is_record or "booking" in said) else "order"


def moving(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """A vehicle that is rented, or one that goes somewhere."""
    s = sentence.s
    if taken - {"shop", "food", "place", "ride", "train"} or first_at(sentence, span, "cabin") is not None:
        return []
    rents, car, ride = (first_at(sentence, span, category) for category in ("rent_verb", "car_kind", "ride_kind"))
    if rents is not None and (car is not None or ride is not None):
        return [implied("car", Mark("rent", None, rents, rents + 1), span)]
    is_way = any(s.by(k, c) for k in range(*span) for c in ("destination_np", "origin_np"))
    if ride is not None and is_way and "ride" not in taken and not marks_of(sentence, span, "poi"):
        return [implied("ride", Mark("ride", None, ride, ride + 1), span)]
    whole = (0, len(s.tokens))
    is_said = s.lang != "en" or has_place_and_day(sentence, whole)
    if car is not None and "ride" not in taken and is_said and has_evidence(sentence, specs()["car"], whole):
        return [implied("car", Mark("car", None, car, car + 1), span)]
    return []


def has_place_and_day(sentence: Sentence, span: Range) -> bool:
    """Whether a place and a day stand in a range."""
    return bool(sentence.places) and any(span[0] <= v.i < span[1] for v in sentence.of_kind("date"))


def staying(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """Nights or rooms with a place or a chain of hotels, or the chain alone with a day."""
    if taken - {"food", "shop", "place"}:
        return []
    s = sentence.s
    brand = next((k for k in range(*span) if s.by(k, "hotel_brand")), None)
    nights = any(span[0] <= v.i < span[1] and (v.kind == "rooms" or v.value.unit == "night") for v in sentence.of_kind("rooms", "duration"))
    if brand is not None and (nights or has_evidence(sentence, specs()["hotel"], span)):
        return [implied("hotel", Mark("brand", None, brand, brand), span)]
    place = next((p for p in sentence.places if span[0] <= p.i < span[1]), None)
    return [implied("hotel", Mark("night", None, place.i, place.i), span)] if nights and place else []


def flying(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """A flight's number, asked after."""
    number = next((i for i in sentence.flights if span[0] <= i < span[1]), None)
    if number is None or taken - {"order", "booking", "place"}:
        return []
    after = sentence.flights[number]
    is_train = len(sentence.s.tokens[number].norm) == 1 and sentence.s.lang == "zh"
    if is_train or (after < len(sentence.s.tokens) and sentence.s.tokens[after].norm == "次"):
        return [] if "train" in taken else [implied("train", Mark("number", None, number, number), span)]
    return [implied("flight", Mark("number", None, number, number), span, "status")]


def looking(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """A kind of place with where it is to be."""
    poi = next(iter(marks_of(sentence, span, "poi")), None)
    if taken or poi is None:
        return []
    where = any(first_at(sentence, span, c) is not None for c in ("location_np", "near_cue", "location_after", "place_verb"))
    return [implied("place", poi, span)] if where else []


def dining(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """A name with a time and a party is a table."""
    if taken - {"food", "shop", "place"} or sentence.addresses:
        return []
    kinds = {v.kind for v in sentence.values if span[0] <= v.i < span[1]}
    books = [m for m in marks_of(sentence, span, "verb") if m.value == "book"]
    everywhere = {v.kind for v in sentence.values} if sentence.s.lang == "zh" and any(m.j - m.i > 1 for m in books) else kinds
    if books and {"time", "people"} <= everywhere:
        return [implied("restaurant", books[0], span, "book")]
    meal = next((m for m in marks_of(sentence, span, "topic_weak") if m.value == "restaurant"), None)
    if taken or meal is None or "people" not in kinds or not kinds & {"time", "date"}:
        return []
    return [implied("restaurant", meal, span, "book")]


def journey(sentence: Sentence, span: Range, taken: set[str]) -> list[Draft]:
    """From one place to another, or a cabin or airline with a place, is a flight unless other transport is named."""
    places = [p for p in sentence.places if span[0] <= p.i < span[1]]
    if taken or not places:
        return []
    roles = [place_role(sentence, p) for p in places]
    pair = len(roles) > 1 and (
        ("origin" in roles and "destination" in roles) or roles[:2] == ["origin", None] or is_dashed(sentence, places)
    )
    words = any(sentence.s.by(i, category) for i in range(*span) for category in TRANSPORT)
    verbs = {m.value for m in marks_of(sentence, span, "verb")}
    is_wish = "destination" in roles and bool(verbs & {"want"})
    is_trip = roles == ["destination"] and has_day(sentence, span) and not sentence.has_mark("question", "chat", "unserved")
    if pair or words or is_wish or is_trip:
        mark = Mark("topic_weak", "flight", places[0].i, places[0].i)
        return [implied("flight", mark, span)]
    return []


def has_day(sentence: Sentence, span: Range) -> bool:
    """Whether a day stands in a clause, and who or what goes: a time, people or seats."""
    kinds = {v.kind for v in sentence.values if span[0] <= v.i < span[1]}
    return "date" in kinds and bool(kinds & {"time", "people"})


def is_dashed(sentence: Sentence, places: list[FoundPlace]) -> bool:
    """Whether the first two places stand side by side or have only a dash between them."""
    first, second = places[:2]
    between = sentence.s.tokens[first.j : second.i]
    return not between or all(t.norm in "-–—>→/" for t in between)


def loses(drafts: list[Draft], draft: Draft) -> bool:
    """Whether another mention in the clause explains this one; of two that explain each other the one that says what is done."""
    wins = table()["wins"]
    for other in drafts:
        if other is draft or draft.spec.topic not in wins.get(other.spec.topic, ()):
            continue
        if other.spec.topic not in wins.get(draft.spec.topic, ()) or (bool(other.hint), -other.at) > (bool(draft.hint), -draft.at):
            return True
    return False


def told_act(draft: Draft, found: list[Draft]) -> str | None:
    """What a booking or order in the same clause, which the topic explains, says is done: 餐厅位子订上了吗."""
    if draft.hint not in {None, "search"}:
        return None
    told = (d.hint for d in found if d.spec.topic in {"booking", "order"} and d is not draft and d.hint in ORDERED)
    return next((hint for hint in told if hint in draft.spec.labels), None)


def is_landmark(sentence: Sentence, draft: Draft, others: list[Draft]) -> bool:
    """Whether a topic only says where: *near the hotel*, *ke stasiun*, with another goal beside it."""
    if draft.spec.topic not in LANDMARKS or draft.hint == "book" or not any(d.at < draft.at for d in others):
        return False
    if sentence.s.lang == "zh":
        return bool(ends_before(sentence.s, draft.at, "origin_np", "destination_np", "address_cue"))
    lead = ends_before(sentence.s, draft.at, "determiner")
    return bool(ends_before(sentence.s, lead.i if lead else draft.at, *LEADS))


def is_swallowed(sentence: Sentence, draft: Draft, span: Range) -> bool:
    """Whether a task the platform does not know takes a mention as its object: *remind me to buy milk*."""
    for mark in marks_of(sentence, span, "unserved"):
        if mark.value == "thing" and not draft.is_weak and draft.spec.topic not in {"shop", "place", "order"}:
            continue
        if mark.i <= draft.at or mark.value == "thing" or draft.is_weak:
            return True
    return False


def mentions(sentence: Sentence, span: Range) -> list[Draft]:
    """What one clause asks for, in order."""
    found = named(sentence, span)
    taken = {d.spec.topic for d in found}
    found += paying(sentence, span, taken)
    found += handled(sentence, span, {d.spec.topic for d in found})
    if not any(d.spec.topic == "restaurant" and d.hint == "book" for d in found):
        found += wares(sentence, span, {d.spec.topic for d in found})
    for more in (flying, moving, staying, dining, looking, journey):
        found += more(sentence, span, {d.spec.topic for d in found})
    found = [d for d in found if not is_swallowed(sentence, d, span)]
    found = [d for d in found if not is_landmark(sentence, d, found)]
    kept = [d for d in found if not loses(found, d)]
    for draft in kept:
        draft.hint = told_act(draft, found) or draft.hint
    return sorted(kept, key=lambda d: d.at)
