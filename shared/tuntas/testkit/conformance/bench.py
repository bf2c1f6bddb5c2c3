"""One task at one connector: commands in, calls answered by a modelled provider as they are disturbed, replies out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import (
    Declaration,
    EffectObserved,
    Outcome,
    ProviderNotified,
    StepReplied,
    StepStarted,
    StepUndo,
    StepUndone,
)
from tuntas.contracts.ids import attempt_key
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Approval, Line, Phase, Statement, StepKind, UndoTerms
from tuntas.contracts.registry import ProviderSpec
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.connector.effects import Effect, Effects, State
from tuntas.kit.connector.provider import Specs
from tuntas.kit.connector.service import Connector
from tuntas.kit.decision import Call
from tuntas.kit.signing import approve, open_approval, public_hex
from tuntas.testkit.conformance.model import Model
from tuntas.testkit.history import START, History

PRIVATE = "11" * 32
KEY_ID = "test"
PRICE = Money(amount_minor=250_000, currency="IDR")
FEE = 40_000
SOON = START + timedelta(minutes=20)


@dataclass(frozen=True)
class Case:
    """A connector's two actions on one object, `hold` and then `buy`, at a provider with this manifest."""

    connector: Connector
    provider: ProviderSpec
    hold: str
    buy: str

    @property
    def specs(self) -> Specs:
        """What the effects core knows of the connector."""
        actions = {spec.action: spec for goal in self.connector.goal_types for spec in goal.actions}
        providers = {self.provider.name: self.provider}
        return Specs(connector=self.connector.name, actions=actions, providers=providers, obliging=self.connector.obliging)


class Bench:
    """A history of one task, and the provider it meets."""

    def __init__(self, case: Case, name: str, fee: int = 0) -> None:
        self.case = case
        self.model = Model(case.provider, case.hold, PRICE, fee)
        rules = Rules(case.specs, lambda approval: open_approval(approval, {KEY_ID: public_hex(PRIVATE)}))
        self.history: History[Effects] = History(core(rules), f"connectors-{case.connector.name}", name)

    def key(self, step: str, attempt: int = 1) -> UUID:
        """Return the key of an attempt."""
        return attempt_key(self.history.task_id, step, attempt)

    def effect(self, step: str, attempt: int = 1) -> Effect:
        """Return what the connector knows of an attempt."""
        found: Effect = self.history.state.effects[self.key(step, attempt)]
        return found

    def statement(self, **changes: Any) -> Statement:
        """Return what trust would sign for this task."""
        lines = tuple(
            Line(step_id=step, payees=(self.case.provider.name,), ceiling=PRICE, instruments=("card",)) for step in ("hold", "buy")
        )
        found = Statement(
            tenant=self.history.tenant,
            task_id=str(self.history.task_id),
            revision=1,
            plan_digest="d",
            lines=lines,
            ceilings={PRICE.currency: PRICE.amount_minor},
            authorize_by=SOON,
            capture_by=SOON,
        )
        return found.model_copy(update=changes)

    def approval(self, **changes: Any) -> Approval:
        """Return a signed approval of this task."""
        return approve(self.statement(**changes), KEY_ID, PRIVATE)

    def command(self, step: str, attempt: int = 1, **changes: Any) -> StepStarted:
        """Return the command of an attempt: `hold`, or `buy` acting on the first hold."""
        declaration = Declaration(
            step_id=step,
            leg_id="leg",
            connector=self.case.connector.name,
            provider=self.case.provider.name,
            attempt=attempt,
            key=self.key(step, attempt),
            body_digest=changes.pop("digest", "body"),
            revision=1,
            epoch=1,
            kind=StepKind.COMPENSATABLE,
            phase=Phase.HOLD if step == "hold" else Phase.CONFIRM,
            action=self.case.hold if step == "hold" else self.case.buy,
            start=1 if step == "hold" else 2,
            undo=UndoTerms(partly=True),
            forward_by=SOON,
        )
        acts_on = None if step == "hold" else self.key("hold", changes.pop("on", 1))
        message = StepStarted(declaration=declaration, tried=1, input={}, acts_on=acts_on, amount=PRICE, approval=self.approval())
        return message.model_copy(update=changes)

    def start(self, step: str, attempt: int = 1, **changes: Any) -> list[Message]:
        """Deliver a command; `expires_at` is the envelope's."""
        expires_at = changes.pop("expires_at", None)
        return self.history.given(self.command(step, attempt, **changes), expires_at=expires_at)

    def give_back(self, step: str, minor: int, number: int = 1) -> list[Message]:
        """Deliver the command to give back a part of what was paid."""
        part = Money(amount_minor=minor, currency=PRICE.currency)
        return self.history.given(StepUndo(step_id=step, key=self.key(step), number=number, part=part))

    def undo(self, step: str, number: int = 1, *, limit: int = 0, accepted: str | None = None, attempt: int = 1) -> list[Message]:
        """Deliver an undo command with this fee limit in minor units."""
        limits = {PRICE.currency: limit} if limit else {}
        key = self.key(step, attempt)
        return self.history.given(StepUndo(step_id=step, key=key, number=number, fee_limit=limits, accepted_quote=accepted))

    def webhook(self, step: str) -> list[Message]:
        """Deliver a provider's hint about an object, addressed as it was given: to its first action."""
        return self.history.given(ProviderNotified(key=self.key(step), event_id="evt"))

    @property
    def call(self) -> Call:
        """The oldest call that is out."""
        return self.history.calls[0]

    def answer(self, fault: str = "", seconds: float = 1.0) -> list[Message]:
        """Let the oldest call meet the provider.

        `lost`: it acts, its answer is lost; `dropped`: it never arrives; `late`: it arrives `seconds` later; `unsent`: it does not leave;
        `parked`: it may not leave; `erased`: whom it is for is not known any more; any other word: an action is refused with this code.
        """
        call, history = self.call, self.history
        self.model.arrive(history.now)
        if fault in {"unsent", "parked", "erased"}:
            return history.answer(call, code="unreachable" if fault == "unsent" else fault)
        if fault == "late":
            self.model.postpone(call, history.now, seconds)
        if fault in {"dropped", "late"}:
            return history.answer(call, code="no_answer", lost=True)
        self.model.refuse_next = fault if fault != "lost" and call.kind == "act" else ""
        result = self.model.handle(call)
        return history.answer(call, code="no_answer", lost=True) if fault == "lost" else history.answer(call, result)

    def settle(self, seconds: float = 120.0) -> list[Message]:
        """Answer every call without disturbance, and let time pass, timers included."""
        sent: list[Message] = []
        until = self.history.now + timedelta(seconds=seconds)
        while True:
            while self.history.calls:
                sent += self.answer()
            due = min(((at, purpose) for purpose, at in self.history.timers.items()), default=None)
            if due is None or due[0] > until:
                break
            sent += self.history.fire(due[1])
        self.history.now = max(self.history.now, until)
        self.model.arrive(self.history.now)
        return sent

    def done(self, *steps: str) -> None:
        """Start these steps and let them be done."""
        for step in steps:
            self.start(step)
            self.answer()

    def calls_of(self, kind: str) -> int:
        """Return how many calls of a kind are out."""
        return sum(call.kind == kind for call in self.history.calls)

    def replies(self, step: str, attempt: int = 1) -> list[StepReplied]:
        """Return what the executor was told of an attempt."""
        return [m for m in self.history.sent if isinstance(m, StepReplied) and m.key == self.key(step, attempt)]

    def undone(self, step: str, attempt: int = 1) -> list[StepUndone]:
        """Return what the coordinator was told of an attempt's undo."""
        return [m for m in self.history.sent if isinstance(m, StepUndone) and m.key == self.key(step, attempt)]

    def observed(self, step: str) -> list[EffectObserved]:
        """Return what the coordinator was told that the other side did."""
        return [m for m in self.history.sent if isinstance(m, EffectObserved) and m.key == self.key(step)]

    def outcome(self, step: str, attempt: int = 1) -> Outcome | None:
        """Return the latest outcome of an attempt, as the executor heard it."""
        replies = self.replies(step, attempt)
        return max(replies, key=lambda r: r.seq).outcome if replies else None

    def undo_outcome(self, step: str) -> Outcome | None:
        """Return the latest outcome of an undo, as the coordinator heard it."""
        replies = self.undone(step)
        return max(replies, key=lambda r: (r.number, r.seq)).outcome if replies else None

    def waits(self) -> list[UUID]:
        """Return the effects that are open and that nothing will wake: there must be none (protocol P18)."""
        open_ = {State.UNSENT, State.CALLING, State.IN_DOUBT, State.PENDING, State.UNDOING}
        row = self.history.rows.get(self.history.task_id)
        effects = row.state.effects if row and row.state else {}
        return [
            key
            for key, effect in effects.items()
            if (effect.state in open_ or (effect.undo and effect.undo.outcome is Outcome.PENDING))
            and not effect.out
            and not any(str(key) in purpose for purpose in self.history.timers)
        ]
