"""A provider in memory, as exact as its manifest: objects that are held, bought and given up, and calls that arrive late."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote
from tuntas.kit.decision import Call
from tuntas.kit.forms import View

ALIVE = frozenset({"held", "bought"})


@dataclass
class Thing:
    """One object. `reference` is the first action's, `bought_as` the second's; `ended_by` says who gave it up.

    `parts` is what was given back of it while it stands, by the key of each refund.
    """

    name: str
    reference: str
    state: str = "held"
    bought_as: str | None = None
    ended_by: str = ""
    fee: int = 0
    parts: dict[UUID, Money] = field(default_factory=dict)


@dataclass
class Model:
    """Answers calls as a provider with this manifest would. `first` holds, any other action buys what `object_reference` names."""

    spec: ProviderSpec
    first: str
    price: Money
    fee_minor: int = 0
    things: list[Thing] = field(default_factory=list)
    answers: dict[UUID, Document] = field(default_factory=dict)
    bodies: dict[UUID, tuple[str | None, ...]] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    late: list[tuple[datetime, Call]] = field(default_factory=list)
    refuse_next: str = ""
    fees: list[int] = field(default_factory=list)
    quotes: int = 0

    @property
    def alive(self) -> list[Thing]:
        """What somebody is still bound by."""
        return [thing for thing in self.things if thing.state in ALIVE]

    def handle(self, call: Call) -> Document:
        """Carry out one call and return its answer as a connector's shell would."""
        request = Request.model_validate(call.body)
        if call.kind != "inquire" and self._reused(call, request):
            return {"found": True, "outcome": "refused", "code": "key_reused", "allowed": False}
        if call.kind == "act":
            return self._once(request)
        answer: View | None
        if call.kind == "inquire":
            answer = self.inquire(request)
        else:
            answer = self.undo_quote(request) if call.kind == "undo_quote" else self.undo(request)
        return {"found": False} if answer is None else _document(answer)

    def _reused(self, call: Call, request: Request) -> bool:
        """Say whether this key came with another body before."""
        body = (call.kind, request.action, request.own_reference or request.object_reference, request.quote_id, str(request.part))
        return self.spec.honours_keys and self.bodies.setdefault(request.idempotency_key, body) != body

    def _once(self, request: Request) -> Document:
        if self.spec.honours_keys and request.idempotency_key in self.answers:
            return self.answers[request.idempotency_key]
        answer = _document(self._act(request))
        if self.spec.honours_keys:
            self.answers[request.idempotency_key] = answer
        return answer

    def _act(self, request: Request) -> ActionAnswer:
        if code := self.refuse_next:
            self.refuse_next = ""
            return ActionAnswer(outcome=Outcome.REFUSED, code=code)
        if request.reference in self.bound:
            return ActionAnswer(outcome=Outcome.REFUSED, code="cancelled")
        if request.action == self.first:
            thing = Thing(f"thing-{len(self.things) + 1}", request.reference)
            self.things.append(thing)
            return ActionAnswer(outcome=Outcome.DONE, reference=thing.name, amount=self.price)
        found = self._named(request.object_reference)
        if found is None:
            return ActionAnswer(outcome=Outcome.REFUSED, code="no_object")
        if found.state == "held":
            found.state, found.bought_as = "bought", request.reference
        return self._seen(request, found) or ActionAnswer(outcome=Outcome.REFUSED, code="already_confirmed")

    def inquire(self, request: Request) -> ActionAnswer | None:
        """Say what became of an action; None if nothing is known of it."""
        if request.action == self.first:
            own = [t for t in self.things if t.reference == request.reference]
            thing = next((t for t in own if t.state in ALIVE), own[-1] if own else None)
        else:
            thing = self._named(request.object_reference)
        return None if thing is None else self._seen(request, thing)

    def _seen(self, request: Request, thing: Thing) -> ActionAnswer | None:
        """The object as the outcome of one of its two actions."""
        told: dict[str, Any] = {"reference": thing.name, "evidence": {"state": thing.state}}
        mine = request.action == self.first or thing.bought_as == request.reference
        if thing.state not in ALIVE:
            code = thing.ended_by or "hold_expired"
            return ActionAnswer(outcome=Outcome.UNDONE if mine else Outcome.REFUSED, code=code, **told)
        if request.action != self.first and not mine:
            return None if thing.state == "held" else ActionAnswer(outcome=Outcome.REFUSED, code="already_confirmed")
        return ActionAnswer(outcome=Outcome.DONE, amount=self.price, **told)

    def undo_quote(self, request: Request) -> UndoQuote:
        """Quote giving up: free while held, else the fee; every quote has a new id."""
        thing = self._named(request.own_reference or request.object_reference)
        if thing is None or thing.state not in ALIVE:
            return UndoQuote()
        self.quotes += 1
        return UndoQuote(
            fee=self._money(self._fee(thing)), refund=self._money(0), quote_id=f"{thing.state}-{self._fee(thing)}-{self.quotes}"
        )

    def undo(self, request: Request) -> UndoAnswer:
        """Give up what is named, or whatever has or will have the reference; on the terms of the quote, if there is one."""
        name = request.own_reference or request.object_reference
        thing = self._named(name)
        if name is None:
            self.bound.add(request.reference)
            thing = next((t for t in self.alive if request.reference in {t.reference, t.bought_as}), None)
            return self._ended(thing) if thing else UndoAnswer(outcome=Outcome.UNDONE, evidence={"bound": True})
        if thing is None:
            return UndoAnswer(outcome=Outcome.UNDONE, gone=True)
        if thing.state in ALIVE and request.quote_id and not request.quote_id.startswith(f"{thing.state}-{self._fee(thing)}-"):
            return UndoAnswer(outcome=Outcome.REFUSED, code="fee_grown")
        return self._given_back(request, thing) if request.part and thing.state in ALIVE else self._ended(thing)

    def _given_back(self, request: Request, thing: Thing) -> UndoAnswer:
        """Give back a part, once for each key, without saying how much; nothing is left of it when all came back."""
        part = request.part or self.price
        thing.parts[request.idempotency_key] = part
        if sum(each.amount_minor for each in thing.parts.values()) >= self.price.amount_minor:
            self._ended(thing)
        return UndoAnswer(outcome=Outcome.UNDONE, reference=thing.name, evidence={"state": thing.state})

    def _ended(self, thing: Thing) -> UndoAnswer:
        if thing.state in ALIVE:
            thing.fee = self._fee(thing)
            self.fees.append(thing.fee)
            thing.state, thing.ended_by = "cancelled", "cancelled"
        expired = thing.state == "expired"
        return UndoAnswer(
            outcome=Outcome.UNDONE, fee=self._money(thing.fee), reference=thing.name, gone=expired, evidence={"state": thing.state}
        )

    def end(self, thing: Thing, state: str, code: str) -> None:
        """Let the other side end an object by itself."""
        thing.state, thing.ended_by = state, code

    def postpone(self, call: Call, now: datetime, seconds: float) -> None:
        """Let a call arrive later."""
        self.late.append((now + timedelta(seconds=seconds), call))

    def arrive(self, now: datetime) -> None:
        """Carry out what is due."""
        due = [call for at, call in self.late if at <= now]
        self.late = [(at, call) for at, call in self.late if at > now]
        for call in due:
            self.handle(call)

    def _fee(self, thing: Thing) -> int:
        return self.fee_minor if thing.state == "bought" else 0

    def _money(self, minor: int) -> Money:
        return Money(amount_minor=minor, currency=self.price.currency)

    def _named(self, name: str | None) -> Thing | None:
        return next((thing for thing in self.things if thing.name == name), None)


def _document(answer: View) -> Document:
    document: Document = answer.model_dump(mode="json", exclude_defaults=True)
    return document | {"found": True}
