"""What people say about money becomes a goal: the sentences, the slots and the schemas of the payment connector fit together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tuntas.connectors.payment.app import connector
from tuntas.contracts.registry import ConnectorRegistered
from tuntas.intent.goals import Missing, build
from tuntas.intent.reader import answered, understood
from tuntas.kit.registry import Registry
from tuntas.language import read

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def goals(*said: str, asked: str | None = None, so_far: Any = (), tz: str = "Asia/Jakarta") -> Any:
    """Return the goals that the platform makes of a sentence and of the answers to what it asked back."""
    known = Registry()
    known.register(ConnectorRegistered(connector="payment", goal_types=tuple(connector.goal_types), providers=()))
    first = read(said[0], now=NOW, tz=tz)
    found: Any = understood(first)
    if asked is not None:
        found = answered(found, read(said[-1], now=NOW, tz=tz, lang=first.lang), said[-1], asked=asked, goals=list(so_far))
    return build(known, found["goals"], found["lang"])


def money(amount: int, currency: str) -> Any:
    return {"amount_minor": amount, "currency": currency}


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("transfer 50rb ke Budi", "pay.transfer", {"recipient": "Budi", "amount": money(5_000_000, "IDR")}),
        ("给小王转500块", "pay.transfer", {"recipient": "小王", "amount": money(50_000, "CNY")}),
        ("send 50 dollars to Sarah", "pay.transfer", {"recipient": "Sarah", "amount": money(5_000, "USD")}),
        (
            "transferin Rp750.000 ke no rek mandiri 1370012345678",
            "pay.transfer",
            {"account": "1370012345678", "amount": money(75_000_000, "IDR")},
        ),
        ("tagih Rian 75rb buat patungan futsal", "pay.request", {"recipient": "Rian", "amount": money(7_500_000, "IDR")}),
        ("ask Sarah for 30 dollars", "pay.request", {"recipient": "Sarah", "amount": money(3_000, "USD")}),
        ("bayar listrik 532110098765", "pay.bill", {"biller": "electricity", "customer": "532110098765"}),
        ("pay the water bill for customer 20008871", "pay.bill", {"biller": "water", "customer": "20008871"}),
        (
            "电费交200，户号0312345678",
            "pay.bill",
            {"biller": "electricity", "customer": "0312345678", "amount": money(20_000, "CNY")},
        ),
        (
            "token listrik 200 ribu id pel 53211009876 bayar pake ovo",
            "pay.bill",
            {"biller": "electricity", "customer": "53211009876", "amount": money(20_000_000, "IDR"), "instrument": "ovo"},
        ),
        ("saldo gue berapa", "pay.balance", {}),
        ("what's my balance", "pay.balance", {}),
        ("查余额", "pay.balance", {}),
    ],
)
def test_money_in_words_is_a_goal_that_fits_its_schema(text: str, kind: str, wanted: Any) -> None:
    (goal,) = goals(text)
    assert (goal.type, goal.parameters) == (kind, wanted)


@pytest.mark.parametrize(
    ("text", "slot", "question"),
    [
        ("transfer 50rb", "recipient", "Ke siapa?"),
        ("send money to Sarah", "amount", "How much?"),
        ("pay my electricity bill", "account", "What is the customer number?"),
        ("交一下水费", "account", "户号是多少？"),
    ],
)
def test_what_is_missing_is_asked_for_in_the_person_s_language(text: str, slot: str, question: str) -> None:
    missing = goals(text)
    assert isinstance(missing, Missing)
    assert (missing.slot, missing.question) == (slot, question)


def test_a_customer_number_is_heard_when_it_is_asked_for() -> None:
    first = "bayar tagihan pdam"
    so_far = [{"label": "pay.bill", "slots": {"item": {"kind": "water"}}}]
    (goal,) = goals(first, "20008871", asked="account", so_far=so_far)
    assert goal.parameters == {"biller": "water", "customer": "20008871"}


def test_money_for_nobody_is_no_goal() -> None:
    known = Registry()
    known.register(ConnectorRegistered(connector="payment", goal_types=tuple(connector.goal_types), providers=()))
    assert known.faults("pay.transfer", {"amount": money(1, "IDR")})
    assert not known.faults("pay.transfer", {"amount": money(1, "IDR"), "account": "1"})
