"""Stories of money itself: sent, owed, asked for, and how much there is."""

import time

from tuntas.local.demo.stage import Document, Play
from tuntas.local.demo.stories import NOTHING, Story, both, cancels_after, misbehaves


def rupiah(amount: int) -> Document:
    """Return an amount of whole rupiah."""
    return {"amount_minor": amount * 100, "currency": "IDR"}


def transfer(name: str = "transfer", **wishes: object) -> Document:
    """Return the goal of a transfer."""
    return {"goal_id": name, "type": "pay.transfer", "parameters": {"recipient": "Budi", "amount": rupiah(50_000)} | wishes}


def bill(biller: str, customer: str, **wishes: object) -> Document:
    """Return the goal of a bill."""
    return {"goal_id": "bill", "type": "pay.bill", "parameters": {"biller": biller, "customer": customer} | wishes}


def customer(digits: int) -> str:
    """Return a customer's number that has no bill paid yet: it tells the time."""
    return f"5{time.time_ns() // 1000:018}"[-digits:]


async def _sent_back(play: Play) -> None:
    """The recipient's bank sends the money back once the task is completed."""
    await play.until("completed")
    effects = (await play.receipt())["effects"]
    sent = next(e["reference"] for e in effects if e["action"] == "transfer.confirm" and e["state"] == "kept")
    await play.stage.world("payment", "POST", f"/objects/{sent}/cancel", json={"reason": "account closed"})
    await play.until("reopened")


async def _yes(play: Play) -> None:
    await play.until("approval_needed")
    await play.approve()


async def _number(play: Play) -> None:
    await play.until("question")
    await play.answer(customer(9))


def paying() -> list[Story]:
    """Return the stories."""
    return [*_said(), *_disturbed(), *_refused()]


def _said() -> list[Story]:
    return [
        Story("transfer", "a transfer in words: whom it is for is looked up first", "completed", words="transfer 50rb ke Siti Aminah dong"),
        Story(
            "electricity",
            "an electricity top-up in Chinese and in yuan",
            "completed",
            words="电费交200，户号0312345678",
            mandate={"CNY": 10**9},
        ),
        Story(
            "water-bill",
            "a bill whose number is asked for, and the amount asked of the biller",
            "completed",
            words="pay my water bill",
            act=_number,
        ),
        Story("balance", "a question only: how much is left?", "answered", words="saldo gue berapa", closing=0),
        Story("ask-for-money", "somebody is asked for money: it obliges nobody", "completed", words="tagih Rian 75rb buat patungan futsal"),
    ]


def _disturbed() -> list[Story]:
    slow = misbehaves("payment.capture", "slow", seconds=3)
    return [
        Story(
            "transfer-lost",
            "the answer to a transfer is lost and can't be found for a while: it is sent once",
            "completed",
            goals=[transfer(amount=rupiah(125_000))],
            before=misbehaves("transfer.confirm", "lose_answer", seconds=3),
        ),
        Story(
            "transfer-by-another",
            "one way refuses: another carries it, which can't be undone, and that is asked first",
            "completed",
            goals=[transfer(amount=rupiah(75_000))],
            mandate=NOTHING,
            before=misbehaves("transfer.hold", "refuse", code="out_of_service", match={"provider": "antar-dana"}, times=0),
            act=both(_yes, _yes_again),
        ),
        Story(
            "transfer-recalled",
            "cancelled right after it was sent: called back for a fee",
            "compensated",
            goals=[transfer(amount=rupiah(60_000))],
            before=slow,
            act=cancels_after("transfer.confirm"),
            code="cancelled",
        ),
        Story(
            "transfer-sent-back",
            "the recipient's bank sends it back: the task is taken up again",
            "completed",
            goals=[transfer(recipient="Siti Aminah", account="1234567890")],
            act=_sent_back,
            closing=2,
        ),
        Story(
            "bill-and-transfer",
            "a bill and a transfer, charged once for both",
            "completed",
            goals=[bill("internet", customer(12)), transfer(amount=rupiah(20_000))],
            before=misbehaves("bill.confirm", "pending", seconds=2),
        ),
    ]


async def _yes_again(play: Play) -> None:
    await play.until("approval_needed", times=2)
    await play.approve()


def _refused() -> list[Story]:
    return [
        Story(
            "transfer-unfunded",
            "more than the instrument has: nothing is sent",
            "compensated",
            goals=[transfer()],
            instrument="card-low",
            code="insufficient_funds",
        ),
        Story(
            "transfer-mismatch",
            "the account is in another name: refused before anybody is asked",
            "rejected",
            goals=[transfer(account="1234567890")],
            code="recipient_mismatch",
            closing=0,
        ),
    ]
