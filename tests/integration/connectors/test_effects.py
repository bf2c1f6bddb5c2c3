"""The kit's effects core with the real connectors at the real providers, disturbed: what is said is what is there."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tuntas.connectors.payment.app import connector as payment_connector
from tuntas.connectors.payment.providers.lontar import Lontar
from tuntas.connectors.travel.actions import FLIGHT
from tuntas.connectors.travel.app import connector as travel_connector
from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer
from tuntas.kit.connector.provider import Provider, Request, Wish
from tuntas.kit.errors import NotSent, TuntasError
from tuntas.testkit.conformance.bench import Bench, Case
from tuntas.testkit.history import START

CARD = "card-of-the-tests"
FASTER = 5


class Live(Bench):
    """A bench whose calls are made for real; its clock runs with the world's, only faster."""

    def __init__(self, case: Case, seller: Provider, name: str) -> None:
        super().__init__(case, f"{name} {secrets.token_hex(4)}")
        self.seller, self._begun = seller, datetime.now(UTC)
        self.facts: dict[str, Any] = {}

    @property
    def task(self) -> UUID:
        return self.history.task_id

    def command(self, step: str, attempt: int = 1, **changes: Any) -> Any:
        return super().command(step, attempt, **{**self.facts.get(step, {}), **changes})

    def pays(self, price: Money, **inputs: Any) -> None:
        lines = tuple(line.model_copy(update={"ceiling": price, "instruments": (CARD,)}) for line in self.statement().lines)
        yes = self.approval(lines=lines, ceilings={price.currency: price.amount_minor})
        self.facts = {step: {"amount": price, "approval": yes, "input": inputs.get(step, {})} for step in ("hold", "buy")}

    async def make(self) -> list[Message]:
        call = self.call
        request = Request.model_validate({**call.body, "travellers": ("Sari Dewi",)})
        try:
            answer: Any = await getattr(self.seller, call.kind)(request)
        except NotSent as error:
            return self.history.answer(call, code=error.code)
        except TuntasError as error:
            return self.history.answer(call, code=error.code, lost=True)
        result = {"found": False} if answer is None else answer.model_dump(mode="json", exclude_defaults=True) | {"found": True}
        return self.history.answer(call, result)

    async def until(self, what: Any) -> None:
        """Make calls, and fire timers as they fall due by a clock that runs five times as fast as the world's, until it is so."""
        async with asyncio.timeout(20):
            while not what():
                if self.history.calls:
                    await self.make()
                else:
                    await asyncio.sleep(0.02)  # only the world's own clock brings the next thing
                self.history.advance(max(0.0, (self._now() - self.history.now).total_seconds()))

    def _now(self) -> datetime:
        return START + FASTER * (datetime.now(UTC) - self._begun)

    async def reach(self, *steps: str) -> None:
        for step in steps:
            self.start(step)
            await self.until(lambda step=step: self.outcome(step) is Outcome.DONE)


@pytest.fixture
async def flight(sellers: dict[str, Provider], request: pytest.FixtureRequest) -> Any:
    async def make(provider: str = "nusantara-air", *, refundable: bool = True) -> Live:
        seller = sellers[provider]
        live = Live(Case(travel_connector, seller.spec, "flight.hold", "flight.confirm"), seller, request.node.nodeid)
        day = (datetime.now(UTC).date() + timedelta(days=40)).isoformat()
        goal = Goal(goal_id="flight", type=FLIGHT.name, parameters={"origin": "CGK", "destination": "SRG", "depart_date": day})
        found = await sellers[provider].quote(Wish(task_id=live.task, goal=goal, travellers=("Sari Dewi",)))
        offer: Offer = next(o for o in found if o.details["refundable"] is refundable)
        assert offer.price is not None
        live.pays(offer.price, hold=offer.step("hold").input)
        return live

    return make


@pytest.fixture
def charge(lontar: Lontar, request: pytest.FixtureRequest) -> Live:
    live = Live(Case(payment_connector, lontar.spec, "payment.authorize", "payment.capture"), lontar, request.node.nodeid)
    live.pays(Money(amount_minor=750_000, currency="IDR"), hold={"instrument": CARD})
    return live


AIRLINES = ["nusantara-air", "meridian-wings", "kite-regional"]


@pytest.mark.parametrize("provider", AIRLINES)
@pytest.mark.parametrize("fault", ["lose_answer", "act_late"])
async def test_a_hold_whose_answer_is_lost_is_one_hold(provider: str, fault: str, flight: Any, travel: Any, eventually: Any) -> None:
    live = await flight(provider)
    await travel.fault(fault, "flight.hold", live.task, seconds=0.3)
    await live.reach("hold")

    async def arrived() -> bool:
        made = [each for each in await travel.operations(live.task) if each["operation"] == "flight.hold"]
        return fault != "act_late" or any(each["outcome"] in {"late", "replayed"} and each["fault"] is None for each in made)

    await eventually(arrived)
    live.webhook("hold")
    await live.make()
    alive = await travel.alive(live.task)
    assert [each["object_id"] for each in alive] == [live.effect("hold").reference]


@pytest.mark.parametrize("provider", AIRLINES)
@pytest.mark.parametrize("fault", ["lose_answer", "act_late", "down"])
async def test_a_purchase_whose_answer_is_lost_is_bought_once(provider: str, fault: str, flight: Any, travel: Any) -> None:
    live = await flight(provider)
    await live.reach("hold")
    await travel.fault(fault, "flight.confirm", live.task, **({} if fault == "down" else {"seconds": 0.3}))
    await live.reach("buy")
    assert [(each["state"], each["alive"]) for each in await travel.effects(live.task)] == [("ticketed", True)]


@pytest.mark.parametrize("provider", AIRLINES)
@pytest.mark.parametrize("fault", ["lose_answer", "act_late", "down", "pending"])
async def test_whatever_happens_to_a_hold_undoing_it_leaves_nothing(
    provider: str, fault: str, flight: Any, travel: Any, eventually: Any
) -> None:
    live = await flight(provider)
    await travel.fault(fault, "flight.hold", live.task, **({} if fault == "down" else {"seconds": 0.3}))
    live.start("hold")
    await live.make()
    live.undo("hold")
    await live.until(lambda: live.undo_outcome("hold") is Outcome.UNDONE)

    async def nothing() -> bool:
        return not await travel.alive(live.task)

    await eventually(nothing)


@pytest.mark.parametrize("fault", ["lose_answer", "act_late", "down", "pending"])
async def test_a_cancellation_whose_answer_is_lost_is_undone_with_its_fee(fault: str, flight: Any, travel: Any) -> None:
    live = await flight("meridian-wings")
    await live.reach("hold", "buy")
    await travel.fault(fault, "flight.cancel", live.task, **({} if fault == "down" else {"seconds": 0.3}))
    live.undo("buy", limit=10**12)
    await live.until(lambda: live.undo_outcome("buy") is Outcome.UNDONE)
    (effect,) = await travel.effects(live.task)
    assert effect["state"] == "cancelled"
    fee = live.undone("buy")[-1].fee
    assert fee is not None
    assert fee.model_dump() == effect["fee"]


async def test_a_fee_above_the_limit_is_paid_only_once_accepted(flight: Any, travel: Any) -> None:
    live = await flight("nusantara-air")
    await live.reach("hold", "buy")
    live.undo("buy", limit=1)
    await live.until(lambda: live.undo_outcome("buy") is Outcome.NEEDS_USER)
    assert len(await travel.alive(live.task)) == 1
    asked = live.undone("buy")[-1]
    live.undo("buy", 2, limit=1, accepted=asked.quote_id)
    await live.until(lambda: live.undo_outcome("buy") is Outcome.UNDONE)
    assert live.undone("buy")[-1].fee == asked.fee
    assert await travel.alive(live.task) == []


async def test_a_purchase_in_doubt_is_not_cancelled_at_a_price_nobody_accepted(flight: Any, travel: Any) -> None:
    live = await flight("nusantara-air", refundable=False)
    await live.reach("hold")
    await travel.fault("lose_answer", "flight.confirm", live.task, seconds=0.3)
    live.start("buy")
    await live.make()
    live.undo("buy", limit=1)
    await live.until(lambda: live.undo_outcome("buy") is Outcome.NEEDS_USER)
    assert [each["state"] for each in await travel.alive(live.task)] == ["ticketed"]


async def test_what_the_airline_cancels_is_observed(flight: Any, travel: Any) -> None:
    live = await flight()
    await live.reach("hold", "buy")
    await travel.end(live.effect("buy").reference)
    live.webhook("hold")
    await live.until(lambda: live.outcome("buy") is Outcome.REFUSED)
    assert [(m.state, m.code) for m in live.observed("buy")] == [(Outcome.UNDONE, "cancelled_by_provider")]


@pytest.mark.parametrize("fault", ["lose_answer", "act_late", "down", "pending"])
async def test_money_is_taken_once_and_given_back_once(fault: str, charge: Live, payment: Any) -> None:
    seconds = {} if fault == "down" else {"seconds": 0.3}
    for operation in ("payment.authorize", "payment.capture", "payment.refund"):
        await payment.fault(fault, operation, charge.task, **seconds)
    await charge.reach("hold", "buy")
    captured = [each for each in await payment.effects(charge.task) if each["kind"] == "capture"]
    assert [each["amount"]["amount_minor"] for each in captured] == [750_000]
    charge.undo("buy")
    charge.undo("hold")
    await charge.until(lambda: all(charge.undo_outcome(step) is Outcome.UNDONE for step in ("buy", "hold")))
    assert await payment.alive(charge.task) == []


@pytest.mark.parametrize("fault", ["lose_answer", "act_late", "down", "pending"])
async def test_money_that_was_set_aside_is_released(fault: str, charge: Live, payment: Any) -> None:
    seconds = {} if fault == "down" else {"seconds": 0.3}
    for operation in ("payment.authorize", "payment.void"):
        await payment.fault(fault, operation, charge.task, **seconds)
    charge.start("hold")
    await charge.make()
    charge.undo("hold")
    await charge.until(lambda: charge.undo_outcome("hold") is Outcome.UNDONE)
    assert await payment.alive(charge.task) == []
