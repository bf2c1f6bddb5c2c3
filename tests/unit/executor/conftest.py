"""A trip to carry out: two legs and their payment, and short words for what is said to the executor about them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tuntas.contracts import ids
from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Clocks, Outcome, StepReplied, StepStarted, UserAction
from tuntas.contracts.executor import AttemptReleased, ExecutionEnded, ExecutionHalt
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Approval, Goal, Leg, Offer, OfferStep, Phase, Plan, Step, StepKind, UndoTerms
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.trust import PlanApproved
from tuntas.executor.core import core
from tuntas.executor.policy import Policy
from tuntas.executor.state import Attempt, Execution
from tuntas.testkit.history import START, History

C, P, R = StepKind.COMPENSATABLE, StepKind.PIVOT, StepKind.RETRIABLE
FORWARD_BY = START + timedelta(minutes=30)
APPROVAL = Approval(statement="{}", key_id="k1", signature="c2ln")


def idr(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def hotel(offer_id: str, price: int = 900, provider: str = "inn", action: str = "hotel.confirm") -> Offer:
    steps = (
        OfferStep(name="hold", action="hotel.hold", kind=C, phase=Phase.HOLD, input={"room": offer_id}),
        OfferStep(name="confirm", action=action, kind=C, phase=Phase.CONFIRM, acts_on="hold", obliges=True, undo=UndoTerms(fee=idr(50))),
    )
    return _offer(offer_id, provider, price, steps)


def flight(offer_id: str, kind: StepKind = P) -> Offer:
    steps = (
        OfferStep(name="hold", action="flight.hold", kind=C, phase=Phase.HOLD),
        OfferStep(name="issue", action="flight.issue", kind=kind, phase=Phase.PIVOT, acts_on="hold", obliges=True),
    )
    return _offer(offer_id, "wing", 2000, steps)


def payment() -> Offer:
    steps = (
        OfferStep(name="authorize", action="payment.authorize", kind=C, phase=Phase.AUTHORIZE, moves_money=True),
        OfferStep(name="capture", action="payment.capture", kind=R, phase=Phase.CAPTURE, acts_on="authorize", moves_money=True),
    )
    return _offer("card", "bank", None, steps)


def _offer(offer_id: str, provider: str, price: int | None, steps: tuple[OfferStep, ...]) -> Offer:
    money = None if price is None else idr(price)
    until = START + timedelta(hours=1)
    return Offer(
        offer_id=offer_id, provider=provider, payee=provider, title=f"Offer {offer_id}", price=money, expires_at=until, steps=steps
    )


def _step(step_id: str, kind: StepKind, phase: Phase, needs: Sequence[str], ceiling: int, **more: Any) -> Step:
    leg, name = step_id.split(".")
    return Step(step_id=step_id, leg_id=leg, name=name, kind=kind, phase=phase, needs=tuple(needs), ceiling=idr(ceiling), **more)


class Trip(History[Execution]):
    """A trip whose irreversible step is the ticket; with `pivot=False` everything can be undone."""

    def __init__(self, name: str, policy: Policy = Policy(), *, pivot: bool = True) -> None:  # noqa: B008
        super().__init__(core(policy), "executor", name)
        self.pivot = pivot
        self.seqs: dict[str, int] = {}

    def plan(self, hotels: Sequence[Offer] = (hotel("h1"), hotel("h2", 950, "villa")), revision: int = 1, **changes: Any) -> Plan:
        ticket = P if self.pivot else C
        steps = (
            _step("hotel.hold", C, Phase.HOLD, (), 1000),
            _step("flight.hold", C, Phase.HOLD, (), 2000),
            _step("pay.authorize", C, Phase.AUTHORIZE, ("hotel.hold", "flight.hold"), 3000),
            _step("hotel.confirm", C, Phase.CONFIRM, ("hotel.hold", "pay.authorize"), 1000, acts_on="hotel.hold"),
            _step("flight.issue", ticket, Phase.PIVOT, ("flight.hold", "hotel.confirm"), 2000, acts_on="flight.hold"),
            _step(
                "pay.capture", R, Phase.CAPTURE, ("flight.issue",), 3000, acts_on="pay.authorize", sums=("hotel.confirm", "flight.issue")
            ),
        )
        legs = (
            Leg(leg_id="hotel", goal_type="travel.hotel", connector="travel", offers=tuple(hotels)),
            Leg(leg_id="flight", goal_type="travel.flight", connector="travel", offers=(flight("f1", ticket),)),
            Leg(leg_id="pay", goal_type="payment.card", connector="payment", offers=(payment(),)),
        )
        goals = tuple(Goal(goal_id=g, type=f"travel.{g}", parameters={}) for g in ("hotel", "flight"))
        made = Plan(
            task_id=str(self.task_id),
            revision=revision,
            person="p",
            instrument="card",
            goals=goals,
            legs=legs,
            steps=steps,
            ceilings={"IDR": 3000},
        )
        return made.model_copy(update=changes)

    def approve(self, plan: Plan | None = None, **changes: Any) -> list[Message]:
        """Approve a plan; `changes` are fields of the message."""
        plan = plan or self.plan()
        text = changes.pop("text", plan.model_dump_json())
        fields: dict[str, Any] = {
            "revision": plan.revision,
            "plan": text,
            "digest": ids.digest(text),
            "approval": APPROVAL,
            "start_by": START + timedelta(minutes=5),
            "forward_by": FORWARD_BY,
            "fee_limit": {"IDR": 100},
        }
        return self.given(PlanApproved(**{**fields, **changes}))

    def attempt(self, step_id: str) -> Attempt:
        """Return the last attempt of a step."""
        found: Attempt | None = self.state.latest(step_id)
        assert found, f"{step_id} was never declared"
        return found

    def hear(
        self, step_id: str, outcome: Outcome, code: str | None = None, *, attempt: Attempt | None = None, **more: Any
    ) -> list[Message]:
        """Let the connector answer the last attempt of a step, or the given one, with the next `seq`."""
        of = attempt or self.attempt(step_id)
        seq = more.pop("seq", None) or self.seqs.get(str(of.key), 0) + 1
        self.seqs[str(of.key)] = seq
        fields: Any = {"step_id": step_id, "attempt": of.declaration.attempt, "key": of.key, "seq": seq, "outcome": outcome, "code": code}
        return self.given(StepReplied(**fields, **more))

    def done(self, *steps: str, **more: Any) -> list[Message]:
        """Let these steps succeed, one after the other."""
        return [m for step in steps for m in self.hear(step, Outcome.DONE, reference=f"ref-{step}", **more)]

    def held(self, step_id: str, seconds: float) -> list[Message]:
        """Let a step succeed with a clock that runs out so long from now."""
        return self.done(step_id, clocks=Clocks(space_until=self.now + timedelta(seconds=seconds)))

    def refuse(self, step_id: str, code: str) -> list[Message]:
        return self.hear(step_id, Outcome.REFUSED, code)

    def needs_user(self, step_id: str, until: datetime) -> list[Message]:
        return self.hear(step_id, Outcome.NEEDS_USER, action=UserAction(url="https://bank.example/3ds", reason="challenge", until=until))

    def released(self, *, stuck: bool = False) -> list[Message]:
        """Answer the last release."""
        keys = tuple(d.key for d in self.last(AttemptRelease).declarations)
        return self.given(AttemptReleased(keys=keys, stuck=stuck))

    def halt(self, epoch: int = 1) -> list[Message]:
        return self.given(ExecutionHalt(epoch=epoch))

    def until_pivot(self, plan: Plan | None = None) -> "Trip":
        """Bring everything as far as the irreversible step, declared and unanswered."""
        self.approve(plan)
        self.done("hotel.hold", "flight.hold", "pay.authorize", "hotel.confirm")
        return self

    def finish(self) -> "Trip":
        self.until_pivot().done("flight.issue", "pay.capture")
        return self

    @property
    def ended(self) -> ExecutionEnded:
        return self.last(ExecutionEnded)

    @property
    def commands(self) -> list[StepStarted]:
        return [m for m in self.sent if isinstance(m, StepStarted)]


def started(messages: Sequence[Message]) -> list[str]:
    """Return the commands among messages as `step#attempt/try`."""
    return [f"{m.declaration.step_id}#{m.declaration.attempt}/{m.tried}" for m in messages if isinstance(m, StepStarted)]


def kinds(messages: Sequence[Message]) -> list[str]:
    """Return the messages' types, without prefix and version."""
    return [m.wire_type.removeprefix("tuntas.").removesuffix(".v1") for m in messages]


def outcomes(ended: ExecutionEnded) -> dict[str, str]:
    """Return the tally as `step#attempt` to outcome."""
    return {f"{e.step_id}#{e.attempt}": e.outcome.value for e in ended.tally}


@pytest.fixture
def trip(request: pytest.FixtureRequest) -> Trip:
    return Trip(request.node.name)


@pytest.fixture
def soft(request: pytest.FixtureRequest) -> Trip:
    """Return a trip without anything irreversible."""
    return Trip(request.node.name, pivot=False)
