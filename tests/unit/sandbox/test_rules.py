from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuntas.sandbox import booking, faults, payment, travel
from tuntas.sandbox.answers import digest, remembered
from tuntas.sandbox.desk import shown
from tuntas.sandbox.items import Item
from tuntas.sandbox.models import Call
from tuntas.sandbox.problems import Refusal, status_of
from tuntas.sandbox.providers import binds_references, honours_keys
from tuntas.sandbox.values import draw, price
from tuntas.sandbox.webhooks import signature

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def _item(**change: Any) -> Item:
    until = (NOW + timedelta(days=2)).isoformat()
    details = {"refund": {"allowed": True, "fee_minor": 300, "until": until}, "space_until": until, "price_until": until}
    shared: dict[str, Any] = {"details": details | {"offer_id": "o", "item": {}}, "created_at": NOW, "updated_at": NOW}
    booked: dict[str, Any] = {"object_id": "ord_1", "kind": "flight", "provider": "nusantara-air", "state": "ticketed", "reference": "t:1"}
    return Item(**({**booked, "amount_minor": 1000, "currency": "IDR"} | shared | change))


def _fault(operation: str, **match: Any) -> dict[str, Any]:
    return {"operation": operation, "match": {"reference_prefix": None, "provider": None, "offer_rank": None} | match}


@pytest.mark.parametrize(
    ("pattern", "operation", "met"),
    [
        ("*", "payment.void", True),
        ("hotel.*", "hotel.hold", True),
        ("hotel.*", "flight.hold", False),
        ("flight.cancel", "flight.cancel_by_reference", False),
        ("flight.cancel*", "flight.cancel_by_reference", True),
    ],
)
def test_a_fault_names_operations_by_pattern(pattern: str, operation: str, met: bool) -> None:
    assert faults.concerns(_fault(pattern), Call(operation=operation)) is met


@pytest.mark.parametrize(
    ("match", "met"),
    [({"reference_prefix": "t"}, True), ({"reference_prefix": "u"}, False), ({"provider": "p"}, True), ({"offer_rank": 2}, False)],
)
def test_a_fault_is_met_only_where_all_it_names_agrees(match: dict[str, Any], met: bool) -> None:
    call = Call(operation="flight.hold", reference="t:1", provider="p", rank=1)
    assert faults.concerns(_fault("flight.hold", **match), call) is met


def test_questions_and_repeats_are_not_met_by_faults_of_acting() -> None:
    assert "act_late" not in faults.applicable("flight.query", replay=False)
    assert "refuse" not in faults.applicable("flight.hold", replay=True)
    assert "hold_seconds" in faults.applicable("payment.authorize", replay=False)
    assert "hold_seconds" not in faults.applicable("flight.confirm", replay=False)


def test_cancelling_costs_nothing_before_and_the_agreed_fee_after_buying() -> None:
    assert booking.cancellation_fee(_item(state="held"), NOW) == 0
    assert booking.cancellation_fee(_item(), NOW) == 300
    assert booking.cancellation_fee(_item(), NOW + timedelta(days=3)) == 1000
    final = _item(details={"refund": {"allowed": False, "fee_minor": 1000, "until": None}})
    assert booking.cancellation_fee(final, NOW) == 1000


def test_an_item_is_alive_while_somebody_is_bound_by_it() -> None:
    assert _item().alive(NOW)
    assert _item(state="held", expires_at=NOW + timedelta(seconds=1)).alive(NOW)
    assert not _item(state="held", expires_at=NOW).alive(NOW)
    assert not _item(state="cancelled").alive(NOW)
    assert not _item(kind="authorization", state="captured").alive(NOW)
    assert not _item(kind="capture", state="captured", details={"refunded_minor": 1000}).alive(NOW)
    assert not _item(kind="refund", state="refunded").alive(NOW)


def test_a_hidden_item_is_shown_as_it_is_to_be_seen_until_then() -> None:
    hidden = _item(hidden_until=NOW + timedelta(seconds=1), hidden_view={"status": "pending"})
    assert shown(travel.WORLD, hidden, NOW) == {"status": "pending"}
    assert shown(travel.WORLD, hidden, NOW + timedelta(seconds=1)) == booking.view(hidden)
    assert shown(travel.WORLD, _item(hidden_until=NOW + timedelta(seconds=1)), NOW) is None


def test_a_key_binds_the_operation_the_object_and_the_body_by_meaning() -> None:
    call = Call(operation="flight.confirm", object_id="ord_1", body={"a": 1, "b": 2})
    assert digest(call) == digest(call.model_copy(update={"body": {"b": 2, "a": 1}, "traceparent": "x"}))
    others: list[dict[str, Any]] = [{"operation": "flight.cancel"}, {"object_id": "ord_2"}, {"body": {"a": 1}}]
    assert digest(call) not in [digest(call.model_copy(update=each)) for each in others]


def test_keys_are_remembered_where_the_provider_honours_them() -> None:
    assert remembered(Call(operation="flight.hold", provider="nusantara-air", key="k"))
    assert not remembered(Call(operation="flight.hold", provider="kite-regional", key="k"))
    assert not remembered(Call(operation="flight.hold", provider="nusantara-air"))
    assert honours_keys("bale-stays")
    assert not binds_references("bale-stays")


def test_refusals_about_the_payers_money_are_402() -> None:
    assert [status_of(each) for each in ("declined", "insufficient_funds", "limit", "not_found", "sold_out")] == [402, 402, 402, 404, 409]
    document = Refusal(409, "price_changed", price={"amount_minor": 1, "currency": "IDR"}).document()
    assert (document["code"], document["message"], document["price"]["amount_minor"]) == ("price_changed", "price changed", 1)


def test_a_signature_is_the_hex_hmac_of_the_raw_body() -> None:
    assert signature("key", b"The quick brown fox jumps over the lazy dog") == (
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


@given(cents=st.integers(0, 10**7), currency=st.sampled_from(["IDR", "CNY", "USD"]))
def test_prices_are_whole_and_never_nothing(cents: int, currency: str) -> None:
    step = {"IDR": 100_000, "CNY": 100, "USD": 100}[currency]
    assert price(cents, currency) >= step
    assert price(cents, currency) % step == 0


def test_chance_is_the_same_everywhere() -> None:
    assert [draw("route", n, below=100) for n in range(5)] == [draw("route", n, below=100) for n in range(5)]
    assert len({draw("route", n, below=100) for n in range(50)}) > 25


def test_the_worlds_name_every_action_of_their_kinds() -> None:
    verbs = {"search", "hold", "confirm", "extend", "quote_cancel", "cancel", "query"}
    assert {f"{kind}.{verb}" for kind in ("flight", "hotel") for verb in verbs} <= set(travel.WORLD.actions)
    assert {"payment.authorize", "payment.capture", "payment.void", "payment.refund"} <= set(payment.WORLD.actions)
