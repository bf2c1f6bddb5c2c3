"""Reads a sentence: what is asked for, or what is said about an open task, or why it is neither."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tuntas.language.answers import answers
from tuntas.language.detecting import detect
from tuntas.language.goals import specs, table
from tuntas.language.leftovers import unread
from tuntas.language.lexicon import LANGUAGES, build
from tuntas.language.marks import Mark
from tuntas.language.model import Goal, Reading, Value
from tuntas.language.payments import fill_payments
from tuntas.language.roles import place_role
from tuntas.language.scan import find, join_instants
from tuntas.language.sentence import TRANSPORT, Draft, Sentence, analyse, cut, find_mentions
from tuntas.language.tokens import Token, tokenize
from tuntas.language.travel import fill_travel

MAX_TOKENS = 600  # a bound on the work; what stands behind is reported as unread


def local_time(now: datetime, tz: str) -> datetime:
    """The moment as the person's clocks show it; a naive one is taken to be that already."""
    return now.astimezone(ZoneInfo(tz)) if now.tzinfo else now.replace(tzinfo=ZoneInfo(tz))


def spoken(lang: str | None, tokens: list[Token], tz: str) -> str:
    """The language named by a tag such as `id` or `zh-CN`; the detected one if none or another is named."""
    named = (lang or "").split("-")[0].lower()
    return named if named in LANGUAGES else detect(tokens, tz)


def values(text: str, *, now: datetime, tz: str, lang: str | None = None) -> list[Value]:
    """Every typed value in a text, in order.

    `now` and `tz` (an IANA name) give relative dates their meaning. Raises `zoneinfo.ZoneInfoNotFoundError` for an unknown zone, and
    nothing for any text.
    """
    tokens = tokenize(text)[:MAX_TOKENS]
    s = build(text, tokens, now=local_time(now, tz), tz=tz, lang=spoken(lang, tokens, tz))
    return join_instants(s, find(s))


def read(text: str, *, now: datetime, tz: str, lang: str | None = None) -> Reading:
    """What a person wants, from one sentence in English, Indonesian or Chinese, mixed and misspelt as it comes.

    `lang`, a tag such as `id` or `zh-CN`, overrides the detected language if it is one of the three. Raises
    `zoneinfo.ZoneInfoNotFoundError` for an unknown zone, and nothing for any text.
    """
    tokens = tokenize(text)[:MAX_TOKENS]
    language = spoken(lang, tokens, tz)
    sentence = analyse(text, tokens, now=local_time(now, tz), tz=tz, lang=language)
    goals, reason = read_goals(sentence) or read_task(sentence) or read_rest(sentence)
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
    if kind is not None and "bill" not in taken:
        add_mention(sentence, "bill", kind.i, kind.j)
    elif not taken & {"bill", "transfer"} and sentence.of_kind("money", "number") and not buys(sentence, verb):
        add_mention(sentence, "transfer", verb.i, verb.j)


def buys(sentence: Sentence, verb: Mark) -> bool:
    """Whether *beli* and the like, which also pay bills, buy a thing here."""
    return sentence.has_mark("unserved") or any(m.i == verb.i and m.category == "verb" for m in sentence.marks)


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
    if sentence.has_mark("unserved"):
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
    """`search` or `book`: the last plain verb, its own segment's first; else a question asks; else wanting or knowing enough orders."""
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
    """Yes, no, stop or how far: what is said to an open task, with few other words; to cancel one booking of it is something else."""
    said = {m.category for m in sentence.marks}
    if (said & {"question", "unserved"} and "status" not in said) or ("topic" in said and "cancel" in said):
        return None
    left = unread(sentence)
    if sum(len(text.split()) for _, _, text in left) > 2:  # noqa: PLR2004
        return None
    for category, label in table()["tasks"].items():
        if category in said and (category != "approve" or is_plain_yes(sentence)):
            return (Goal(label, {}, round(0.95 - 0.1 * len(left), 2)),), None
    return None


def is_plain_yes(sentence: Sentence) -> bool:
    """Whether a yes is nothing but a yes: no question, no *but*, nothing else said, since it may spend money."""
    s = sentence.s
    doubts = any(
        s.by(i, "doubt") and not any(m.i <= i < m.j and m.category == "approve" for m in sentence.marks) for i in range(len(s.tokens))
    )
    return not (doubts or sentence.values or sentence.places or unread(sentence) or sentence.has_mark("chat", "question", "negation"))


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
