"""What people say becomes a basket: the sentences, the slots and the schema of the shopping connector fit together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tuntas.connectors.shopping.app import connector
from tuntas.connectors.shopping.providers.baskets import query
from tuntas.contracts.ids import derive
from tuntas.contracts.plan import Goal
from tuntas.contracts.registry import ConnectorRegistered
from tuntas.intent.goals import Missing, build
from tuntas.kit.connector.provider import Wish
from tuntas.kit.registry import Registry
from tuntas.language import read

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def goals(text: str, tz: str = "Asia/Jakarta") -> Any:
    """Return the goals that the platform makes of a sentence."""
    known = Registry()
    known.register(ConnectorRegistered(connector="shopping", goal_types=tuple(connector.goal_types), providers=()))
    said = read(text, now=NOW, tz=tz)
    found: Any = [{"label": goal.label, "slots": {name: slot.canonical for name, slot in goal.slots.items()}} for goal in said.goals]
    return build(known, found, said.lang)


def asked(goal: Goal, tz: str = "Asia/Jakarta") -> Any:
    """Return what the shops are asked for."""
    return query(Wish(task_id=derive("test", "words"), goal=goal, tz=tz))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "Buy 1 pair of black running shoes size 42 and 2 boxes of chocolate, deliver to SCBD lot 8, Jakarta",
            ["1 pair*black running shoes**black*42", "2 box*chocolate***"],
        ),
        ("Buy a blue t-shirt size L and 2 scented candles, deliver to Kemang", ["1*blue t-shirt**blue*L", "2*scented candles***"]),
        ("beli 5 kg beras dan 2 liter minyak goreng, kirim ke Jalan Kemang Raya 12 Jakarta", ["5 kg*beras***", "2 l*minyak goreng***"]),
        ("买两斤苹果和一箱牛奶，送到上海外滩", ["2 jin*苹果*苹果**", "1 box*牛奶***"]),
        ("帮我买一双耐克白色的42码运动鞋，800以下，送到上海外滩", ["1 pair*耐克白色的42码运动鞋*耐克*white*42码"]),
    ],
)
def test_each_thing_that_is_named_is_a_basket(text: str, lines: list[str]) -> None:
    found = goals(text)
    assert [asked(goal)["items"] for goal in found] == lines
    assert len({asked(goal)["address"] for goal in found}) == 1


def test_a_code_in_an_order_is_a_coupon() -> None:
    (goal,) = goals("beli 5 kg beras, kirim ke Kemang Jakarta, pakai kupon BARU20")
    assert asked(goal)["coupon"] == "BARU20"


def test_a_budget_said_once_is_the_budget_of_all() -> None:
    found = goals("beli 5 kg beras dan 2 liter minyak goreng, kirim ke Kemang Jakarta, budget 300 ribu")
    assert [goal.parameters.get("budget") for goal in found] == [None, {"amount_minor": 30_000_000, "currency": "IDR"}]


def test_where_to_is_asked_for_in_the_persons_language() -> None:
    missing = goals("tolong belikan tisu 2 pak")
    assert isinstance(missing, Missing)
    assert missing.question == "Dikirim ke mana?"


def test_who_only_asks_is_asked_nothing_back() -> None:
    (goal,) = goals("ada laptop asus di bawah 10 juta?")
    assert goal.type == "shop.search"
    assert asked(goal) == {"address": "Jakarta", "items": "1*laptop asus*asus**", "browse": "true"}
