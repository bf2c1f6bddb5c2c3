"""Simulated providers: objects that are held, bought and given up, each as exact as its manifest, as awkward as its moods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Clocks, Outcome, UserAction
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote
from tuntas.kit.decision import Call
from tuntas.kit.forms import View
from tuntas.testkit.moods import Moods

ALIVE = frozenset({"pending", "asked", "held", "buying", "bought", "refunding"})


@dataclass
class Item:
    """One object. `reference` is the first action's, `bought_by` the second's; `change_at` is when it changes by itself.

    `parts` is what was given back of it while it stands, by the key of each refund; nothing by one that was refused.
    """

    name: str
    task_id: UUID
    provider: str
    money: bool
    reference: str
    price: Money
    state: str
    change_at: datetime
    bought_by: str | None = None
    bought_name: str = ""
    amount: Money | None = None
    ended_by: str = ""
    fee: int = 0
    charged: int = 0
    parts: dict[UUID, int] = field(default_factory=dict)
    stubborn: bool = False

    @property
    def alive(self) -> bool:
        """Whether somebody is bound by it."""
        return self.state in ALIVE

    @property
    def returned(self) -> int:
        """How much of it was given back while it stands."""
        return sum(self.parts.values())

    @property
    def bought(self) -> bool:
        """Whether the second action took effect."""
        return self.state in {"bought", "refunding"}


@dataclass
class House:
    """A provider. `changed` are objects it has not told about; `wrongs` what it was asked that nobody may ask.

    `overdue` are attempts whose request was under way for longer than the manifest promises.
    """

    spec: ProviderSpec
    money: bool
    first: str
    moods: Moods
    offers: dict[str, Offer]
    items: list[Item] = field(default_factory=list)
    changed: list[Item] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    acted: dict[UUID, ActionAnswer | None] = field(default_factory=dict)
    bodies: dict[tuple[str, UUID], tuple[Any, ...]] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    overdue: set[UUID] = field(default_factory=set)
    quotes: int = 0

    def handle(self, call: Call, now: datetime) -> Document:
        """Carry out one call and return its answer as a connector's shell would."""
        request = Request.model_validate(call.body)
        if call.kind != "inquire":
            self._same_body(call, request)
        methods: Mapping[str, Callable[[Request, datetime], View | None]]
        methods = {"act": self.act, "inquire": self.inquire, "undo_quote": self.undo_quote, "undo": self.undo}
        answer = methods[call.kind](request, now)
        return {"found": False} if answer is None else answer.model_dump(mode="json", exclude_defaults=True) | {"found": True}

    def _same_body(self, call: Call, request: Request) -> None:
        body = (request.action, request.own_reference or request.object_reference, request.amount, request.quote_id, request.part)
        if self.bodies.setdefault((call.kind, request.idempotency_key), body) != body and self.spec.honours_keys:
            self.wrongs.append(
                f"P3: {call.kind} {request.idempotency_key} was {self.bodies[call.kind, request.idempotency_key]}, is {body}"
            )

    def act(self, request: Request, now: datetime) -> ActionAnswer | None:
        """Do the first or the second action, once for a key if keys are honoured: a refusal is repeated, an object told as it is now."""
        key = request.idempotency_key
        if self.spec.honours_keys and key in self.acted:
            return self.acted[key] or self.inquire(request, now)
        answer = self._hold(request, now) if request.action == self.first else self._buy(request, now)
        self.acted[key] = answer if answer.outcome is Outcome.REFUSED else None
        return answer

    def spent(self, call: Call) -> bool:
        """Say whether a request of an action, should it arrive later, can do nothing any more."""
        request = Request.model_validate(call.body)
        if request.reference in self.bound or (self.spec.honours_keys and request.idempotency_key in self.acted):
            return True
        item = self._named(request.object_reference)
        return item is not None and item.state not in {"pending", "asked", "held"}

    def _hold(self, request: Request, now: datetime) -> ActionAnswer:
        if request.reference in self.bound:
            return ActionAnswer(outcome=Outcome.REFUSED, code="cancelled")
        offer = self.offers.get(str(request.input.get("offer_id")))
        price = request.amount if self.money else offer.price if offer else None
        if price is None or (offer and offer.expires_at < now):
            return ActionAnswer(outcome=Outcome.REFUSED, code="offer_expired")
        if self.moods.roll("refuse"):
            return ActionAnswer(outcome=Outcome.REFUSED, code=self.moods.rng.choice(_PAYMENT_REFUSALS if self.money else _REFUSALS))
        if not self.money and self.moods.roll("other price"):
            tenths = 11 if len(self.items) % 3 == 2 else 9
            price = price.model_copy(update={"amount_minor": price.amount_minor * tenths // 10})
        item = Item(
            f"{self.spec.name}-{len(self.items) + 1}", request.task_id, self.spec.name, self.money, request.reference, price, "held", now
        )
        item.fee = _fee(offer)
        item.state = "pending" if self.moods.roll("pending") else "asked" if self.money and self.moods.roll("asks") else "held"
        self._clock(item, now)
        self.items.append(item)
        return self._seen(request, item) or ActionAnswer(outcome=Outcome.PENDING)

    def _clock(self, item: Item, now: datetime) -> None:
        short = self.moods.roll("expiry")
        seconds = self.moods.rng.uniform(4, 60) if short else 1500.0
        if item.state in {"pending", "buying", "refunding"}:
            seconds = self.moods.rng.uniform(1, 40)
        item.change_at = now + timedelta(seconds=seconds)

    def _buy(self, request: Request, now: datetime) -> ActionAnswer:
        item = self._named(request.object_reference)
        if item is None:
            return ActionAnswer(outcome=Outcome.REFUSED, code="no_object")
        if item.state != "held":
            return self._seen(request, item) or ActionAnswer(outcome=Outcome.REFUSED, code="not_alive")
        amount = request.amount if self.money else item.price
        if amount is None or amount.amount_minor > item.price.amount_minor:
            self.wrongs.append(f"P13: {request.amount} asked of {item.price}")
            return ActionAnswer(outcome=Outcome.REFUSED, code="amount")
        if self.moods.roll("refuse"):
            return ActionAnswer(outcome=Outcome.REFUSED, code=self.moods.rng.choice(_REFUSALS[2:]))
        item.bought_by, item.amount = request.reference, amount
        item.bought_name = f"{item.name}-paid" if self.money else item.name
        item.stubborn = not self.money and self.moods.roll("stubborn")
        item.state = "buying" if self.moods.roll("pending") else "bought"
        if item.state == "buying":
            self._clock(item, now)
        return self._seen(request, item) or ActionAnswer(outcome=Outcome.PENDING)

    def inquire(self, request: Request, _: datetime) -> ActionAnswer | None:
        """Say what became of an action; none if nothing is known of it. Without keys, a second hold is given up as soon as it is seen."""
        if request.action != self.first:
            item = self._named(request.object_reference)
            return self._seen(request, item) if item else None
        found = sorted(
            (i for i in self.items if i.reference == request.reference), key=lambda i: (not i.alive, i.name != request.own_reference)
        )
        for surplus in found[1:]:
            if surplus.state == "held":
                self.end(surplus, "cancelled", told=True)
        return self._seen(request, found[0]) if found else None

    def _seen(self, request: Request, item: Item) -> ActionAnswer | None:
        """An object as the outcome of one of its two actions."""
        first = request.action == self.first
        told: Document = {"reference": item.name if first else item.bought_name or item.name, "evidence": {"state": item.state}}
        if not first and item.bought_by != request.reference:
            return (
                None
                if item.state in {"held", "pending", "asked"}
                else ActionAnswer(outcome=Outcome.REFUSED, code=item.ended_by or "not_alive")
            )
        amount = item.price if first else item.amount
        if not item.alive:
            if item.ended_by == "declined":
                return ActionAnswer(outcome=Outcome.REFUSED, code="declined", **told)
            refund = amount.model_copy(update={"amount_minor": amount.amount_minor - item.charged}) if amount and item.bought_by else None
            return ActionAnswer(outcome=Outcome.UNDONE, code=item.ended_by, refund=refund, amount=item.amount or item.price, **told)
        if item.state == "asked":
            action = UserAction(url="https://pay.test/1", reason="authentication_required", until=item.change_at)
            return ActionAnswer(outcome=Outcome.NEEDS_USER, code="authentication_required", action=action, **told)
        if item.state in {"pending", "refunding"} or (item.state == "buying" and not (first and self.money)):
            return ActionAnswer(outcome=Outcome.PENDING, **told)
        until = item.change_at if item.state == "held" else None
        clocks = Clocks(authorized_until=until) if self.money else Clocks(space_until=until)
        return ActionAnswer(outcome=Outcome.DONE, amount=amount, clocks=clocks if first else Clocks(), **told)

    def undo_quote(self, request: Request, _: datetime) -> UndoQuote:
        """Quote giving up: free while held, else the fee; every quote has an id of its own."""
        item = self._target(request)
        if item is None or not item.alive or (self.money and request.action == self.first):
            return UndoQuote()
        if item.stubborn:
            return UndoQuote(allowed=False, code="not_refundable")
        if item.bought and self.moods.roll("dear"):
            item.fee = min(item.price.amount_minor, item.fee * 2 + 5_000)
        self.quotes += 1
        fee = self._due(item)
        price = (item.amount or item.price).amount_minor if item.bought else 0
        return UndoQuote(fee=self._idr(fee, item), refund=self._idr(price - fee, item), quote_id=f"{item.state}-{fee}-{self.quotes}")

    def undo(self, request: Request, now: datetime) -> UndoAnswer:
        """Give up what is named, or whatever has or will have the reference, on the terms of the quote if there is one."""
        item = self._target(request)
        named = request.own_reference or request.object_reference
        if not named and self.spec.cancels_by_reference:
            self.bound.add(request.reference)
            if item is None:
                return UndoAnswer(outcome=Outcome.UNDONE, evidence={"bound": True})
        if item is None:
            return UndoAnswer(outcome=Outcome.UNDONE, gone=True) if named else UndoAnswer(outcome=Outcome.PENDING, code="not_found")
        return self._given_up(request, item, now)

    def _given_up(self, request: Request, item: Item, now: datetime) -> UndoAnswer:
        if not item.alive:
            told = {"fee": self._idr(item.charged, item), "gone": item.ended_by.endswith("expired")}
            return UndoAnswer(outcome=Outcome.UNDONE, reference=item.name, evidence={"state": item.state}, **told)
        if item.state in {"buying", "refunding"}:
            return UndoAnswer(outcome=Outcome.PENDING)
        voids = self.money and request.action == self.first
        if item.stubborn or (voids and item.bought):
            return UndoAnswer(outcome=Outcome.REFUSED, code="not_refundable" if item.stubborn else "already_captured")
        return self._given_back(request, item) if request.part and item.bought else self._on_terms(request, item, now)

    def _on_terms(self, request: Request, item: Item, now: datetime) -> UndoAnswer:
        fee = self._due(item)
        if request.quote_id and not request.quote_id.startswith(f"{item.state}-{fee}-"):
            return UndoAnswer(outcome=Outcome.REFUSED, code="fee_grown")
        if fee and not request.quote_id and request.key not in self.overdue:
            self.wrongs.append(f"a fee of {fee} is paid that nobody was quoted: {item.name}")
        if self.money and item.bought and self.moods.roll("pending"):
            item.state = "refunding"
            self._clock(item, now)
            return UndoAnswer(outcome=Outcome.PENDING)
        item.charged = fee
        refund = self._idr((item.amount or item.price).amount_minor - fee, item) if item.bought else None
        self.end(item, "refunded" if item.money and item.bought else "authorization_voided" if item.money else "cancelled", told=True)
        return UndoAnswer(
            outcome=Outcome.UNDONE, fee=self._idr(fee, item), refund=refund, reference=item.name, evidence={"state": item.state}
        )

    def _given_back(self, request: Request, item: Item) -> UndoAnswer:
        """Give back a part of what was paid, once for each key, whose refusal is repeated; when all came back, nothing is left of it."""
        key, part = request.idempotency_key, request.part or item.price
        whole = (item.amount or item.price).amount_minor
        if key not in item.parts and self.moods.roll("pending"):
            return UndoAnswer(outcome=Outcome.PENDING)
        if key not in item.parts:
            item.parts[key] = 0 if self.moods.roll("refuse") else part.amount_minor
        if not item.parts[key]:
            return UndoAnswer(outcome=Outcome.REFUSED, code="unavailable")
        if item.returned > whole:
            self.wrongs.append(f"P13: {item.parts} given back of {whole}")
        if item.returned == whole:
            self.end(item, "refunded", told=True)
        return UndoAnswer(outcome=Outcome.UNDONE, refund=part, reference=item.name, evidence={"state": item.state})

    def end(self, item: Item, code: str, *, told: bool = False) -> None:
        """Let an object end."""
        item.state, item.ended_by = "gone", code
        if not told:
            self.changed.append(item)

    def tick(self, now: datetime) -> None:
        """Let time change what it changes: clocks run out, what was pending is decided."""
        for item in self.items:
            if item.alive and item.state != "bought" and item.change_at <= now:
                self._change(item, now)

    def _change(self, item: Item, now: datetime) -> None:
        if item.state == "refunding":
            self.end(item, "refunded")
        elif item.state in {"held", "asked"}:
            self.end(item, "authorization_expired" if self.money else "hold_expired")
        elif self.moods.roll("refuse"):
            self.end(item, "declined" if self.money and item.state == "pending" else "cancelled_by_provider")
        else:
            item.state = "bought" if item.state == "buying" else "held"
            self._clock(item, now)
            self.changed.append(item)

    def instants(self) -> list[datetime]:
        """Return when something changes by itself."""
        return [i.change_at for i in self.items if i.alive and i.state != "bought"]

    def _target(self, request: Request) -> Item | None:
        named = request.own_reference or request.object_reference
        if named:
            return self._named(named)
        mine = [i for i in self.items if request.reference in {i.reference, i.bought_by}]
        return next((i for i in mine if i.alive), mine[-1] if mine else None)

    def _named(self, name: str | None) -> Item | None:
        return next((i for i in self.items if name and name in {i.name, i.bought_name}), None)

    def _due(self, item: Item) -> int:
        return item.fee if item.bought and not self.money else 0

    def _idr(self, minor: int, item: Item) -> Money:
        return Money(amount_minor=minor, currency=item.price.currency)


_REFUSALS = ("sold_out", "price_changed", "unavailable", "rate_limited")
_PAYMENT_REFUSALS = ("declined", "unavailable")


def _fee(offer: Offer | None) -> int:
    fees = [step.undo.fee.amount_minor for step in offer.steps if step.undo.fee] if offer else []
    return max(fees, default=0)
