"""Builders for histories of the coordinator: a trip of a hotel and a flight, paid from one authorization."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Declaration, EffectObserved, Outcome, StepStarted, StepUndo, StepUndone
from tuntas.contracts.executor import EndResult, ExecutionEnded, TallyEntry
from tuntas.contracts.ids import attempt_key
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Phase, StepKind, UndoTerms
from tuntas.contracts.saga import SagaCancel, SagaRepair, SagaRepaired
from tuntas.saga.core import core
from tuntas.saga.policy import Policy
from tuntas.saga.state import Saga
from tuntas.testkit.history import START, History

FORWARD_BY = START + timedelta(minutes=10)
TRIP = ("hotel.hold", "flight.hold", "payment.authorize", "hotel.confirm", "flight.confirm", "payment.capture")
NEEDS = {
    "payment.authorize": ("hotel.hold", "flight.hold"),
    "hotel.confirm": ("hotel.hold", "payment.authorize"),
    "flight.confirm": ("flight.hold", "payment.authorize"),
    "payment.capture": ("payment.authorize", "hotel.confirm", "flight.confirm"),
}
PRICES = {"hotel": 100_00, "flight": 250_00, "payment": 350_00}
PHASES = {"hold": Phase.HOLD, "authorize": Phase.AUTHORIZE, "issue": Phase.PIVOT, "capture": Phase.CAPTURE, "look": Phase.READ}
KINDS = {"flight.issue": StepKind.PIVOT, "payment.capture": StepKind.RETRIABLE}


def rupiah(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


class Task(History[Saga]):
    """A task's history at the coordinator. Steps are named `<leg>.<action>`; what they are follows from the tables above."""

    def __init__(self, name: str, policy: Policy = Policy()) -> None:  # noqa: B008 - frozen
        super().__init__(core(policy), "saga", name)
        self.answers: list[SagaRepaired] = []

    def declaration(self, step_id: str, attempt: int = 1, **changes: Any) -> Declaration:
        leg = step_id.partition(".")[0]
        fields: dict[str, Any] = {
            "step_id": step_id,
            "leg_id": leg,
            "connector": "payment" if leg == "payment" else "travel",
            "provider": {"hotel": "bale", "flight": "kite", "payment": "lontar"}.get(leg, leg),
            "attempt": attempt,
            "key": self.key(step_id, attempt),
            "body_digest": "d",
            "revision": 1,
            "epoch": 1,
            "kind": KINDS.get(step_id, StepKind.COMPENSATABLE),
            "phase": PHASES.get(step_id.partition(".")[2], Phase.CONFIRM),
            "action": step_id,
            "needs": NEEDS.get(step_id, ()),
            "start": TRIP.index(step_id) + 1 if step_id in TRIP else 9,
            "undo": UndoTerms(fee=rupiah(10_00) if step_id == "hotel.confirm" else None, partly=step_id == "payment.capture"),
            "sums": ("hotel.confirm", "flight.confirm") if step_id == "payment.capture" else (),
            "at_risk": rupiah(PRICES.get(leg, 50_00)),
            "moves_money": leg == "payment",
            "forward_by": FORWARD_BY,
            "fee_limit": {"IDR": 20_00},
        }
        return Declaration.model_validate(fields | changes)

    def key(self, step_id: str, attempt: int = 1) -> UUID:
        return attempt_key(self.task_id, step_id, attempt)

    def declared(self, *steps: str, attempt: int = 1, **changes: Any) -> list[Message]:
        sent: list[Message] = []
        for step in steps:
            sent += self.given(StepStarted(declaration=self.declaration(step, attempt, **changes), tried=1, input={}))
        return sent

    def entries(self, outcomes: dict[str, Outcome], *, declarations: bool = True) -> tuple[TallyEntry, ...]:
        return tuple(
            TallyEntry(
                step_id=step,
                attempt=1,
                key=self.key(step),
                outcome=outcome,
                reference=f"R-{step}",
                declaration=self.declaration(step) if declarations else None,
            )
            for step, outcome in outcomes.items()
        )

    def ended(
        self, result: EndResult, outcomes: dict[str, Outcome] | None = None, *, done: Iterable[str] = (), code: str = "", epoch: int = 1
    ) -> list[Message]:
        listed = dict.fromkeys(done, Outcome.DONE) | (outcomes or {})
        tally = self.entries(listed, declarations=result is not EndResult.FINISHED)
        return self.given(ExecutionEnded(revision=1, epoch=epoch, result=result, code=code or result.value, titles=("Trip",), tally=tally))

    def undone(self, step: str, outcome: Outcome = Outcome.UNDONE, *, number: int = 1, seq: int = 1, **facts: Any) -> list[Message]:
        return self.given(StepUndone(step_id=step, key=self.key(step), number=number, seq=seq, outcome=outcome, **facts))

    def observed(self, step: str, state: Outcome, code: str, *, seq: int = 5, **facts: Any) -> list[Message]:
        return self.given(EffectObserved(step_id=step, key=self.key(step), seq=seq, state=state, code=code, **facts))

    def cancelled(self) -> list[Message]:
        return self.given(SagaCancel(by="ana", cause="person"))

    def repaired(self, action: str, step: str | None = None, **facts: Any) -> list[Message]:
        """Give an operator's decision; its answer is kept in `answers`, everything else that was sent is returned."""
        fields = {"action": action, "key": self.key(step) if step else None, "by": "sre", "reason": "asked the hotel"}
        sent = self.given(SagaRepair.model_validate(fields | facts))
        self.answers += [m for m in sent if isinstance(m, SagaRepaired)]
        return [m for m in sent if not isinstance(m, SagaRepaired)]

    def completed_trip(self, *steps: str) -> list[Message]:
        self.declared(*(steps or TRIP))
        return self.ended(EndResult.FINISHED, done=steps or TRIP)

    def undo_all(self, **facts: Any) -> list[Message]:
        """Answer every undo that was sent and is not answered, until none is left."""
        sent: list[Message] = []
        while queue := [e for e in self.state.effects.values() if e.stage == "undoing" and e.sends]:
            effect = queue[0]
            sent += self.undone(effect.declaration.step_id, number=effect.number, seq=effect.undo_seq + 1, **facts)
        return sent


def undos(sent: Iterable[Message]) -> list[tuple[str, int]]:
    """Return step and number of the undos among these messages."""
    return [(m.step_id, m.number) for m in sent if isinstance(m, StepUndo)]


@pytest.fixture
def task(request: pytest.FixtureRequest) -> Task:
    return Task(request.node.name)


@pytest.fixture(scope="session")
def new_task() -> Callable[..., Task]:
    return Task


@pytest.fixture(scope="session", name="undos")
def undos_of() -> Callable[[Iterable[Message]], list[tuple[str, int]]]:
    return undos
