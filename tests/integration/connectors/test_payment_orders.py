"""Money sent, bills paid, money asked for: the payment connector's providers against the providers' own interface."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tuntas.connectors.payment.app import providers as brought
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer, Phase, StepKind
from tuntas.kit.connector.provider import Provider, Request
from tuntas.kit.errors import InDoubt, Rejected

SENT = {"amount_minor": 5_000_000, "currency": "IDR"}


@pytest.fixture(scope="session")
async def desks(payment: Any) -> AsyncIterator[dict[str, Provider]]:
    resources: Any = type("R", (), {"settings": type("S", (), {"base_url": payment.address})})
    found = dict(brought(resources))
    yield found
    for each in found.values():
        await each.close()


async def quoted(desk: Provider, traveller: Any, kind: str, **asked: Any) -> Offer:
    wish = traveller.wish(kind, **asked).model_copy(update={"instrument": "wallet"})
    found = await desk.quote(wish)
    return found[0]


async def held(desk: Provider, traveller: Any, offer: Offer) -> Request:
    """Hold an offer; return the request that confirms it."""
    kind = offer.steps[0].action.partition(".")[0]
    answer = await desk.act(traveller.request(f"{kind}.hold", input=offer.steps[0].input))
    assert answer.outcome is Outcome.DONE, answer.code
    found: Request = traveller.request(f"{kind}.confirm", input=offer.steps[1].input, amount=offer.price, object_reference=answer.reference)
    return found


async def posted(payment: Any, traveller: Any) -> dict[str, int]:
    answer = await payment.client.get("/effects", params={"reference_prefix": str(traveller.task)})
    totals: Counter[str] = Counter()
    for each in answer.json()["postings"]:
        totals[each["account"]] += each["amount_minor"]
    return {account: amount for account, amount in totals.items() if amount}


async def test_whom_the_money_is_for_is_shown_in_part_before_anybody_agrees(desks: Any, traveller: Any) -> None:
    offer = await quoted(desks["antar-dana"], traveller, "pay.transfer", recipient="Siti", amount=SENT, note="rahasia sekali")
    assert offer.title == "IDR 50,000 to S*** A*****, account ••7890, fee IDR 2,600"
    assert offer.price == Money(amount_minor=5_260_000, currency="IDR")
    assert [(s.phase, s.kind, s.obliges, s.moves_money) for s in offer.steps] == [
        (Phase.HOLD, StepKind.COMPENSATABLE, False, False),
        (Phase.CONFIRM, StepKind.COMPENSATABLE, True, False),
    ]
    assert offer.steps[1].input == {"payee": offer.payee}
    assert not {word for word in ("Siti", "1234567890", "rahasia") if word in offer.model_dump_json()}


async def test_what_is_sent_at_once_can_not_be_taken_back(desks: Any, traveller: Any, payment: Any) -> None:
    offer = await quoted(desks["kilat-dana"], traveller, "pay.transfer", account="1234567890", amount=SENT)
    assert (offer.steps[1].phase, offer.steps[1].kind, offer.steps[1].undo.fee) == (Phase.PIVOT, StepKind.PIVOT, offer.price)
    sending = await held(desks["kilat-dana"], traveller, offer)
    sent = await desks["kilat-dana"].act(sending)
    undone = await desks["kilat-dana"].undo(traveller.undoing(sending, own_reference=sent.reference))
    assert (sent.outcome, undone.outcome, undone.code) == (Outcome.DONE, Outcome.REFUSED, "not_cancellable")
    assert [(e["kind"], e["state"]) for e in await payment.alive(traveller.task)] == [("transfer", "sent")]


async def test_what_is_sent_is_in_the_books_once_and_taken_back_at_the_fee_that_was_told(desks: Any, traveller: Any, payment: Any) -> None:
    desk = desks["antar-dana"]
    offer = await quoted(desk, traveller, "pay.transfer", recipient="Budi", amount=SENT)
    sending = await held(desk, traveller, offer)
    sent = await desk.act(sending)
    assert (await desk.act(sending)).reference == sent.reference
    assert await posted(payment, traveller) == {"merchant": -5_000_000, f"payee:{offer.payee}": 5_000_000}
    quote = await desk.undo_quote(traveller.quoting(sending, own_reference=sent.reference))
    undone = await desk.undo(traveller.undoing(sending, own_reference=sent.reference, quote_id=quote.quote_id))
    assert (undone.outcome, undone.fee) == (Outcome.UNDONE, offer.steps[1].undo.fee)
    assert await posted(payment, traveller) == {}
    assert await payment.alive(traveller.task) == []


@pytest.mark.parametrize("named", [{}, {"payee": "payee-000"}])
async def test_money_goes_to_nobody_but_whom_the_offer_names(desks: Any, traveller: Any, payment: Any, named: Any) -> None:
    offer = await quoted(desks["antar-dana"], traveller, "pay.transfer", recipient="Siti Aminah", amount=SENT)
    sending = await held(desks["antar-dana"], traveller, offer)
    refused = await desks["antar-dana"].act(sending.model_copy(update={"input": named}))
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "payee")
    assert await posted(payment, traveller) == {}


async def test_a_lost_answer_to_a_transfer_is_found_by_our_reference(desks: Any, traveller: Any, payment: Any, eventually: Any) -> None:
    desk = desks["antar-dana"]
    sending = await held(desk, traveller, await quoted(desk, traveller, "pay.transfer", recipient="Budi", amount=SENT))
    await payment.fault("lose_answer", "transfer.confirm", traveller.task, seconds=0.2)
    with pytest.raises(InDoubt):
        await desk.act(sending)
    found = await eventually(lambda: desk.inquire(sending))
    assert found.outcome is Outcome.DONE
    assert (await posted(payment, traveller))["merchant"] == -5_000_000


async def test_a_transfer_that_is_pending_is_done_once_the_provider_says_so(
    desks: Any, traveller: Any, payment: Any, eventually: Any
) -> None:
    desk = desks["kilat-dana"]
    sending = await held(desk, traveller, await quoted(desk, traveller, "pay.transfer", recipient="Budi", amount=SENT))
    await payment.fault("pending", "transfer.confirm", traveller.task, seconds=0.2)
    assert (await desk.act(sending)).outcome is Outcome.PENDING

    async def sent() -> Any:
        found = await desk.inquire(sending)
        return found and found.outcome is Outcome.DONE

    await eventually(sent)


async def test_a_transfer_that_the_recipient_s_bank_sends_back_is_gone_and_back_in_the_books(
    desks: Any, traveller: Any, payment: Any
) -> None:
    desk = desks["antar-dana"]
    sending = await held(desk, traveller, await quoted(desk, traveller, "pay.transfer", recipient="Budi", amount=SENT))
    sent = await desk.act(sending)
    await payment.end(sent.reference)
    gone = await desk.inquire(sending)
    assert (gone.outcome, gone.code) == (Outcome.UNDONE, "cancelled_by_provider")
    assert await posted(payment, traveller) == {}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"recipient": "Nobody Atall"}, "unknown_recipient"),
        ({"account": "999999999999"}, "unknown_recipient"),
        ({"recipient": "Joko"}, "ambiguous_recipient"),
        ({"recipient": "Budi", "account": "1234567890"}, "recipient_mismatch"),
        ({"recipient": "Budi", "amount": SENT | {"amount_minor": 10**12}}, "limit"),
        ({"recipient": "Budi", "amount": SENT | {"currency": "XTS"}}, "unsupported_currency"),
        ({"recipient": "Budi", "instrument": "ovo"}, "other_instrument"),
        ({"recipient": "Budi", "amount": "much"}, "invalid"),
    ],
)
async def test_what_can_not_be_sent_is_refused_before_anybody_is_asked(desks: Any, traveller: Any, asked: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        await quoted(desks["antar-dana"], traveller, "pay.transfer", **{"amount": SENT} | asked)
    assert refused.value.code == code


async def test_more_than_one_way_carries_goes_another(desks: Any, traveller: Any) -> None:
    much = traveller.wish("pay.transfer", recipient="Budi", amount=SENT | {"amount_minor": 6_000_000_000})
    much = much.model_copy(update={"instrument": "wallet"})
    assert [len(await desks[name].quote(much)) for name in ("antar-dana", "kilat-dana")] == [0, 1]


async def test_one_reference_is_one_transfer_whatever_the_key(desks: Any, traveller: Any, payment: Any) -> None:
    offer = await quoted(desks["antar-dana"], traveller, "pay.transfer", recipient="Budi", amount=SENT)
    body = {"offer_id": offer.offer_id, "people": [{"name": "customer"}], "reference": f"{traveller.task}:one"}
    answers = [await payment.client.post("/transfers", json=body) for _ in range(2)]
    assert [(a.status_code, a.json().get("code")) for a in answers] == [(201, None), (409, "duplicate")]


async def test_a_duplicate_is_our_own_order_and_is_found(desks: Any, traveller: Any, payment: Any) -> None:
    desk = desks["antar-dana"]
    offer = await quoted(desk, traveller, "pay.transfer", recipient="Budi", amount=SENT)
    laying = traveller.request("transfer.hold", input=offer.steps[0].input)
    first = await desk.act(laying)
    again = await desk.act(laying.model_copy(update={"idempotency_key": traveller.task}))
    assert (again.outcome, again.reference) == (Outcome.DONE, first.reference)
    assert len(await payment.alive(traveller.task)) == 1


async def test_what_is_owed_is_asked_of_the_biller_and_paid_once(desks: Any, traveller: Any, payment: Any) -> None:
    asked = {"biller": "insurance", "customer": str(traveller.task.int)[:13]}
    offer = await quoted(desks["loket"], traveller, "pay.bill", **asked)
    assert offer.price is not None
    assert offer.title.startswith(f"Sehat Bersama, insurance, {offer.price} for 20")
    assert asked["customer"] not in offer.model_dump_json()
    assert offer.steps[1].kind is StepKind.PIVOT
    paid = await desks["loket"].act(await held(desks["loket"], traveller, offer))
    assert (paid.outcome, paid.amount) == (Outcome.DONE, offer.price)
    assert (await posted(payment, traveller))["payee:sehat-bersama"] == offer.price.amount_minor
    assert await desks["loket"].quote(traveller.wish("pay.bill", **asked).model_copy(update={"instrument": "wallet"})) == []


async def test_a_bill_that_can_be_given_back_is_and_is_owed_again(desks: Any, traveller: Any, payment: Any) -> None:
    asked = {"biller": "internet", "customer": str(traveller.task.int)[:12]}
    offer = await quoted(desks["loket"], traveller, "pay.bill", **asked)
    paying = await held(desks["loket"], traveller, offer)
    paid = await desks["loket"].act(paying)
    undone = await desks["loket"].undo(traveller.undoing(paying, own_reference=paid.reference))
    assert (undone.outcome, undone.fee) == (Outcome.UNDONE, offer.steps[1].undo.fee)
    assert await posted(payment, traveller) == {}
    assert await quoted(desks["loket"], traveller, "pay.bill", **asked)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"biller": "tax", "customer": "12345678"}, "unknown_biller"),
        ({"biller": "water", "customer": "12"}, "unknown_customer"),
        ({"biller": "phone", "customer": "085733221100"}, "amount_missing"),
        ({"biller": "water", "customer": "12345678", "amount": {"amount_minor": 100, "currency": "IDR"}}, "over_amount"),
    ],
)
async def test_a_bill_that_nobody_can_pay_is_refused_with_its_reason(desks: Any, traveller: Any, asked: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        await quoted(desks["loket"], traveller, "pay.bill", **asked)
    assert refused.value.code == code


async def test_a_request_costs_nothing_stands_for_a_week_and_is_withdrawn(desks: Any, traveller: Any, payment: Any) -> None:
    desk = desks["tagih"]
    offer = await quoted(desk, traveller, "pay.request", recipient="Rian", amount=SENT)
    assert (offer.price, offer.title, [s.obliges for s in offer.steps]) == (None, "Ask R*** P****** for IDR 50,000", [False])
    asking = traveller.request("request.hold", input=offer.steps[0].input)
    asked = await desk.act(asking)
    assert (asked.outcome, asked.clocks.space_until is not None) == (Outcome.DONE, True)
    undone = await desk.undo(traveller.undoing(asking, own_reference=asked.reference))
    assert (undone.outcome, undone.fee and undone.fee.amount_minor) == (Outcome.UNDONE, 0)
    assert await payment.alive(traveller.task) == []
    assert await posted(payment, traveller) == {}


async def test_a_balance_is_what_can_be_spent_and_what_is_set_aside(desks: Any, traveller: Any, money: Money) -> None:
    wallet = f"wallet-{traveller.task}"
    wish = traveller.wish("pay.balance").model_copy(update={"instrument": wallet})
    (before,) = await desks["lontar-pay"].quote(wish)
    await desks["lontar-pay"].act(traveller.request("payment.authorize", input={"instrument": wallet}, amount=money))
    (after,) = await desks["lontar-pay"].quote(wish)
    (opened,), (left,) = before.details["balances"], after.details["balances"]
    assert left["held"] == money.model_dump()
    assert opened["available"]["amount_minor"] - left["available"]["amount_minor"] == money.amount_minor
    assert (after.steps, after.title) == ((), str(Money.model_validate(left["available"])))
