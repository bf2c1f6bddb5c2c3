"""Every address of every world takes garbage as what it is: refused with a code, and the world goes on."""

from typing import TYPE_CHECKING

import pytest

from tuntas.sandbox import booking, instant, paying, shopping, travel

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World

KINDS = {"payment": (paying.TRANSFER, paying.BILL, paying.REQUEST), "travel": (travel.FLIGHT, travel.HOTEL)}
assert instant.MEAL.kind in booking.KINDS  # every kind is known once its world is imported
assert shopping.BASKET.kind in booking.KINDS
CASES = [(world, kind) for world, kinds in KINDS.items() for kind in (*kinds, booking.THING)]
ODD_BODIES = (b"", b"{", b"[]", b"\xff", b'{"offer_id": "\\u0000"}', b'{"reference": {}}', b"[" * 50_000, b'{"amount": 1e400}')
ODD_QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"x": "\x00"},
    {"amount_minor": "-1", "currency": "Rp"},
    {"reference": "a\x00b"},
    {"count": "9" * 400},
)
ODD_IDS = ("x", "trf_0", "trf_" + "f" * 41, "%00", "..%2f", "bill_zz")


@pytest.fixture
def world(request: pytest.FixtureRequest) -> "World":
    """Return the world of this name."""
    found: World = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("world", "kind"), CASES, ids=lambda each: getattr(each, "kind", each), indirect=["world"])
async def test_garbage_is_refused_with_a_code_and_the_world_goes_on(world: "World", kind: booking.Kind) -> None:
    answers = [await world.client.get(f"/{kind.kind}s/search", params=query) for query in ODD_QUERIES]
    answers += [await world.client.get(kind.root, params=query) for query in ODD_QUERIES]
    answers += [await world.client.post(kind.root, content=body) for body in ODD_BODIES]
    for act in ("confirm", "cancel"):
        answers += [await world.client.post(f"{kind.root}/{odd}/{act}", content=body) for odd in ODD_IDS for body in ODD_BODIES]
    assert {answer.status_code // 100 for answer in answers} == {4}
    assert all(answer.json()["code"] for answer in answers)
    assert (await world.client.get("/healthz")).status_code == 200


async def test_a_balance_of_odd_words_is_refused(payment: "World") -> None:
    for query in ({}, {"instrument": "\x00"}, {"instrument": "x" * 300}, {"instrument": "wallet", "currency": "rupiah"}):
        refused = await payment.client.get("/balance", params=query)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "offer_id",
    ["t.payee-000.0.1.IDR.-.1.6b000000.1", "t.payee-999.0.1.IDR.-.1.6b000000.0", "l.air-kota.1.-.6b000000.5", "x.a.1.1.zz.0", "q....."],
)
async def test_an_offer_of_money_that_was_never_made_is_refused(payment: "World", offer_id: str) -> None:
    for kind in KINDS["payment"]:
        refused = await payment.post(kind.root, {"offer_id": offer_id, "people": [{"name": "a"}], "reference": "r:1"})
        assert (refused.status_code, refused.json()["code"]) == (422, "offer_unknown")
