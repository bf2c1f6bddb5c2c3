"""The providers of a scenario: as exact as their manifests, and as awkward as the scenario's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Clocks, Outcome, UserAction
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Phase
from tuntas.kit.connector.provider import ActionAnswer, Request, UndoAnswer, UndoQuote
from tuntas.kit.decision import Call
from tuntas.kit.forms import View
from tuntas.testkit.scenarios.language import Scenario, Step
from tuntas.testkit.scenarios.plans import OBLIGING, idr, phase
from tuntas.testkit.scenarios.words import Answer

PATIENCE_SECONDS = 600.0
"""How long a provider waits for the person, unless the scenario says."""

Later = Callable[[float, Callable[[], None]], None]
"""Plans something for so many seconds from now."""


@dataclass
class Deed:
    """What one action did, or is about to: `reference` is ours, `name` the provider's, `on` what it acts on. `asked`: the person must act.

    When it is gone, `fee` is what the provider kept of it. `parts` is what came back of it while the rest stands, by the undo's key.
    """

    provider: str
    step: Step
    reference: str
    name: str
    amount: Money | None
    on: "Deed | None"
    state: str
    until: datetime | None = None
    ended_by: str = ""
    refused: bool = False
    fee: int = 0
    parts: dict[UUID, int] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether somebody is bound by it."""
        return self.state != "gone"

    @property
    def left(self) -> int:
        """What it came to, less what came back of it."""
        return (self.amount.amount_minor if self.amount else 0) - sum(self.parts.values())


@dataclass
class Providers:
    """All providers of a scenario. `coming` are parts on their way back, by key; `wrongs` is what they were asked that nobody may ask."""

    scenario: Scenario
    later: Later
    deeds: list[Deed] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    refusals: dict[UUID, str] = field(default_factory=dict)
    keys: dict[UUID, Deed] = field(default_factory=dict)
    fees: dict[str, int] = field(default_factory=dict)
    coming: set[UUID] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)
    quotes: int = 0

    def handle(self, call: Call, answer: Answer | None, now: datetime) -> Document:
        """Carry out one call, and return its answer as a connector's shell would."""
        request = Request.model_validate(call.body)
        methods: Mapping[str, Callable[[str, Request, Answer, datetime], View | None]]
        methods = {"act": self._act, "inquire": self._inquire, "undo_quote": self._quote, "undo": self._undo}
        found = methods[call.kind](call.party, request, answer or Answer(word="truth"), now)
        return {"found": False} if found is None else found.model_dump(mode="json", exclude_defaults=True) | {"found": True}

    def of(self, reference: str) -> Deed | None:
        """Return what has our reference: what is alive, else the last."""
        found = [deed for deed in self.deeds if deed.reference == reference]
        return next((deed for deed in found if deed.alive), found[-1] if found else None)

    def latest(self, step: str) -> Deed | None:
        """Return what the last attempt of a step did."""
        return next((deed for deed in reversed(self.deeds) if deed.step.name == step), None)

    def end(self, deed: Deed, code: str, fee: int = 0) -> None:
        """Let something end, and with it what acts on it, and what it acts on: they are one object."""
        if not deed.alive:
            return
        deed.state, deed.ended_by, deed.fee = "gone", code, fee
        for other in self.deeds:
            if other.on is deed or deed.on is other:
                self.end(other, code)

    def prove(self, deed: Deed, now: datetime) -> None:
        """Let what the person was asked to do be done."""
        self._stand(deed, now)

    # Actions

    def _act(self, provider: str, request: Request, answer: Answer, now: datetime) -> ActionAnswer | None:
        honours = self.scenario.sellers[provider].honours_keys
        if honours and (known := self.keys.get(request.idempotency_key)):
            return self._seen(known, now)
        refusal = self.refusals.get(request.idempotency_key) if honours else None
        if refusal := refusal or self._refusal(request, answer):
            self.refusals[request.idempotency_key] = refusal
            return ActionAnswer(outcome=Outcome.REFUSED, code=refusal)
        return self._seen(self._do(provider, request, answer, now), now)

    def _refusal(self, request: Request, answer: Answer) -> str:
        if request.reference in self.bound:
            return "cancelled"
        on = self._named(request.object_reference)
        if request.object_reference and (on is None or on.state != "alive"):
            return (on.ended_by if on else "") or "no_object"
        return (answer.detail or "sold_out") if answer.word == "refused" else ""

    def _do(self, provider: str, request: Request, answer: Answer, now: datetime) -> Deed:
        step = self.scenario.step(request.action)
        amount = request.amount if step.actual is None else idr(step.actual)
        name = f"{provider}-{len(self.deeds) + 1}"
        deed = Deed(provider, step, request.reference, name, amount, self._named(request.object_reference), "pending")
        self.deeds.append(deed)
        self.keys[request.idempotency_key] = deed
        if answer.word == "needs_user":
            deed.state, deed.until = "asked", now + timedelta(seconds=answer.seconds or PATIENCE_SECONDS)
        elif answer.word != "pending":
            self._stand(deed, now)
        elif answer.seconds is not None:
            self.later(answer.seconds, lambda: self._stand(deed, now + timedelta(seconds=answer.seconds or 0)))
        return deed

    def _stand(self, deed: Deed, now: datetime) -> None:
        if deed.state not in {"pending", "asked"}:
            return
        deed.state, deed.until = "alive", None
        if lasts := deed.step.lasts:
            deed.until = now + timedelta(seconds=lasts)
            code = "authorization_expired" if self.phase(deed) is Phase.AUTHORIZE else "hold_expired"
            self.later(lasts, lambda: None if self._taken(deed) else self.end(deed, code))

    def _taken(self, deed: Deed) -> bool:
        return any(other.on is deed and other.alive for other in self.deeds)

    def phase(self, deed: Deed) -> Phase:
        """Return the phase of what was done."""
        return phase(self.scenario, deed.step)

    # Inquiries

    def _inquire(self, provider: str, request: Request, answer: Answer, now: datetime) -> ActionAnswer | None:
        if answer.word == "not_found" or not self.scenario.sellers[provider].inquires:
            return None
        deed = self.of(request.reference)
        if answer.word == "pending":
            return ActionAnswer(outcome=Outcome.PENDING)
        if answer.word == "done":
            deed = deed or self._do(provider, request, answer, now)
            self._stand(deed, now)
        elif answer.word == "refused":
            return self._declined(deed, answer.detail or "declined")
        if deed:
            return self._seen(deed, now)
        on = self._named(request.object_reference)
        return ActionAnswer(outcome=Outcome.REFUSED, code=on.ended_by or "not_alive") if on and not on.alive else None

    def _declined(self, deed: Deed | None, code: str) -> ActionAnswer:
        if deed and deed.alive:
            deed.state, deed.ended_by, deed.refused = "gone", code, True
        return ActionAnswer(outcome=Outcome.REFUSED, code=code)

    def _seen(self, deed: Deed, now: datetime) -> ActionAnswer:
        told: Any = {"reference": deed.name, "evidence": {"state": deed.state}}
        if deed.refused:
            return ActionAnswer(outcome=Outcome.REFUSED, code=deed.ended_by)
        if not deed.alive:
            refund = idr(deed.amount.amount_minor - deed.fee) if deed.amount and self.phase(deed) in OBLIGING else None
            return ActionAnswer(outcome=Outcome.UNDONE, code=deed.ended_by, refund=refund, amount=deed.amount, **told)
        if deed.state == "asked":
            action = UserAction(url="https://provider.test/prove", reason="authentication_required", until=deed.until or now)
            return ActionAnswer(outcome=Outcome.NEEDS_USER, code="authentication_required", action=action, **told)
        if deed.state in {"pending", "ending"}:
            return ActionAnswer(outcome=Outcome.PENDING, **told)
        clocks = Clocks(authorized_until=deed.until) if self.phase(deed) is Phase.AUTHORIZE else Clocks(space_until=deed.until)
        return ActionAnswer(outcome=Outcome.DONE, amount=deed.amount, clocks=clocks, **told)

    # Compensations

    def _quote(self, _: str, request: Request, answer: Answer, __: datetime) -> UndoQuote:
        if answer.word == "fee":
            self.fees[request.action] = int(answer.detail)
        deed = self._target(request)
        if answer.word == "refused":
            return UndoQuote(allowed=False, code=answer.detail or "not_refundable")
        if deed is None or not deed.alive:
            return UndoQuote()
        self.quotes += 1
        fee = self._fee(deed)
        price = deed.amount.amount_minor if deed.amount else 0
        return UndoQuote(fee=idr(fee), refund=idr(max(0, price - fee)), quote_id=f"{fee}-{self.quotes}")

    def _undo(self, provider: str, request: Request, answer: Answer, _: datetime) -> UndoAnswer:
        named, deed = request.own_reference or request.object_reference, self._target(request)
        binds = self.scenario.sellers[provider].cancels_by_reference and not named
        if binds:
            self.bound.add(request.reference)
        if deed is None:
            unknown = UndoAnswer(outcome=Outcome.PENDING, code="not_found")
            return UndoAnswer(outcome=Outcome.UNDONE, gone=bool(named), evidence={"bound": binds}) if named or binds else unknown
        return self._part(deed, request, answer) if deed.alive and request.part else self._given_up(deed, request, answer)

    def _part(self, deed: Deed, request: Request, answer: Answer) -> UndoAnswer:
        """Give back a part of the money, once for each key, whose refusal is repeated."""
        key, part = request.idempotency_key, request.part or idr(0)
        if answer.word == "refused":
            self.refusals.setdefault(key, answer.detail or "not_refundable")
        if key not in deed.parts:
            if key in self.refusals:
                return UndoAnswer(outcome=Outcome.REFUSED, code=self.refusals[key])
            if answer.word == "pending" and answer.seconds is not None:
                self.later(answer.seconds, lambda: self._returned(deed, key, part))
            if answer.word == "pending" or (key in self.coming and answer.word != "done"):
                self.coming.add(key)
                return UndoAnswer(outcome=Outcome.PENDING)
            self._returned(deed, key, part)
        return UndoAnswer(outcome=Outcome.UNDONE, refund=part, reference=deed.name, evidence={"state": deed.state})

    def _returned(self, deed: Deed, key: UUID, part: Money) -> None:
        deed.parts[key] = part.amount_minor
        if deed.left < 0:
            self.wrongs.append(f"P13: more came back of {deed.step.name} than was paid: {deed.parts}")
        if deed.left == 0:
            self.end(deed, "refunded")

    def _given_up(self, deed: Deed, request: Request, answer: Answer) -> UndoAnswer:
        if deed.alive:
            if answer.word == "refused":
                return UndoAnswer(outcome=Outcome.REFUSED, code=answer.detail or "not_refundable")
            fee = self._fee(deed)
            if answer.word == "pending" and answer.seconds is not None:
                self.later(answer.seconds, lambda: self.end(deed, "cancelled", fee))
            if answer.word == "pending" or (deed.state == "ending" and answer.word != "done"):
                deed.state = "ending"
                return UndoAnswer(outcome=Outcome.PENDING)
            if fee and request.quote_id and request.quote_id.partition("-")[0] != str(fee):
                return UndoAnswer(outcome=Outcome.REFUSED, code="fee_grown")
            if fee and not request.quote_id:
                self.wrongs.append(f"a fee of {fee} for {deed.step.name} is paid that nobody was quoted")
            self.end(deed, "cancelled", fee)
        facts: dict[str, Any] = {"fee": idr(deed.fee), "reference": deed.name, "evidence": {"state": deed.ended_by}}
        if deed.amount and self.phase(deed) in OBLIGING:
            facts["refund"] = idr(deed.left - deed.fee)
        return UndoAnswer(outcome=Outcome.UNDONE, gone=deed.ended_by.endswith("expired"), **facts)

    def _fee(self, deed: Deed) -> int:
        due = deed.state in {"alive", "ending"} and self.phase(deed) in OBLIGING and self.phase(deed) is not Phase.AUTHORIZE
        return self.fees.get(deed.step.name, deed.step.fee) if due else 0

    def _target(self, request: Request) -> Deed | None:
        """What a compensation is about: what it names, else what has our reference, else the object that the action was to act on."""
        if request.own_reference:
            return self._named(request.own_reference)
        return self.of(request.reference) or self._named(request.object_reference)

    def _named(self, name: str | None) -> Deed | None:
        return next((deed for deed in self.deeds if name and deed.name == name), None)
