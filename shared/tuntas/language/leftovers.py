"""The meaningful words of a sentence that found no place."""

from __future__ import annotations

from tuntas.language.roles import DATE_CUES, PLACE_CUES
from tuntas.language.sentence import Sentence, tokens_of

SILENT = (
    "stop", "connector", "account_cue", "bank", "method_cue", "total", "about", "imperative", "recipient_name_cue", "possessive",
    "possessive_after", "origin_cue_after", "near_after", "size_cue", "colour_cue", "brand_cue", *PLACE_CUES, *DATE_CUES,
)  # fmt: skip


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
    rest = [(s.tokens[-1].end, len(s.text))] if s.tokens and s.text[s.tokens[-1].end :].strip() else []
    return tuple((start, end, s.text[start:end]) for start, end in [*(s.span(i, j) for i, j in runs), *rest])
