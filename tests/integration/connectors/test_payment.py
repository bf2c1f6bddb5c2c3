"""The payment connector's provider against the provider's own interface."""

from typing import Any

import pytest

from tuntas.connectors.payment.actions import CHARGE
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Phase, StepKind
from tuntas.kit.connector.provider import Request
from tuntas.kit.errors import InDoubt


def authorize(traveller: Any, money: Money, instrument: str = "wallet", **more: Any) -> Request:
    found: Request = traveller.request("payment.authorize", input={"instrument": instrument}, amount=money, **more)
    return found


def capture(traveller: Any, money: Money, held: str | None, **more: Any) -> Request:
    found: Request = traveller.request("payment.capture", amount=money, object_reference=held, **more)
    return found


async def test_the_offer_sets_money_aside_first_and_takes_it_last(lontar: Lontar, traveller: Any) -> None:
    (offer,) = await lontar.quote(traveller.wish(CHARGE.name, instrument="wallet"))
    assert offer.price is None
    assert [(s.phase, s.kind, s.moves_money) for s in offer.steps] == [
        (Phase.AUTHORIZE, StepKind.COMPENSATABLE, True),
        (Phase.CAPTURE, StepKind.RETRIABLE, True),
    ]


async def test_money_is_set_aside_taken_and_given_back(lontar: Lontar, traveller: Any, payment: Any, money: Money) -> None:
    held = await lontar.act(authorize(traveller, money))
    assert (held.outcome, held.amount, held.clocks.authorized_until is not None) == (Outcome.DONE, money, True)
    taking = capture(traveller, money, held.reference)
    assert await lontar.inquire(taking) is None
    taken = await lontar.act(taking)
    assert (taken.outcome, taken.amount) == (Outcome.DONE, money)
    undone = await lontar.undo(traveller.undoing(taking, own_reference=taken.reference))
    assert (undone.outcome, undone.refund) == (Outcome.UNDONE, money)
    gone = await lontar.inquire(taking)
    assert gone is not None
    assert (gone.outcome, gone.refund) == (Outcome.UNDONE, money)
    assert await payment.alive(traveller.task) == []


async def test_a_refund_is_not_made_twice(lontar: Lontar, traveller: Any, money: Money) -> None:
    held = await lontar.act(authorize(traveller, money))
    taking = capture(traveller, money, held.reference)
    taken = await lontar.act(taking)
    for number in (1, 2):
        undone = await lontar.undo(traveller.undoing(taking, own_reference=taken.reference, number=number))
        assert (undone.outcome, undone.refund) == (Outcome.UNDONE, money)


async def test_money_that_was_set_aside_is_given_back_by_voiding(lontar: Lontar, traveller: Any, payment: Any, money: Money) -> None:
    asking = authorize(traveller, money)
    held = await lontar.act(asking)
    undone = await lontar.undo(traveller.undoing(asking, own_reference=held.reference))
    assert (undone.outcome, undone.gone) == (Outcome.UNDONE, False)
    refused = await lontar.inquire(capture(traveller, money, held.reference))
    assert refused is not None
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "authorization_voided")
    assert await payment.alive(traveller.task) == []


async def test_an_authorization_is_voided_by_our_reference_when_its_own_is_not_known(
    lontar: Lontar, traveller: Any, payment: Any, money: Money
) -> None:
    asking = authorize(traveller, money)
    assert (await lontar.undo(traveller.undoing(asking))).outcome is Outcome.PENDING
    await lontar.act(asking)
    assert (await lontar.undo(traveller.undoing(asking))).outcome is Outcome.UNDONE
    assert await payment.alive(traveller.task) == []


@pytest.mark.parametrize(("instrument", "code"), [("card-declined", "declined"), ("card-low", "insufficient_funds")])
async def test_a_refusal_keeps_its_code(lontar: Lontar, traveller: Any, money: Money, instrument: str, code: str) -> None:
    answer = await lontar.act(authorize(traveller, money, instrument))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, code)


async def test_more_than_was_set_aside_is_not_taken(lontar: Lontar, traveller: Any, money: Money) -> None:
    held = await lontar.act(authorize(traveller, money))
    more = money.model_copy(update={"amount_minor": money.amount_minor + 1})
    answer = await lontar.act(capture(traveller, more, held.reference))
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "amount")


async def test_an_authorization_whose_time_is_over_can_not_be_captured(
    lontar: Lontar, traveller: Any, payment: Any, money: Money, eventually: Any
) -> None:
    await payment.fault("hold_seconds", "payment.authorize", traveller.task, seconds=0.2)
    asking = authorize(traveller, money)
    held = await lontar.act(asking)

    async def over() -> Any:
        found = await lontar.inquire(asking)
        return found is not None and found.code == "authorization_expired"

    await eventually(over)
    taking = capture(traveller, money, held.reference)
    asked = await lontar.inquire(taking)
    assert asked is not None
    assert [(a.outcome, a.code) for a in (asked, await lontar.act(taking))] == [(Outcome.REFUSED, "authorization_expired")] * 2
    undone = await lontar.undo(traveller.undoing(asking, own_reference=held.reference))
    assert (undone.outcome, undone.gone) == (Outcome.UNDONE, True)


async def test_a_payer_who_must_confirm_is_shown_where_and_until_when(lontar: Lontar, traveller: Any, payment: Any, money: Money) -> None:
    asking = authorize(traveller, money, "card-3ds")
    asked = await lontar.act(asking)
    assert (asked.outcome, asked.action is not None) == (Outcome.NEEDS_USER, True)
    assert asked.action is not None
    await payment.client.post(asked.action.url, json={"result": "approved"})
    done = await lontar.inquire(asking)
    assert done is not None
    assert done.outcome is Outcome.DONE


async def test_a_payer_who_denies_is_a_refusal(lontar: Lontar, traveller: Any, payment: Any, money: Money) -> None:
    asking = authorize(traveller, money, "card-3ds")
    asked = await lontar.act(asking)
    assert asked.action is not None
    await payment.client.post(asked.action.url, json={"result": "denied"})
    done = await lontar.inquire(asking)
    assert done is not None
    assert (done.outcome, done.code) == (Outcome.REFUSED, "declined")


async def test_an_authorization_that_the_provider_cancels_is_gone(lontar: Lontar, traveller: Any, payment: Any, money: Money) -> None:
    asking = authorize(traveller, money)
    held = await lontar.act(asking)
    await payment.end(held.reference)
    gone = await lontar.inquire(asking)
    assert gone is not None
    assert (gone.outcome, gone.code) == (Outcome.UNDONE, "cancelled_by_provider")


async def test_a_lost_answer_to_a_capture_is_found_by_our_reference(
    lontar: Lontar, traveller: Any, payment: Any, money: Money, eventually: Any
) -> None:
    held = await lontar.act(authorize(traveller, money))
    await payment.fault("lose_answer", "payment.capture", traveller.task, seconds=0.2)
    taking = capture(traveller, money, held.reference)
    with pytest.raises(InDoubt):
        await lontar.act(taking)
    found = await eventually(lambda: lontar.inquire(taking))
    assert (found.outcome, found.amount) == (Outcome.DONE, money)
