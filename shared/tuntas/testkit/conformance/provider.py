"""What every provider must keep of what it promises, over its real interface: subclass `Promises` where a fixture `subject` is given.

What a provider does not promise is skipped in words: keys, inquiry, cancelling by reference, or an action that can be undone.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.ids import attempt_key, undo_key
from tuntas.contracts.money import Money, less
from tuntas.contracts.plan import Goal, Offer, OfferStep, StepKind
from tuntas.kit.connector.provider import ActionAnswer, Provider, Request, Wish
from tuntas.kit.errors import Rejected

OVER = {Outcome.UNDONE, Outcome.REFUSED}


@dataclass(frozen=True)
class Subject:
    """A provider, and a goal of it that can be reached at any time with `parameters`."""

    provider: Provider
    goal_type: str
    parameters: Document
    instrument: str = "wallet"
    amount: Money | None = None

    def visit(self) -> "Visit":
        """Return a new task at this provider."""
        return Visit(self, uuid4())


@dataclass
class Visit:
    """One task: its offer, and what was done of it so far, by step."""

    subject: Subject
    task: UUID
    taken: dict[str, ActionAnswer] = field(default_factory=dict)

    def wish(self, **changes: Any) -> Wish:
        """Return the wish; `changes` are parameters."""
        goal = Goal(goal_id="goal", type=self.subject.goal_type, parameters=self.subject.parameters | changes)
        return Wish(task_id=self.task, goal=goal, travellers=("Sari Dewi", "Budi Santoso"), instrument=self.subject.instrument)

    async def offer(self) -> Offer:
        """Return the first offer whose steps can all be undone, else the first."""
        found = await self.subject.provider.quote(self.wish())
        assert found, f"{self.subject.provider.spec.name} offers nothing for the example of {self.subject.goal_type}"
        return next((o for o in found if all(s.kind is not StepKind.PIVOT for s in o.steps)), found[0])

    def request(self, offer: Offer, step: OfferStep, **changes: Any) -> Request:
        """Return the request of a step, as the kit makes it."""
        key = attempt_key(self.task, f"goal.{step.name}", 1)
        parent = self.taken[step.acts_on].reference if step.acts_on else None
        amount = (offer.price or self.subject.amount) if step.obliges or step.moves_money else None
        known = {
            "task_id": self.task,
            "key": key,
            "action": step.action,
            "idempotency_key": key,
            "reference": f"{self.task}:{key}",
            "input": step.input,
            "amount": amount,
            "object_reference": parent,
            "travellers": ("Sari Dewi", "Budi Santoso"),
        }
        return Request.model_validate(known | changes)

    def undoing(self, request: Request, number: int = 1) -> Request:
        """Return the request that undoes a step."""
        return request.model_copy(update={"idempotency_key": undo_key(request.key, number), "travellers": ()})

    async def do(self, offer: Offer, step: OfferStep) -> Request:
        """Do a step; return its request with the provider's reference."""
        request = self.request(offer, step)
        answer = await self.subject.provider.act(request)
        assert answer.outcome is Outcome.DONE, f"{step.action}: {answer.outcome} {answer.code} {answer.reason}"
        self.taken[step.name] = answer
        return request.model_copy(update={"own_reference": answer.reference})

    async def through(self, offer: Offer) -> list[Request]:
        """Do all steps in order."""
        return [await self.do(offer, step) for step in offer.steps]

    async def inquire(self, request: Request) -> ActionAnswer | None:
        """Ask by our reference alone."""
        return await self.subject.provider.inquire(request.model_copy(update={"own_reference": None}))


def _needs(held: bool, why: str) -> None:
    if not held:
        pytest.skip(why)


async def _started(subject: Subject) -> tuple[Visit, Offer]:
    visit = subject.visit()
    offer = await visit.offer()
    _needs(bool(offer.steps), "it only informs")
    return visit, offer


class Promises:
    """The suite. Each test is a new task; none leaves anything behind that can be undone."""

    async def test_what_it_offers_can_be_taken_for_a_while_and_has_a_name_and_no_negative_price(self, subject: Subject) -> None:
        offer = await subject.visit().offer()
        assert Offer.model_validate_json(offer.model_dump_json()) == offer, "a value is not of its field's type"
        assert offer.expires_at > datetime.now(UTC)
        assert offer.title
        assert offer.provider == subject.provider.spec.name
        assert offer.price is None or offer.price.amount_minor >= 0
        assert len({step.name for step in offer.steps}) == len(offer.steps)

    async def test_what_nobody_can_make_sense_of_is_refused_or_offered_and_breaks_nothing(self, subject: Subject) -> None:
        nonsense = dict.fromkeys(subject.parameters, "\u0000?" * 3)
        with suppress(Rejected):
            assert isinstance(await subject.provider.quote(subject.visit().wish(**nonsense)), list)
        assert await subject.visit().offer()

    async def test_all_of_its_steps_can_be_done_and_undone(self, subject: Subject) -> None:
        visit, offer = await _started(subject)
        requests = await visit.through(offer)
        await _undone(visit, offer, requests)

    async def test_the_same_key_twice_makes_one_object(self, subject: Subject) -> None:
        _needs(subject.provider.spec.honours_keys, "it promises no keys")
        visit, offer = await _started(subject)
        request = await visit.do(offer, offer.steps[0])
        again = await subject.provider.act(request.model_copy(update={"own_reference": None}))
        assert (again.outcome, again.reference) == (Outcome.DONE, request.own_reference)
        await _undone(visit, offer, [request])

    async def test_what_was_done_is_found_by_our_reference(self, subject: Subject) -> None:
        _needs(subject.provider.spec.inquires, "it can't be asked")
        visit, offer = await _started(subject)
        requests = await visit.through(offer)
        for request in requests:
            found = await visit.inquire(request)
            assert found is not None
            assert (found.outcome, found.reference) == (Outcome.DONE, request.own_reference)
        await _undone(visit, offer, requests)

    async def test_of_what_was_never_asked_it_knows_nothing(self, subject: Subject) -> None:
        _needs(subject.provider.spec.inquires, "it can't be asked")
        visit, offer = await _started(subject)
        found = await visit.inquire(visit.request(offer, offer.steps[0]))
        assert found is None or found.outcome not in {Outcome.DONE, Outcome.PENDING}

    async def test_an_undo_costs_no_more_than_was_quoted_and_is_undone_as_often_as_it_is_asked(self, subject: Subject) -> None:
        visit, offer = await _started(subject)
        _needs(offer.steps[0].kind is not StepKind.PIVOT, "its first step can't be undone")
        request = await visit.do(offer, offer.steps[0])
        quoted = await subject.provider.undo_quote(request.model_copy(update={"idempotency_key": uuid4(), "travellers": ()}))
        assert quoted.allowed
        first = await subject.provider.undo(visit.undoing(request))
        again = await subject.provider.undo(visit.undoing(request, 2))
        assert {first.outcome, again.outcome} == {Outcome.UNDONE}
        assert _minor(first.fee) <= _minor(quoted.fee)

    async def test_a_part_of_what_was_paid_is_given_back_once_and_later_the_rest(self, subject: Subject) -> None:
        visit, offer = await _started(subject)
        partly = {step.action for step in offer.steps if step.undo.partly}
        _needs(bool(partly), "it gives back all or nothing")
        assert subject.provider.spec.honours_keys, "a part may be asked for twice"
        request = next(request for request in await visit.through(offer) if request.action in partly)
        assert request.amount is not None
        paid, part = request.amount, request.amount.model_copy(update={"amount_minor": request.amount.amount_minor // 3})
        for number in (1, 1, 2):
            answer = await subject.provider.undo(visit.undoing(request, number).model_copy(update={"part": part}))
            assert (answer.outcome, answer.refund) == (Outcome.UNDONE, part)
        found = await visit.inquire(request)
        assert found is not None
        assert found.outcome is Outcome.DONE
        rest = less(less(paid, part), part)
        assert (await subject.provider.undo(visit.undoing(request, 3).model_copy(update={"part": rest}))).outcome is Outcome.UNDONE
        found = await visit.inquire(request)
        assert found is None or found.outcome in OVER

    async def test_what_was_undone_is_not_done(self, subject: Subject) -> None:
        _needs(subject.provider.spec.inquires, "it can't be asked")
        visit, offer = await _started(subject)
        _needs(offer.steps[0].kind is not StepKind.PIVOT, "its first step can't be undone")
        request = await visit.do(offer, offer.steps[0])
        await subject.provider.undo(visit.undoing(request))
        found = await visit.inquire(request)
        assert found is None or found.outcome in OVER

    async def test_an_undo_that_comes_first_binds_the_action_that_comes_later(self, subject: Subject) -> None:
        _needs(subject.provider.spec.cancels_by_reference, "it does not cancel by reference")
        visit, offer = await _started(subject)
        request = visit.request(offer, offer.steps[0])
        assert (await subject.provider.undo(visit.undoing(request))).outcome is Outcome.UNDONE
        assert (await subject.provider.act(request)).outcome in OVER

    async def test_it_does_not_say_undone_of_what_it_never_saw_and_would_still_take(self, subject: Subject) -> None:
        _needs(not subject.provider.spec.cancels_by_reference, "it cancels by reference")
        visit, offer = await _started(subject)
        _needs(offer.steps[0].kind is not StepKind.PIVOT, "its first step can't be undone")
        assert (await subject.provider.undo(visit.undoing(visit.request(offer, offer.steps[0])))).outcome is not Outcome.UNDONE

    async def test_an_offer_that_nobody_made_is_refused(self, subject: Subject) -> None:
        visit, offer = await _started(subject)
        _needs("offer_id" in offer.steps[0].input, "its first step needs no offer")
        request = visit.request(offer, offer.steps[0])
        answer = await subject.provider.act(request.model_copy(update={"input": request.input | {"offer_id": "nobody's"}}))
        assert (answer.outcome, bool(answer.code)) == (Outcome.REFUSED, True)

    async def test_another_amount_than_its_price_is_refused(self, subject: Subject) -> None:
        visit, offer = await _started(subject)
        price = offer.price
        _needs(price is not None and price.amount_minor > 1, "it has no price of its own")
        requests: list[Request] = []
        for step in offer.steps:
            if step.obliges and price:
                wrong = visit.request(offer, step, amount=price.model_copy(update={"amount_minor": price.amount_minor - 1}))
                assert (await subject.provider.act(wrong)).outcome is Outcome.REFUSED
                break
            requests.append(await visit.do(offer, step))
        await _undone(visit, offer, requests)


async def _undone(visit: Visit, offer: Offer, requests: list[Request]) -> None:
    """Undo what was done; an object that a later step went on with goes with that one."""
    done = list(zip(offer.steps, requests, strict=False))
    used = {step.acts_on for step, _ in done}
    for step, request in reversed(done):
        if step.kind is not StepKind.PIVOT and step.name not in used:
            answer = await visit.subject.provider.undo(visit.undoing(request))
            assert answer.outcome is Outcome.UNDONE, f"{step.action}: {answer.outcome} {answer.code}"


def _minor(money: Money | None) -> int:
    return money.amount_minor if money else 0
