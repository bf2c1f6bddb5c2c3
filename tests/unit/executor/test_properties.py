"""Whatever is heard, in whatever order: the invariants of protocol 4 that are the executor's, checked from messages alone."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.executor.conftest import Trip, hotel

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Clocks, Outcome, StepReplied, StepStarted
from tuntas.contracts.executor import AttemptReleased, EndResult, ExecutionEnded, ExecutionReopen, StepRetry
from tuntas.contracts.plan import StepKind
from tuntas.contracts.planner import PlanAmend, PlanInfeasible
from tuntas.contracts.saga import AttemptRelease
from tuntas.contracts.trust import PlanDenied

CODES = st.sampled_from(["sold_out", "hold_expired", "declined", "unavailable", "no_pets", "cancelled_by_provider"])
GONE = {Outcome.REFUSED, Outcome.UNDONE}
OPEN = st.sampled_from([Outcome.PENDING, Outcome.UNKNOWN, Outcome.NEEDS_USER])
PICK = st.integers(min_value=0, max_value=999)


class Executor(RuleBasedStateMachine):
    """An executor among honest parties: a connector that refused does not succeed, a released attempt has no effect."""

    def __init__(self) -> None:
        super().__init__()
        self.trip = Trip("any")
        self.told: dict[UUID, Outcome] = {}
        self.declared: dict[UUID, StepStarted] = {}
        self.asked: list[AttemptRelease] = []
        self.ended: ExecutionEnded | None = None
        self.epoch, self.revision = 1, 1

    @initialize(pivot=st.booleans(), alone=st.booleans())
    def approve(self, pivot: bool, alone: bool) -> None:
        self.trip = Trip("any", pivot=pivot)
        plan = self.trip.plan(hotels=(hotel("h1"),)) if alone else self.trip.plan()
        self.look(self.trip.approve(plan))

    def open_keys(self) -> list[UUID]:
        return [key for key in self.declared if self.told.get(key) not in {*GONE, Outcome.DONE}]

    def tell(self, key: UUID, outcome: Outcome, code: str | None = None, clocks: Clocks | None = None) -> None:
        said, seq = self.declared[key].declaration, self.trip.seqs.get(str(key), 0) + 1
        self.trip.seqs[str(key)], self.told[key] = seq, outcome
        reply = StepReplied(step_id=said.step_id, attempt=said.attempt, key=key, seq=seq, outcome=outcome, code=code)
        self.look(self.trip.given(reply.model_copy(update={"clocks": clocks or Clocks()})))

    @precondition(lambda self: self.open_keys())
    @rule(pick=PICK, clock=st.none() | st.integers(min_value=0, max_value=300))
    def done(self, pick: int, clock: int | None) -> None:
        keys = self.open_keys()
        until = None if clock is None else self.trip.now + timedelta(seconds=clock)
        self.tell(keys[pick % len(keys)], Outcome.DONE, clocks=Clocks(space_until=until))

    @precondition(lambda self: self.open_keys())
    @rule(pick=PICK)
    def done_too(self, pick: int) -> None:
        """Success is told more often than trouble, so that histories get far."""
        keys = self.open_keys()
        self.tell(keys[pick % len(keys)], Outcome.DONE)

    @precondition(lambda self: self.open_keys())
    @rule(pick=PICK, code=CODES)
    def refused(self, pick: int, code: str) -> None:
        keys = self.open_keys()
        self.tell(keys[pick % len(keys)], Outcome.REFUSED, code)

    @precondition(lambda self: self.open_keys())
    @rule(pick=PICK, outcome=OPEN)
    def not_yet(self, pick: int, outcome: Outcome) -> None:
        keys = self.open_keys()
        self.tell(keys[pick % len(keys)], outcome)

    @precondition(lambda self: Outcome.DONE in self.told.values())
    @rule(pick=PICK, code=CODES)
    def taken_back(self, pick: int, code: str) -> None:
        keys = [k for k, o in self.told.items() if o is Outcome.DONE and self.declared[k].declaration.kind is not StepKind.PIVOT]
        if keys:
            self.tell(keys[pick % len(keys)], Outcome.REFUSED, code)

    @precondition(lambda self: self.trip.timers)
    @rule(pick=PICK)
    def fire(self, pick: int) -> None:
        due = sorted(self.trip.timers, key=lambda p: (self.trip.timers[p], p))
        self.look(self.trip.fire(due[0] if pick % 4 else due[pick % len(due)]))

    @precondition(lambda self: self.asked)
    @rule(stuck=st.sampled_from([False, False, False, True]))
    def release(self, stuck: bool) -> None:
        keys = tuple(d.key for d in self.asked.pop(0).declarations)
        if not stuck:
            self.told.update(dict.fromkeys(keys, Outcome.UNDONE))
        self.look(self.trip.given(AttemptReleased(keys=keys, stuck=stuck)))

    @rule(again=st.sampled_from([False, False, False, True]))
    def halt(self, again: bool) -> None:
        if again or self.ended:
            self.look(self.trip.halt(self.epoch))

    @precondition(lambda self: self.declared)
    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        steps = sorted({c.declaration.step_id for c in self.declared.values()})
        self.look(self.trip.given(StepRetry(step_id=steps[pick % len(steps)])))

    @precondition(lambda self: self.trip.state.status == "amending")
    @rule(answer=st.sampled_from(["approve", "approve", "deny", "infeasible"]), same=st.booleans())
    def amended(self, answer: str, same: bool) -> None:
        wanted = self.trip.last(PlanAmend).revision + 1
        if answer == "deny":
            self.look(self.trip.given(PlanDenied(revision=wanted, code="over_budget")))
        elif answer == "infeasible":
            self.look(self.trip.given(PlanInfeasible(revision=wanted, code="no_offer")))
        else:
            self.revision = wanted
            hotels = self.trip.plan().leg("hotel").offers if same else (hotel(f"r{wanted}"), hotel(f"s{wanted}", 999, "villa"))
            self.look(self.trip.approve(self.trip.plan(hotels=hotels, revision=wanted), forward_by=self.trip.now + timedelta(minutes=20)))

    @precondition(lambda self: self.ended and self.ended.result in (EndResult.FINISHED, EndResult.STUCK))
    @rule(lose=st.booleans())
    def reopen(self, lose: bool) -> None:
        """The coordinator takes it up again: with all that is alive, or having lost the hotel."""
        assert self.ended
        self.epoch += 1
        gone = {e.key for e in self.ended.tally if lose and e.step_id == "hotel.confirm" and self.told.get(e.key) is Outcome.DONE}
        self.told.update(dict.fromkeys(gone, Outcome.UNDONE))
        alive = tuple(e for e in self.ended.tally if e.key not in gone and e.outcome not in GONE)
        self.ended = None
        legs = ("hotel",) if gone else ()
        self.look(self.trip.given(ExecutionReopen(epoch=self.epoch, alive=alive, lost_legs=legs, code="cancelled_by_provider")))

    def look(self, sent: list[Message]) -> None:
        """Check each message in order."""
        checks: dict[type[Message], Callable[..., None]] = {
            StepStarted: self.on_started,
            ExecutionEnded: self.on_ended,
            AttemptRelease: lambda message: self.asked.append(message),
        }
        assert self.trip.refused == []
        for message in sent:
            checks.get(type(message), lambda _: None)(message)

    def on_started(self, message: StepStarted) -> None:
        key, said = message.declaration.key, message.declaration
        assert self.ended is None, "an ended epoch never declares"
        if known := self.declared.get(key):
            same = {"tried": 0, "approval": None}
            assert known.model_copy(update=same) == message.model_copy(update=same), "P3"
            return
        others = [k for k, c in self.declared.items() if c.declaration.step_id == said.step_id]
        assert all(self.told.get(k) in GONE for k in others), "P2"
        assert said.kind is not StepKind.PIVOT or self.rest_is_done(), "P9"
        assert (said.start, said.epoch) == (len(self.declared) + 1, self.epoch)
        self.declared[key] = message

    def rest_is_done(self) -> bool:
        last = {c.declaration.step_id: k for k, c in self.declared.items()}
        needed = [s.step_id for s in self.trip.plan().steps if s.kind is StepKind.COMPENSATABLE]
        return all(step in last and self.told.get(last[step]) is Outcome.DONE for step in needed)

    def on_ended(self, message: ExecutionEnded) -> None:
        again, self.ended = self.ended, message
        assert again is None or again == message, "the same tally again"
        assert [e.key for e in message.tally] == list(self.declared), "P4"
        assert all((e.declaration is None) == (message.result is EndResult.FINISHED) for e in message.tally)
        if message.result in (EndResult.FAILED, EndResult.HALTED):
            pivots = [k for k, c in self.declared.items() if c.declaration.kind is StepKind.PIVOT]
            assert all(self.told.get(k) in GONE for k in pivots), "P8"
        if message.result is EndResult.FINISHED:
            assert all(e.outcome in {*GONE, Outcome.DONE} for e in message.tally), "P10"

    @invariant()
    def every_state_has_a_timer(self) -> None:
        if not self.trip.rows:
            return
        timers, status = self.trip.timers, self.trip.state.status
        behind = {"running": "forward_by", "amending": "amend", "deciding": "reply_by:flight.issue"}.get(status)
        assert behind is None or any(purpose.startswith(behind) for purpose in timers), "P18"
        assert status != "ended" or not [p for p in timers if not p.startswith("again")]
        assert (status == "ended") == (self.ended is not None)


Executor.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestWhateverIsHeard = Executor.TestCase
