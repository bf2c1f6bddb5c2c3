"""What shops sell, how it is found by its names, and what it costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuntas.sandbox import baskets, catalogue, places
from tuntas.sandbox.models import BasketSearch
from tuntas.sandbox.offers import Offer
from tuntas.sandbox.problems import Refusal

NOW = datetime(2026, 11, 23, 8, 20, tzinfo=UTC)
WITHOUT_SIZES = [product for product in catalogue.products() if not product.sizes]


def found(items: str, address: str = "Kemang, Jakarta", **more: Any) -> list[Offer]:
    return baskets.search(BasketSearch.model_validate({"address": address, "items": items} | more), NOW)


def very(items: str, address: str = "Kemang, Jakarta", **more: Any) -> list[Offer]:
    """What is offered while nothing has run out."""
    return baskets.narrow(found(items, address, **more))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("beras", "Rice"),
        ("大米", "Rice"),
        ("beras pandan wangi", "Jasmine rice"),
        ("black running shoes", "Running shoes"),
        ("耐克白色的42码运动鞋", "Running shoes"),
        ("苹果充电器", "Phone charger"),
        ("laptop asus", "Laptop"),
        ("telur ayam kampung", "Eggs"),
        ("a scented candle", "Scented candle"),
        ("Susu Kedelai", "Soy milk"),
        ("milk chocolate", "Chocolate box"),
    ],
)
def test_things_are_found_by_what_people_call_them(words: str, name: str) -> None:
    assert [product.name for product in catalogue.named(words)] == [name]


@pytest.mark.parametrize("words", ["moon dust", "小米手机", "x", "", "電視"])
def test_what_nobody_sells_is_nothing_else(words: str) -> None:
    assert catalogue.named(words) == ()


@settings(deadline=None, max_examples=60)
@given(
    chosen=st.lists(st.tuples(st.sampled_from(WITHOUT_SIZES), st.integers(1, 40)), min_size=1, max_size=4),
    city=st.sampled_from(sorted(places.cities())),
    coupon=st.sampled_from([None, *catalogue.coupons()]),
)
def test_prices_add_up_and_every_offer_is_found_again(chosen: list[Any], city: str, coupon: str | None) -> None:
    for each in found("|".join(f"{count}*{product.name}" for product, count in chosen), city, coupon=coupon):
        told = each.details
        assert told["goods_minor"] == sum(line["total_minor"] for line in told["items"])
        assert all(line["total_minor"] >= line["each_minor"] * Decimal(str(line["count"])) for line in told["items"])
        assert each.amount_minor == told["goods_minor"] - told["discount_minor"] + told["delivery_minor"] > 0
        assert (told["discount_minor"] > 0) is (told["coupon"] is not None)
        assert 0 <= each.fee_minor <= each.amount_minor
        assert len(each.offer_id) <= 200
        assert baskets.resolve(each.offer_id, NOW + timedelta(hours=1)) == each


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_an_offer_id_or_a_list(text: str) -> None:
    for read in (lambda: baskets.resolve(text, NOW), lambda: baskets.resolve(f"b.-626100_10681300.0.{text}..1.6b059107", NOW)):
        with pytest.raises(Refusal, match="offer_unknown"):
            read()
    try:
        assert baskets.wanted(text)
    except Refusal as refusal:
        assert refusal.code == "invalid"  # noqa: PT017 - most texts are lists


@pytest.mark.parametrize(("address", "currency"), [("Kemang", "IDR"), ("Orchard Road", "SGD"), ("上海外滩", "CNY"), ("London", "GBP")])
def test_shops_price_in_their_citys_money(address: str, currency: str) -> None:
    assert {each.currency for each in found("1*milk", address)} == {currency}


def test_rice_costs_what_people_would_expect() -> None:
    assert all(1_200_000 < line["each_minor"] < 2_500_000 for offer in very("5 kg*beras") for line in offer.details["items"])


@pytest.mark.parametrize(
    ("items", "count"),
    [
        ("2 jin*苹果", 1),
        ("500 g*gula", 0.5),
        ("1 box*牛奶", 12),
        ("1 tray*telur", 30),
        ("3 piece*kaos***L", 3),
        ("0.4*roti", 1),
        ("3 ons*bawang", 0.3),
        ("1 lb*beef", 0.454),
    ],
)
def test_measures_are_turned_into_what_is_sold(items: str, count: float) -> None:
    assert {line["count"] for offer in very(items) for line in offer.details["items"]} == {count}


def test_five_kilos_of_something_that_is_not_weighed_are_not_sold() -> None:
    assert found("5 kg*laptop") == []


def test_brand_colour_and_size_are_as_wished() -> None:
    lines = [line for offer in very("1 pair*运动鞋*耐克*white*42码", "Shanghai") for line in offer.details["items"]]
    assert lines
    assert {(line["brand"], line["colour"], line["size"]) for line in lines} == {("Nike", "white", "42")}


def test_a_fruit_with_a_makers_name_is_a_fruit() -> None:
    assert {line["name"] for offer in very("2 jin*苹果*苹果") for line in offer.details["items"]} == {"Apples"}


def test_nobody_is_given_a_size_that_was_not_named() -> None:
    with pytest.raises(Refusal, match="size_missing"):
        found("1*kaos")
    assert found("1*kaos", browse=True)
    assert found("1*kaos***XS") == []


def test_what_stands_in_for_something_is_shown_only_when_no_shop_has_the_thing() -> None:
    everything = found("2 l*susu")
    assert [o for o in everything if o.details["items"][0]["instead_of"]]
    assert all(line["instead_of"] is None for o in baskets.narrow(everything) for line in o.details["items"])
    rest = [o for o in everything if o.details["items"][0]["instead_of"]]
    assert {line["instead_of"] for o in baskets.narrow(rest) for line in o.details["items"]} == {"Milk"}


def test_another_brand_stands_in_for_one_that_nobody_has() -> None:
    (line,) = {(line["brand"], line["instead_of"]) for o in very("1*headphones*Bose*blue") for line in o.details["items"][:1]} - {
        ("Sony", "Headphones")
    }
    assert line == ("Nada", "Headphones")


def test_a_coupon_lowers_the_goods_alone_and_takes_one_of_its_uses() -> None:
    offers = {o.details["coupon"]: o for o in very("5 kg*beras", coupon="baru20") if o.details["shop"] == "Terang Fresh Jakarta"}
    assert offers.keys() == {None, "TERANG10", "BARU20"}
    plain, lowered = offers[None], offers["BARU20"]
    assert plain.amount_minor - lowered.amount_minor == lowered.details["goods_minor"] // 5
    assert [(p.units, p.gone) for p in lowered.stock if p.key == "coupon/BARU20"] == [(1, "coupon_gone")]


def test_a_coupon_that_nobody_named_or_for_more_than_is_bought_is_not_used() -> None:
    assert {o.details["coupon"] for o in very("5 kg*beras")} == {None, "TERANG10"}
    assert {o.details["coupon"] for o in very("1*telur", coupon="BARU20")} == {None}


def test_terms_are_the_shops_own() -> None:
    shoes = {o.details["terms"]: o for o in very("1 pair*sepatu***42")}
    assert shoes.keys() == {"fee", "free", "final"}
    assert shoes["final"].refund == {"allowed": False, "fee_minor": shoes["final"].amount_minor, "until": None}
    assert shoes["free"].refund["fee_minor"] == 0
    assert shoes["fee"].refund["fee_minor"] == shoes["fee"].amount_minor // 10
    assert {o.details["terms"] for o in very("1 pair*sepatu***42", refundable=True)} == {"fee", "free"}


def test_what_comes_too_late_or_from_another_shop_is_left_out() -> None:
    assert {o.details["shop"] for o in very("1*milk", shop="laris")} == {"Laris Mart Jakarta"}
    soon = NOW + timedelta(hours=6)
    assert {o.details["shop"] for o in very("1*milk", deliver_by=soon.isoformat())} == {"Terang Fresh Jakarta"}


@pytest.mark.parametrize("items", ["*", "x*milk", "-1*milk", "nan*milk", "Infinity*milk", "0*milk", "1*milk|" * 13, "1*  "])
def test_a_list_that_is_none_is_refused(items: str) -> None:
    with pytest.raises(Refusal, match="invalid"):
        found(items)
