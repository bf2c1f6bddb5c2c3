"""Reads a sentence: what is asked for, or what is said about an open task, or why it is neither."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tuntas.intent.parsing.goals import specs, table
from tuntas.intent.parsing.language import detect
from tuntas.intent.parsing.lexicon import build
from tuntas.intent.parsing.model import Goal, Reading, Slot, Value
from tuntas.intent.parsing.payments import fill_payments
from tuntas.intent.parsing.places import FoundPlace
from tuntas.intent.parsing.roles import DATE_CUES, PLACE_CUES, place_role, used_cue
from tuntas.intent.parsing.scan import Found, date_json, find, join_instants, money_json, people_json, time_json
from tuntas.intent.parsing.sentence import TRANSPORT, Draft, Sentence, analyse, cut, find_mentions, tokens_of
from tuntas.intent.parsing.tokens import tokenize
from tuntas.intent.parsing.travel import fill_travel

MAX_CHARS = 4_000  # what stands behind is reported as unread
SILENT = (
    "stop",
    "connector",
    "account_cue",
    "bank",
    "method_cue",
    "total",
    "about",
    "imperative",
    "recipient_name_cue",
    *PLACE_CUES,
    *DATE_CUES,
    "origin_cue_after",
    "near_after",
)
ANSWERS = {
    "date": ("date", date_json), "time": ("time", time_json), "money": ("amount", money_json), "people": ("passengers", people_json),
}  # fmt: skip


def local_time(now: datetime, tz: str) -> datetime:
    """The moment as the person's clocks show it; a naive one is taken to be that already."""
    return now.astimezone(ZoneInfo(tz)) if now.tzinfo else now.replace(tzinfo=ZoneInfo(tz))


def values(text: str, *, now: datetime, tz: str, lang: str | None = None) -> list[Value]:
    """Every typed value in a text, in order.

    `now` and `tz` (an IANA name) give relative dates their meaning. Raises `zoneinfo.ZoneInfoNotFoundError` for an unknown zone, and
    nothing for any text.
    """
    tokens = tokenize(text[:MAX_CHARS])
    s = build(text, tokens, now=local_time(now, tz), tz=tz, lang=lang or detect(tokens, tz))
    return join_instants(s, find(s))


def read(text: str, *, now: datetime, tz: str, lang: str | None = None) -> Reading:
    """What a person wants, from one sentence in English, Indonesian or Chinese, mixed and misspelt as it comes.

    `lang` overrides the detected language. Raises `zoneinfo.ZoneInfoNotFoundError` for an unknown zone, and nothing for any text.
    """
    tokens = tokenize(text[:MAX_CHARS])
    language = lang or detect(tokens, tz)
    sentence = analyse(text, tokens, now=local_time(now, tz), tz=tz, lang=language)
    reading = read_goals(sentence) or read_task(sentence) or read_rest(sentence)
    goals, reason = reading
    return Reading(language, goals, reason, unread(sentence))


def read_goals(sentence: Sentence) -> tuple[tuple[Goal, ...], None] | None:
    """The goals a sentence names; None if it names none, or only says yes or no to one."""
    sentence.drafts = [*find_mentions(sentence)]
    add_bill(sentence)
    add_flight(sentence)
    drop_unmeant(sentence)
    if not sentence.drafts:
        return None
    cut(sentence)
    fill_payments(sentence)
    fill_travel(sentence)
    drop_empty(sentence)
    goals = tuple(finish(sentence, draft) for draft in sentence.drafts)
    return (goals, None) if goals else None


def add_mention(sentence: Sentence, topic: str, i: int, j: int) -> None:
    """A goal that no topic word names."""
    sentence.drafts = sorted([*sentence.drafts, Draft(specs()[topic], i, j)], key=lambda d: d.at)


def add_bill(sentence: Sentence) -> None:
    """*Pay* with a kind of bill is a bill; *pay* with an amount a transfer."""
    verb = next((m for m in sentence.marks if m.category == "payment_verb"), None)
    if verb is None:
        return
    kind = next((m for m in sentence.marks if m.category == "bill_kind"), None)
    taken = {d.spec.topic for d in sentence.drafts}
    if "bill" not in taken and kind is not None:
        add_mention(sentence, "bill", kind.i, kind.j)
    elif not taken & {"bill", "transfer"} and sentence.of_kind("money", "number") and not sentence.has_mark("unserved"):
        if not any(m.i == verb.i and m.category == "verb" for m in sentence.marks):
            add_mention(sentence, "transfer", verb.i, verb.j)


def add_flight(sentence: Sentence) -> None:
    """From one place to another, or a cabin or airline with a place, is a flight unless other transport is named."""
    if sentence.draft("flight") or sentence.draft("transfer") or sentence.has_mark("unserved") or not sentence.places:
        return
    roles = [place_role(sentence, p) for p in sentence.places]
    pair = len(roles) > 1 and (("origin" in roles and "destination" in roles) or roles[:2] == ["origin", None])
    words = any(sentence.s.by(i, category) for i in range(len(sentence.s.tokens)) for category in TRANSPORT)
    is_wish = "destination" in roles and any(m.category == "verb" and m.value == "want" for m in sentence.marks)
    if pair or ((words or is_wish) and not sentence.draft("hotel")):
        first = sentence.places[0]
        add_mention(sentence, "flight", first.i, first.j)


def drop_unmeant(sentence: Sentence) -> None:
    """Leave out a weak topic that another one explains, and everything where only other transport or things are asked for."""
    topics = {d.spec.topic for d in sentence.drafts}
    if "bill" in topics and "transfer" in topics and sentence.has_mark("bill_kind") and not has_strong(sentence, "transfer"):
        sentence.drafts = [d for d in sentence.drafts if d.spec.topic != "transfer"]
    rivals = [m.i for m in sentence.marks if m.category == "unserved"]
    if rivals:
        sentence.drafts = [d for d in sentence.drafts if has_strong(sentence, d.spec.topic)]


def has_strong(sentence: Sentence, topic: str) -> bool:
    """Whether a topic is named by a word that means nothing else."""
    return any(m.category == "topic" and str(m.value).startswith(topic) for m in sentence.marks)


def drop_empty(sentence: Sentence) -> None:
    """A goal without any slot is no new goal where the sentence says yes, no or stop, or talks about something else."""
    if sentence.has_mark("approve", "decline", "cancel", "status", "unserved", "question", "chat"):
        sentence.drafts = [d for d in sentence.drafts if d.slots or d.spec.topic in {"balance", "bill"}]
    if sentence.has_mark("question", "chat") and not sentence.has_mark("verb"):
        sentence.drafts = [d for d in sentence.drafts if d.spec.topic == "balance" or len(d.slots) > 1]


def finish(sentence: Sentence, draft: Draft) -> Goal:
    """A draft as a goal: its label by the verbs, its confidence by what was plain."""
    wants = wanted(sentence, draft)
    label = draft.spec.search if draft.spec.search and wants == "search" else draft.spec.act
    return Goal(label, dict(draft.slots), confidence(sentence, draft))


def wanted(sentence: Sentence, draft: Draft) -> str:
    """`search` or `book`: the last plain verb, of its own segment first; else a question asks; else wanting or knowing enough is an order."""
    verbs = [m for m in sentence.marks if m.category == "verb"]
    own = [m for m in verbs if draft.has(m.i)] or verbs
    plain = [m.value for m in own if m.value in {"book", "search"}] or [m.value for m in verbs if m.value in {"book", "search"}]
    if plain:
        return str(plain[-1])
    if draft.is_plural or any(m.value == "ask" for m in own):
        return "search"
    is_enough = all(name in draft.slots for name in draft.spec.enough)
    return "book" if is_enough or any(m.value == "want" for m in own) else "search"


def confidence(sentence: Sentence, draft: Draft) -> float:
    """Less for words that were mended or guessed, for a topic only inferred, and for meaningful words left over."""
    sure = 0.95
    sure -= 0.0 if has_strong(sentence, draft.spec.topic) else 0.1
    sure -= 0.05 * min(2, sentence.mended + sum(p.guessed for p in sentence.places))
    sure -= 0.05 * min(4, len(unread(sentence)))
    sure -= 0.0 if draft.slots or not draft.spec.slots else 0.2
    return round(max(sure, 0.1), 2)


def read_task(sentence: Sentence) -> tuple[tuple[Goal, ...], None] | None:
    """Yes, no, stop or how far: what is said to an open task."""
    said = {m.category for m in sentence.marks}
    if (said & {"question", "unserved"} and "status" not in said) or ("topic" in said and "cancel" in said):
        return None
    left = unread(sentence)
    if sum(len(text.split()) for _, _, text in left) > 2:  # noqa: PLR2004
        return None
    for category, label in table()["tasks"].items():
        if category in said:
            return (Goal(label, {}, round(0.95 - 0.1 * len(left), 2)),), None
    return None


def read_rest(sentence: Sentence) -> tuple[tuple[Goal, ...], str | None]:
    """A bare answer, or the reason why nothing can be done."""
    if not sentence.has_mark("chat", "question", "unserved", "topic"):
        slots = answers(sentence)
        if slots and not unread(sentence):
            return (Goal("task.answer", slots, 0.8),), None
        sentence.used.clear()
    if sentence.has_mark("unserved"):
        return (), "unsupported"
    if sentence.has_mark("chat", "question"):
        return (), "not_a_task"
    asked = sentence.has_mark("imperative", "topic", "payment_verb") or any(
        m.category == "verb" and m.value != "ask" for m in sentence.marks
    )
    return (), "unsupported" if asked else "not_a_task"


def answers(sentence: Sentence) -> dict[str, Slot]:
    """The values of a bare answer under the names of what they are."""
    slots: dict[str, Slot] = {}
    for found in sentence.values:
        add_answer(sentence, slots, found)
    for place in sentence.places:
        add_place(sentence, slots, place)
    return slots


def add_answer(sentence: Sentence, slots: dict[str, Slot], found: Found) -> None:
    """One value of a bare answer."""
    name, as_json = ANSWERS.get(found.kind, ("", None))
    if found.kind in {"duration", "rooms"}:
        unit = "room" if found.kind == "rooms" else found.value.unit
        name, canonical = ("rooms" if unit == "room" else "nights"), {"count": found.value.count, "unit": unit}
    elif found.kind == "choice":
        name, canonical = "choice", found.value.count
    elif found.kind == "account":
        name, canonical = "account", {"number": found.value, "bank": None}
    elif as_json is None:
        return
    else:
        canonical = as_json(found.value)
    sentence.used.update(range(found.i, found.j))
    slots.setdefault(name, Slot(name, sentence.s.slice(found.i, found.j), canonical, sentence.s.span(found.i, found.j)))


def add_place(sentence: Sentence, slots: dict[str, Slot], place: FoundPlace) -> None:
    """One place of a bare answer: by its preposition, else simply a place."""
    name = place_role(sentence, place) or "place"
    used_cue(sentence, place.i)
    sentence.used.update(range(place.i, place.j))
    slots.setdefault(name, Slot(name, sentence.s.slice(place.i, place.j), place.place.as_json(), sentence.s.span(place.i, place.j)))


def is_read(sentence: Sentence, i: int) -> bool:
    """Whether a token found its place or carries no meaning of its own."""
    return i in sentence.used or not (sentence.s.tokens[i].is_word or sentence.s.tokens[i].is_digits)


def silent_tokens(sentence: Sentence) -> set[int]:
    """Tokens of marks and of words that only hold a sentence together."""
    s = sentence.s
    silent = {k for m in sentence.marks if m.category not in {"unserved", "bill_kind"} for k in range(m.i, m.j)}
    for i in range(len(s.tokens)):
        for category in SILENT:
            silent.update(k for _, j in s.by(i, category)[:1] for k in range(i, j))
    return silent


def unread(sentence: Sentence) -> tuple[tuple[int, int, str], ...]:
    """The meaningful words that found no place, neighbours together."""
    s, silent = sentence.s, silent_tokens(sentence)
    spare = tokens_of(sentence.values) | tokens_of(sentence.places)
    left = [i for i in range(len(s.tokens)) if not is_read(sentence, i) and (i in spare or i not in silent)]
    runs: list[tuple[int, int]] = []
    for i in left:
        if runs and runs[-1][1] == i:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    spans = [(*s.span(i, j), s.slice(i, j)) for i, j in runs]
    return tuple(spans) if len(s.text) <= MAX_CHARS else (*spans, (MAX_CHARS, len(s.text), s.text[MAX_CHARS:]))
