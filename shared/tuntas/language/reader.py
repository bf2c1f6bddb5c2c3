"""Reads a sentence: what is asked for, or what is said about an open task, or why it is neither."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tuntas.language.acts import act_of
from tuntas.language.answers import answers
from tuntas.language.clauses import draft_goals
from tuntas.language.detecting import detect
from tuntas.language.filling import fill_dates, fill_money, fill_people, fill_quantities, fill_spots, fill_times, fill_words
from tuntas.language.goals import table
from tuntas.language.joining import joined
from tuntas.language.leftovers import unread
from tuntas.language.lexicon import LANGUAGES, build
from tuntas.language.model import Goal, Reading, Value
from tuntas.language.scan import MORE_KINDS, find
from tuntas.language.sentence import Draft, Sentence, analyse
from tuntas.language.sharing import share
from tuntas.language.stays import fill_stays, name_hotels
from tuntas.language.tables import settle_tables
from tuntas.language.texts import fill_addresses, fill_codes, fill_names, fill_texts
from tuntas.language.tokens import Token, tokenize

FILL = (
    fill_codes, name_hotels, fill_addresses, fill_names, fill_words, fill_spots, fill_dates, fill_times, fill_stays, fill_people,
    fill_quantities, fill_money, fill_texts,
)  # fmt: skip
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
    return joined(s, find(s, MORE_KINDS))


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
    sentence.drafts = draft_goals(sentence)
    for draft in sentence.drafts:
        draft.act = act_of(sentence, draft)
    for fill in FILL:
        fill(sentence)
    for draft in sentence.drafts:
        draft.act = act_of(sentence, draft)
    settle_tables(sentence)
    drop_empty(sentence)
    share(sentence)
    for draft in sentence.drafts:
        draft.act = act_of(sentence, draft)
    goals = tuple(finish(sentence, draft) for draft in sentence.drafts)
    return (goals, None) if goals else None


def drop_empty(sentence: Sentence) -> None:
    """A goal without any slot is no new goal where the sentence says yes, no or stop, or talks about something else."""
    if sentence.has_mark("approve", "decline", "cancel", "status", "unserved", "question", "chat"):
        sentence.drafts = [d for d in sentence.drafts if d.slots or stands_alone(d)]
    sentence.drafts = [d for d in sentence.drafts if not d.is_weak or d.slots.keys() - {"payment_method"}]
    if sentence.has_mark("question", "chat") and not sentence.has_mark("verb", "payment_verb"):
        sentence.drafts = [d for d in sentence.drafts if stands_alone(d) or len(d.slots) > 1 or not d.is_weak or d.thing]


def stands_alone(draft: Draft) -> bool:
    """Whether a goal says enough without any slot."""
    return not draft.is_weak and (draft.spec.topic in {"balance", "bill", "traffic", "route"} or draft.act not in {"search", "book"})


def finish(sentence: Sentence, draft: Draft) -> Goal:
    """A draft as a goal: its label by what is done, its confidence by what was plain."""
    return Goal(draft.spec.labels[draft.act], dict(draft.slots), confidence(sentence, draft))


def confidence(sentence: Sentence, draft: Draft) -> float:
    """Less for words that were mended or guessed, for a topic only inferred, and for meaningful words left over."""
    sure = 0.95
    sure -= 0.1 if draft.is_weak else 0.0
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
    if not sentence.has_mark("chat", "question", "unserved", "topic") or sentence.addresses:
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
