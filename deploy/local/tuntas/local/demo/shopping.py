"""Stories of shopping: baskets in words and as events, a coupon that goes, a final sale, a shop that gives up."""

from tuntas.local.demo.stage import Document, Play
from tuntas.local.demo.stories import NOTHING, Story, cancels_after, misbehaves

HOME = "Jalan Kemang Raya 12, Jakarta"
COUPON = {"stock_key": "coupon/HEMAT15", "capacity": 0}


def basket(name: str = "goods", **wishes: object) -> Document:
    """Return the goal of a basket."""
    return {"goal_id": name, "type": "shop.buy", "parameters": {"address": HOME} | wishes}


async def _coupon_goes(play: Play) -> None:
    """The coupon is used up by others while the person still thinks; then the shop hands out new ones."""
    await play.until("approval_needed")
    await play.stage.world("shopping", "POST", "/stock", json=COUPON)
    await play.approve()
    await play.until("completed")
    await play.stage.world("shopping", "POST", "/stock", json=COUPON | {"capacity": 100_000})


async def _shop_gives_up(play: Play) -> None:
    """The shop cancels once the task is completed."""
    await play.until("completed")
    effects = (await play.receipt())["effects"]
    order = next(e["reference"] for e in effects if e["action"] == "basket.confirm" and e["state"] == "kept")
    await play.stage.world("shopping", "POST", f"/objects/{order}/cancel", json={"reason": "out of stock"})
    await play.until("reopened")


def shopping() -> list[Story]:
    """Return the stories."""
    return [*_said(), *_disturbed(), *_refused()]


def _said() -> list[Story]:
    rice, oil = {"item": "beras", "quantity": {"count": 5, "unit": "kg"}}, {"item": "minyak goreng", "quantity": {"count": 2, "unit": "l"}}
    return [
        Story(
            "shoes-and-chocolate",
            "two baskets in one sentence; the answer to one order is lost",
            "completed",
            words="Buy 1 pair of black running shoes size 42 and 2 boxes of chocolate, deliver to SCBD lot 8, Jakarta",
            before=misbehaves("basket.hold", "lose_answer"),
        ),
        Story(
            "groceries",
            "groceries within a budget, in words",
            "completed",
            words="beli 5 kg beras dan 2 liter minyak goreng, kirim ke Jalan Kemang Raya 12 Jakarta, budget 300 ribu",
        ),
        Story(
            "two-shops",
            "groceries from two shops within one budget; one is short of something",
            "completed",
            goals=[
                basket("rice", shop="Terang Fresh", **rice),
                basket("oil", shop="Laris Mart", budget={"amount_minor": 25_000_000, "currency": "IDR"}, **oil),
            ],
            before=misbehaves("basket.hold", "refuse", code="sold_out"),
        ),
        Story(
            "fruit-and-milk",
            "fruit and milk in Shanghai, in Chinese and in yuan",
            "completed",
            words="买两斤苹果和一箱牛奶，送到上海外滩",
            mandate={"CNY": 10**9},
        ),
        Story("laptop-question", "a question only: which laptops are there?", "answered", words="ada laptop asus di Jakarta?", closing=0),
    ]


def _disturbed() -> list[Story]:
    shoes = basket("shoes", item="sepatu lari", size="42", shop="Laris Outlet")
    return [
        Story(
            "coupon-gone",
            "the coupon is gone between quote and order: bought without it",
            "completed",
            goals=[basket(item="kopi", quantity={"count": 2, "unit": "pack"}, coupon="HEMAT15", shop="Laris Mart")],
            mandate=NOTHING,
            act=_coupon_goes,
        ),
        Story(
            "shop-cancels",
            "the shop cancels after the order: another brings it",
            "completed",
            goals=[basket(item="telur", quantity={"count": 1, "unit": "tray"})],
            act=_shop_gives_up,
            closing=2,
        ),
        Story(
            "final-sale",
            "cancelled after a final sale: too late, with the undo's price",
            "completed",
            goals=[shoes],
            before=misbehaves("payment.capture", "slow", seconds=3),
            act=cancels_after("shoes.confirm"),
        ),
        Story(
            "return-in-time",
            "cancelled before the courier has it: all undone for nothing",
            "compensated",
            goals=[basket(item="beras", shop="Terang Fresh")],
            before=misbehaves("payment.capture", "slow", seconds=3),
            act=cancels_after("goods.confirm"),
            code="cancelled",
        ),
    ]


def _refused() -> list[Story]:
    small = {"amount_minor": 1_000_000, "currency": "IDR"}
    return [
        Story(
            "no-size", "a shirt in no size: nobody guesses it", "rejected", goals=[basket(item="kemeja")], code="size_missing", closing=0
        ),
        Story(
            "too-dear-at-the-shop",
            "more than the budget: the wish is named",
            "rejected",
            goals=[basket(item="laptop", budget=small)],
            code="over_budget",
            closing=0,
        ),
    ]
