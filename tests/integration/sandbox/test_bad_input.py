"""Bad input is the caller's fault and is told so; it never breaks the provider."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World

AUTHORIZE = {"reference": "r", "instrument": "i", "amount_minor": 1, "currency": "IDR", "payer": "p"}


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b"{", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"[]", 422, "invalid"),
        (b'{"amount_minor": 1e400}', 422, "invalid"),
        (b'{"amount_minor": ' + b"9" * 5000 + b"}", 400, "invalid_json"),
        (b'{"reference": "' + b"x" * 1_048_576 + b'"}', 413, "too_large"),
    ],
)
async def test_a_body_that_is_not_what_was_asked_for_is_refused(payment: "World", content: bytes, status: int, code: str) -> None:
    refused = await payment.client.post("/authorizations", content=content)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"amount_minor": "5"},
        {"amount_minor": 1.5},
        {"amount_minor": 10**20},
        {"amount_minor": True},
        {"currency": "Rp"},
        {"reference": ""},
        {"reference": "a\x00b"},
        {"reference": "x" * 201},
        {"instrument": None},
        {"payer": {"name": "p"}},
        {"callback_url": "file:///etc/passwd"},
    ],
)
async def test_a_field_that_is_not_what_it_should_be_is_named(payment: "World", change: dict[str, Any]) -> None:
    refused = await payment.post("/authorizations", AUTHORIZE | change)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert refused.json()["errors"][0]["at"] == next(iter(change))


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_key_that_is_no_key_is_refused(payment: "World", key: str) -> None:
    refused = await payment.client.post("/authorizations", json=AUTHORIZE, headers={"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_key")


@pytest.mark.parametrize(
    "offer_id", ["nonsense", "f.CGK.DPS.2099-01-01.economy.1.1.zz", "f.......", "f.CGK.DPS.2026-01-01.economy.1.1.ffffffffffff"]
)
async def test_an_offer_that_was_never_made_is_refused(travel: "World", offer_id: str) -> None:
    body = {"offer_id": offer_id, "passengers": [{"name": "Sari"}], "reference": "r:1"}
    refused = await travel.post("/flights/orders", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "offer_unknown")


@pytest.mark.parametrize("path", ["/authorizations/auth_00", "/authorizations/%00", "/captures/x'--", "/nothing", "/refunds/rfd_1"])
async def test_what_is_not_there_is_not_found(payment: "World", path: str) -> None:
    missing = await payment.client.get(path)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_method_that_an_address_does_not_have_is_refused(payment: "World") -> None:
    refused = await payment.client.delete("/authorizations")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "change",
    [{"kind": "explode"}, {"operation": "DROP TABLE"}, {"seconds": -1}, {"times": -1}, {"match": {"reference": "typo"}}, {"surprise": 1}],
)
async def test_a_fault_that_does_not_exist_is_refused(travel: "World", change: dict[str, Any]) -> None:
    refused = await travel.post("/faults", {"operation": "flight.hold", "kind": "slow"} | change)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"origin": "XXX"}, "unknown_airport"),
        ({"destination": "CGK"}, "same_airport"),
        ({"date": "tomorrow"}, "invalid"),
        ({"passengers": 0}, "invalid"),
        ({"cabin": "roof"}, "invalid"),
        ({"origin": "\x00"}, "invalid"),
    ],
)
async def test_a_search_that_cannot_be_is_refused(travel: "World", change: dict[str, Any], code: str) -> None:
    asked = {"origin": "CGK", "destination": "DPS", "date": "2030-01-01"} | change
    refused = await travel.client.get("/flights/search", params=asked)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_an_odd_trace_header_is_left_out(travel: "World", task: str) -> None:
    await travel.client.get("/flights/orders", params={"reference": task}, headers={"traceparent": "a b", "X-Task": "x"})
    assert [each["traceparent"] for each in await travel.operations(task)] == [None]
