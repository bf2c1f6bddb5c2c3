"""Fills the slots of transfers and bills: amount, who or what for, account."""

from __future__ import annotations

from tuntas.language.amounts import money_of
from tuntas.language.scan import Found, money_json
from tuntas.language.sentence import Draft, Sentence, ends_before, tokens_of

MAX_NAME = 3
MAX_HAN_NAME = 4
LEAST = 10  # a smaller bare number in a bill counts bills or months
ENDS = (
    "recipient_stop",
    "recipient_cue",
    "connector",
    "bank",
    "account_cue",
    "method",
    "currency",
    "unserved",
    "bill_kind",
    "topic",
    "payment_verb",
)
NOT_FIRST = ("pronoun", "recipient_name_cue", "verb", "imperative")


def fill_payments(sentence: Sentence) -> None:
    """Fill every payment of a sentence."""
    for draft in sentence.drafts:
        if "amount" in draft.spec.slots:
            fill_account(sentence, draft)
            fill_amount(sentence, draft)
        if "recipient" in draft.spec.slots:
            fill_recipient(sentence, draft)
        if "item" in draft.spec.slots:
            fill_bill(sentence, draft)


def fill_account(sentence: Sentence, draft: Draft) -> None:
    """The account number, with the bank if one is named right before it."""
    for found in sentence.of_kind("account"):
        if draft.has(found.i):
            bank = ends_before(sentence.s, found.i, "bank")
            sentence.fill(draft, "account", {"number": found.value, "bank": bank and bank.value}, found.i, found.j)


def fill_amount(sentence: Sentence, draft: Draft) -> None:
    """The amount: money, or a number that can be nothing else."""
    for found in sentence.of_kind("money"):
        if draft.has(found.i):
            sentence.fill(draft, "amount", money_json(found.value), found.i, found.j)
    for found in sentence.of_kind("number"):
        if (
            draft.has(found.i)
            and found.value.value > 0
            and not is_han_digit(sentence, found)
            and (draft.spec.evidence or found.value.value >= LEAST)
        ):
            sentence.fill(draft, "amount", money_json(money_of(sentence.s, found.value, None)), found.i, found.j)


def is_han_digit(sentence: Sentence, found: Found) -> bool:
    """Whether a number is a single Chinese digit: more often a part of a name (张三) than an amount."""
    return found.kind == "number" and found.j - found.i == 1 and sentence.s.tokens[found.i].is_han


def fill_recipient(sentence: Sentence, draft: Draft) -> None:
    """The name after *atas nama*, else after *to*, *ke*, 给, else right after the verb."""
    s = sentence.s
    tokens = range(draft.start, draft.end)
    starts = [end for name in ("recipient_name_cue", "recipient_cue") for i in tokens for _, end in s.by(i, name)]
    verbs = [m.j for m in sentence.marks if m.category in {"topic", "topic_weak", "payment_verb"} and draft.has(m.i)]
    for start in [*starts, *verbs]:
        i = start + 1 if sentence.s.by(start, "possessive") else start
        j = name_end(sentence, i)
        if j > i:
            name = s.slice(i, j)
            sentence.fill(draft, "recipient", {"name": name}, i, j)
            return


def name_end(sentence: Sentence, i: int) -> int:
    """Where the name that begins at token `i` ends; `i` if none does."""
    s, values = sentence.s, tokens_of(v for v in sentence.values if not is_han_digit(sentence, v))
    if i >= len(s.tokens) or any(s.by(i, category) for category in NOT_FIRST):
        return i
    longest = MAX_HAN_NAME if s.tokens[i].is_han else MAX_NAME
    j = i
    while j < len(s.tokens) and j - i < longest and j not in values and s.tokens[j].is_word and s.tokens[j].is_han == s.tokens[i].is_han:
        if any(s.by(j, category) for category in ENDS):
            break
        j += 1
    return j


def fill_bill(sentence: Sentence, draft: Draft) -> None:
    """What kind of bill."""
    kinds = [(kind, i, j) for i in range(draft.start, draft.end) for kind, j in sentence.s.by(i, "bill_kind")[:1]]
    for kind, i, j in kinds[:1]:
        sentence.fill(draft, "item", {"kind": kind}, i, j)
