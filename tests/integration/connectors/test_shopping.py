"""Baskets at the shops of two chains, bought, disturbed, given back: what is said is what is there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tuntas.connectors.shopping.app import connector
from tuntas.connectors.shopping.providers.baskets import query
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.plan import Offer, Phase, StepKind
from tuntas.kit.connector.provider import Provider
from tuntas.kit.errors import InDoubt, Rejected

KEMANG = "Kemang, Jakarta"
CHAINS = ("pasar-terang", "toko-laris")


@pytest.fixture(scope="session")
async def chains(shopping: Any) -> AsyncIterator[dict[str, Provider]]:
    """The providers of the shopping connector, over its world."""
    settings: Any = type("R", (), {"settings": type("S", (), {"base_url": shopping.address})})
    found: Any = dict(connector.providers(settings))
    yield found
    for provider in found.values():
        await provider.close()


async def offers(chains: dict[str, Provider], traveller: Any, provider: str, **asked: Any) -> list[Offer]:
    """Return what a chain offers, without coupons unless one is named."""
    found = await chains[provider].quote(traveller.wish("shop.buy", **{"address": KEMANG, "item": "beras"} | asked))
    return [offer for offer in found if offer.details.get("coupon") == asked.get("coupon")]


def holding(traveller: Any, offer: Offer, attempt: int = 1) -> Any:
    return traveller.request("basket.hold", input=offer.steps[0].input, attempt=attempt)


async def bought(provider: Provider, traveller: Any, offer: Offer) -> Any:
    """Hold and buy; return the confirming request with what it came to."""
    held = await provider.act(holding(traveller, offer))
    assert held.outcome is Outcome.DONE, held
    request = traveller.request("basket.confirm", amount=offer.price, object_reference=held.reference)
    answer = await provider.act(request)
    assert answer.outcome is Outcome.DONE, answer
    return request.model_copy(update={"own_reference": answer.reference})


async def plant(shopping: Any, key: str, capacity: int) -> None:
    answer = await shopping.client.post("/stock", json={"stock_key": key, "capacity": capacity})
    assert answer.status_code == 201, answer.text


async def keys(shopping: Any, offer: Offer) -> list[str]:
    """The pools that an offer takes from, as the shop's staff see them."""
    answer = await shopping.client.get("/baskets/search", params={"address": KEMANG, "items": f"1*{_first(offer)['name']}", "browse": True})
    return [line["stock_key"] for found in answer.json()["offers"] for line in found["items"] if _same(line, offer, found)]


def _same(line: Any, offer: Offer, found: Any) -> bool:
    return bool(found["shop"] == offer.details["shop"] and line["brand"] == _first(offer)["brand"])


def _first(offer: Offer) -> Any:
    items: Any = offer.details["items"]
    return items[0]


@pytest.mark.parametrize(
    ("item", "quantity", "name", "count"),
    [
        ("beras", {"count": 5, "unit": "kg"}, "Rice", 5),
        ("牛奶", {"count": 1, "unit": "box"}, "Milk", 12),
        ("a phone charger", None, "Phone charger", 1),
        ("苹果", {"count": 3, "unit": "jin"}, "Apples", 1.5),
    ],
)
async def test_what_is_bought_is_what_is_meant_in_any_language(
    chains: dict[str, Provider], traveller: Any, item: str, quantity: Any, name: str, count: float
) -> None:
    wish = {"item": item} | ({"quantity": quantity} if quantity else {})
    found = [o for chain in CHAINS for o in await offers(chains, traveller, chain, **wish)]
    assert {o.provider for o in found} == set(CHAINS)
    assert {(_first(o)["name"], _first(o)["count"]) for o in found} == {(name, count)}
    assert all(name in o.title for o in found)


async def test_a_list_is_one_basket_at_one_shop(chains: dict[str, Provider], traveller: Any) -> None:
    wanted = [{"item": "telur", "quantity": {"count": 10}}, {"item": "susu", "brand": "Morning Bell"}, {"item": "tisu"}]
    wish = traveller.wish("shop.buy", address=KEMANG, items=wanted)
    for offer in await chains["pasar-terang"].quote(wish):
        items: Any = offer.details["items"]
        assert [line["name"] for line in items] == ["Eggs", "Milk", "Tissues"]


async def test_who_only_asks_is_told_what_there_is_in_the_city_of_their_clock(chains: dict[str, Provider], traveller: Any) -> None:
    for tz, city, currency in (
        ("Asia/Jakarta", "Jakarta", "IDR"),
        ("Europe/London", "London", "GBP"),
        ("America/New_York", "New York", "USD"),
    ):
        wish = traveller.wish("shop.search", item="运动鞋").model_copy(update={"tz": tz})
        found = await chains["toko-laris"].quote(wish)
        assert found
        assert {(o.steps, o.price.currency if o.price else "") for o in found} == {((), currency)}
        assert all(str(o.details["shop"]).endswith(city) for o in found)


async def test_who_asks_for_a_price_is_told_of_nothing_dearer(chains: dict[str, Provider], traveller: Any) -> None:
    budget = {"amount_minor": 70_000_000, "currency": "IDR"}
    wish = traveller.wish("shop.search", item="headphones", address=KEMANG, budget=budget)
    found = [o for chain in CHAINS for o in await chains[chain].quote(wish)]
    assert found
    assert all(o.price is not None and o.price.amount_minor <= 70_000_000 for o in found)
    assert await chains["toko-laris"].quote(traveller.wish("shop.search", item="laptop", address=KEMANG, budget=budget)) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"address": "Atlantis"}, "unknown_place"),
        ({"item": "kaos"}, "size_missing"),
        ({"quantity": {"count": 0}}, "invalid"),
        ({"quantity": 3}, "invalid"),
        ({"items": [3]}, "invalid"),
        ({"item": "\x00"}, "invalid"),
        ({"coupon": "\x1b[0m"}, "invalid"),
        ({"deliver_by": "soon"}, "invalid"),
    ],
)
async def test_what_makes_no_sense_is_refused(chains: dict[str, Provider], traveller: Any, asked: Any, code: str) -> None:
    with pytest.raises(Rejected, match=code):
        await offers(chains, traveller, "pasar-terang", **asked)


def test_words_do_not_break_out_of_their_line(traveller: Any) -> None:
    wish = traveller.wish("shop.buy", address=KEMANG, item="milk|9*laptop", brand="*x")
    assert query(wish)["items"] == "1*milk 9 laptop*x**"


async def test_terms_of_giving_back_are_declared_as_the_shop_keeps_them(chains: dict[str, Provider], traveller: Any, shopping: Any) -> None:
    wish = {"item": "sepatu", "size": "42"}
    found = [o for chain in CHAINS for o in await offers(chains, traveller, chain, **wish)]
    by_terms = {str(o.details["terms"]): o for o in reversed(found)}
    for number, (terms, kind) in enumerate((("free", StepKind.COMPENSATABLE), ("fee", StepKind.COMPENSATABLE), ("final", StepKind.PIVOT))):
        offer = by_terms[terms]
        confirm = offer.step("confirm")
        assert (confirm.kind, confirm.phase) == (kind, Phase.PIVOT if terms == "final" else Phase.CONFIRM)
        assert ("final sale" in offer.title) is (terms == "final")
        request = await bought(chains[offer.provider], _another(traveller, number), offer)
        quoted = await chains[offer.provider].undo_quote(traveller.quoting(request))
        assert (quoted.allowed, quoted.fee) == (terms != "final", confirm.undo.fee)
        undone = await chains[offer.provider].undo(traveller.undoing(request, quote_id=quoted.quote_id if quoted.allowed else None))
        if terms == "final":
            assert (undone.outcome, undone.code) == (Outcome.REFUSED, "not_cancellable")
        else:
            assert (undone.outcome, undone.fee) == (Outcome.UNDONE, confirm.undo.fee)


def _another(traveller: Any, number: int) -> Any:
    return type(traveller)(traveller.task.__class__(int=traveller.task.int ^ (number + 1)))


@pytest.mark.parametrize("chain", CHAINS)
async def test_a_lost_answer_is_in_doubt_and_found_by_our_reference(
    chains: dict[str, Provider], traveller: Any, shopping: Any, chain: str
) -> None:
    provider, offer = chains[chain], (await offers(chains, traveller, chain))[0]
    await shopping.fault("lose_answer", "basket.hold", traveller.task)
    with pytest.raises(InDoubt):
        await provider.act(holding(traveller, offer))
    found = await provider.inquire(holding(traveller, offer))
    assert found is not None
    assert found.outcome is Outcome.DONE
    assert len(await shopping.alive(traveller.task)) == 1


async def test_the_same_key_makes_one_basket(chains: dict[str, Provider], traveller: Any, shopping: Any) -> None:
    provider, offer = chains["pasar-terang"], (await offers(chains, traveller, "pasar-terang"))[0]
    first, second = [await provider.act(holding(traveller, offer)) for _ in range(2)]
    assert first.reference == second.reference
    assert len(await shopping.effects(traveller.task)) == 1


async def test_without_keys_a_second_hold_is_given_up_when_it_is_seen(chains: dict[str, Provider], traveller: Any, shopping: Any) -> None:
    provider, offer = chains["toko-laris"], (await offers(chains, traveller, "toko-laris"))[0]
    for _ in range(2):
        await provider.act(holding(traveller, offer))
    assert len(await shopping.alive(traveller.task)) == 2
    assert await provider.inquire(holding(traveller, offer)) is not None
    assert len(await shopping.alive(traveller.task)) == 1


async def test_a_hold_that_arrives_after_its_undo_is_bound(
    chains: dict[str, Provider], traveller: Any, shopping: Any, eventually: Any
) -> None:
    provider, offer = chains["pasar-terang"], (await offers(chains, traveller, "pasar-terang"))[0]
    await shopping.fault("act_late", "basket.hold", traveller.task, seconds=0.5)
    request = holding(traveller, offer)
    with pytest.raises(InDoubt):
        await provider.act(request)
    assert (await provider.undo(traveller.undoing(request))).outcome is Outcome.UNDONE

    async def arrived() -> bool:
        return any(each["outcome"] == "late" for each in await shopping.operations(traveller.task))

    await eventually(arrived)
    assert await shopping.alive(traveller.task) == []


async def test_a_hold_that_appears_after_the_undo_is_undone_where_nothing_binds(
    chains: dict[str, Provider], traveller: Any, shopping: Any, eventually: Any
) -> None:
    provider, offer = chains["toko-laris"], (await offers(chains, traveller, "toko-laris"))[0]
    await shopping.fault("act_late", "basket.hold", traveller.task, seconds=0.5)
    request = holding(traveller, offer)
    with pytest.raises(InDoubt):
        await provider.act(request)
    assert (await provider.undo(traveller.undoing(request))).outcome is Outcome.PENDING
    await eventually(lambda: shopping.alive(traveller.task))
    assert (await provider.undo(traveller.undoing(request, number=2))).outcome is Outcome.UNDONE
    assert await shopping.alive(traveller.task) == []


@pytest.mark.parametrize("chain", CHAINS)
async def test_what_the_shop_cancels_is_told_with_the_whole_refund(
    chains: dict[str, Provider], traveller: Any, shopping: Any, chain: str
) -> None:
    offer = (await offers(chains, traveller, chain))[0]
    request = await bought(chains[chain], traveller, offer)
    await shopping.end(request.own_reference)
    gone = await chains[chain].inquire(request)
    assert gone is not None
    assert (gone.outcome, gone.code, gone.refund) == (Outcome.UNDONE, "cancelled_by_provider", offer.price)


async def test_a_coupon_that_is_used_up_between_quote_and_order_is_refused(
    chains: dict[str, Provider], traveller: Any, shopping: Any
) -> None:
    rice = {"item": "beras", "quantity": {"count": 5, "unit": "kg"}}
    (lowered, *_) = await offers(chains, traveller, "pasar-terang", coupon="BARU20", **rice)
    (plain, *_) = await offers(chains, traveller, "pasar-terang", **rice)
    assert lowered.price is not None
    assert plain.price is not None
    assert lowered.price.amount_minor < plain.price.amount_minor
    assert "coupon BARU20" in lowered.title
    await plant(shopping, "coupon/BARU20", 0)
    answer = await chains["pasar-terang"].act(holding(traveller, lowered))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "coupon_gone")
    assert await offers(chains, traveller, "pasar-terang", coupon="BARU20", **rice) == []
    assert (await chains["pasar-terang"].act(holding(traveller, plain, attempt=2))).outcome is Outcome.DONE
    await plant(shopping, "coupon/BARU20", 1000)


async def test_a_coupon_comes_back_with_the_basket_it_was_used_for(chains: dict[str, Provider], traveller: Any, shopping: Any) -> None:
    asked = {"item": "kopi", "quantity": {"count": 2, "unit": "pack"}, "coupon": "SEKALI25"}
    await plant(shopping, "coupon/SEKALI25", 1)
    (offer, *_) = await offers(chains, traveller, "toko-laris", **asked)
    request = holding(traveller, offer)
    held = await chains["toko-laris"].act(request)
    assert await offers(chains, traveller, "toko-laris", **asked) == []
    undone = await chains["toko-laris"].undo(traveller.undoing(request.model_copy(update={"own_reference": held.reference})))
    assert undone.outcome is Outcome.UNDONE
    assert await offers(chains, traveller, "toko-laris", **asked)


async def test_of_thirty_orders_at_once_for_the_last_four_kilos_two_of_two_win(
    chains: dict[str, Provider], traveller: Any, shopping: Any
) -> None:
    asked = {"item": "beras wangi", "quantity": {"count": 2, "unit": "kg"}, "shop": "Terang Fresh"}
    (offer, *_) = await offers(chains, traveller, "pasar-terang", **asked)
    (key, *_) = await keys(shopping, offer)
    await plant(shopping, key, 4)
    provider = chains["pasar-terang"]
    answers = await asyncio.gather(*(provider.act(holding(traveller, offer, attempt=n)) for n in range(1, 31)))
    assert Counter((each.outcome, each.code) for each in answers) == {(Outcome.DONE, None): 2, (Outcome.REFUSED, "sold_out"): 28}
    winner = next(each for each in answers if each.outcome is Outcome.DONE)
    number = answers.index(winner) + 1
    request = holding(traveller, offer, attempt=number).model_copy(update={"own_reference": winner.reference})
    assert (await provider.undo(traveller.undoing(request))).outcome is Outcome.UNDONE
    assert (await provider.act(holding(traveller, offer, attempt=99))).outcome is Outcome.DONE


async def test_what_every_shop_has_run_out_of_is_offered_as_its_nearest_stand_in(
    chains: dict[str, Provider], traveller: Any, shopping: Any
) -> None:
    asked: dict[str, Any] = {"item": "gula", "quantity": {"count": 1, "unit": "kg"}}
    found = [o for chain in CHAINS for o in await offers(chains, traveller, chain, **asked)]
    emptied = [key for offer in found for key in await keys(shopping, offer)]
    for key in emptied:
        await plant(shopping, key, 0)
    others = [o for chain in CHAINS for o in await offers(chains, traveller, chain, **asked)]
    assert others
    assert {_first(o)["instead_of"] for o in others} == {"Sugar"}
    assert all("instead of Sugar" in o.title for o in others)
    for key in emptied:
        await plant(shopping, key, 900)


async def test_another_price_than_the_approved_one_is_not_paid(chains: dict[str, Provider], traveller: Any) -> None:
    (offer, *_) = await offers(chains, traveller, "toko-laris")
    held = await chains["toko-laris"].act(holding(traveller, offer))
    assert offer.price is not None
    less = offer.price.model_copy(update={"amount_minor": offer.price.amount_minor - 1})
    answer = await chains["toko-laris"].act(traveller.request("basket.confirm", amount=less, object_reference=held.reference))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "price_changed")


@pytest.mark.parametrize(
    "body",
    [{}, {"stock_key": "", "capacity": 1}, {"stock_key": "a", "capacity": -1}, {"stock_key": "a", "capacity": "1"}, {"stock_key": "a\x00"}],
)
async def test_shelves_are_not_filled_with_nonsense(shopping: Any, body: Any) -> None:
    answer = await shopping.client.post("/stock", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"items": "1*milk"},
        {"address": KEMANG},
        {"address": KEMANG, "items": ""},
        {"address": KEMANG, "items": "1*milk", "refundable": "so"},
    ],
)
async def test_a_search_that_is_none_is_refused(shopping: Any, params: Any) -> None:
    answer = await shopping.client.get("/baskets/search", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("offer_id", ["nonsense", "b.0_0.0.00000001000000..1.1", "b.......", "b.-626100_10681300.9.00000003uw00..1.1"])
async def test_a_basket_that_was_never_offered_is_not_held(shopping: Any, offer_id: str) -> None:
    body = {"offer_id": offer_id, "people": [{"name": "customer"}], "reference": "r:1"}
    answer = await shopping.client.post("/baskets/orders", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "offer_unknown")
