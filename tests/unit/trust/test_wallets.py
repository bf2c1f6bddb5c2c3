"""Several tasks of one person, everything in any order and more than once: the budget is never exceeded and every hold comes back."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.trust.conftest import LATER, PERSON, ended, mandate, proposal, sign, trip

from tuntas.contracts.base import Message
from tuntas.contracts.ids import derive
from tuntas.contracts.saga import SagaReopened
from tuntas.contracts.trust import PlanApproved, PlanDecided, TaskCancel
from tuntas.kit.decision import Context, Fired, Send, Wake
from tuntas.testkit.history import START
from tuntas.trust.core import core
from tuntas.trust.state import Consent, Wallet, blank

BUDGET = 3000
TASKS = [derive("test", "wallet", n) for n in range(3)]
CORE = core(sign)


@dataclass
class Person:
    """Trust's rows of one person's tasks, and the wallet that is lent to whichever decides."""

    wallet: Wallet = field(default_factory=lambda: Wallet(person=PERSON, mandate=mandate(budget={"IDR": BUDGET}, per_task={"IDR": 1000})))
    rows: dict[UUID, Consent] = field(default_factory=dict)
    timers: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    kept: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    approved: set[tuple[UUID, int]] = field(default_factory=set)
    now: datetime = START

    def tell(self, task: UUID, event: Message | Fired) -> None:
        self.now += timedelta(seconds=1)
        state = self.rows.get(task) or (blank(PERSON, self.wallet) if not isinstance(event, TaskCancel) else None)
        lent = state.model_copy(update={"wallet": self.wallet}) if state and state.person else state
        decision = CORE.decide(lent, event, Context(self.now, task, "acme", task))
        after = decision.state
        if after is not None:
            self.rows[task] = after
            self.wallet = after.wallet or self.wallet
        for out in decision.out:
            if isinstance(out, Wake):
                self.set(task, out)
            elif isinstance(out, Send) and isinstance(out.message, PlanApproved):
                self.approve(task, out.message.revision)

    def set(self, task: UUID, wake: Wake) -> None:
        self.timers.pop((task, wake.purpose), None)
        if wake.at:
            self.timers[task, wake.purpose] = wake.at

    def approve(self, task: UUID, revision: int) -> None:
        assert (task, revision) not in self.approved, "one approval for each revision"
        self.approved.add((task, revision))

    def fire(self, task: UUID) -> None:
        for (owner, purpose), due in sorted(self.timers.items(), key=lambda item: item[1]):
            if owner == task:
                del self.timers[owner, purpose]
                self.now = max(self.now, due)
                self.tell(task, Fired(purpose, due))
                return

    def close(self, task: UUID, closing: int, kept: int) -> None:
        row = self.rows.get(task)
        if row is None or row.standing is None or kept > row.reserved.get("IDR", 0) + row.kept.get("IDR", 0):
            return
        self.tell(task, ended(task, {"IDR": kept} if kept else {}, closing))
        if closing > self.kept.get(task, (0, 0))[0]:
            self.kept[task] = (closing, kept)

    def check(self) -> None:
        reserved, spent = self.wallet.reserved.get("IDR", 0), self.wallet.spent.get("IDR", 0)
        assert reserved == sum(row.reserved.get("IDR", 0) for row in self.rows.values()) >= 0
        assert spent == sum(kept for _, kept in self.kept.values())
        assert reserved + spent <= BUDGET
        for task, row in self.rows.items():
            assert row.status != "waiting" or (task, "approval") in self.timers
            assert row.status != "approved" or (task, "backstop") in self.timers

    def finish(self) -> None:
        for task in TASKS:
            while (task, "approval") in self.timers:
                self.fire(task)
            self.close(task, 99, 0)


ACTIONS = st.one_of(
    st.tuples(st.just("propose"), st.integers(1, 3), st.sampled_from([300, 900, 1500, 2500, 3500])),
    st.tuples(st.just("decide"), st.booleans(), st.booleans()),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("fire")),
    st.tuples(st.just("close"), st.integers(1, 3), st.sampled_from([0, 200, 900, 2500])),
    st.tuples(st.just("reopen"), st.integers(1, 4)),
)


def act(person: Person, task: UUID, action: tuple[object, ...]) -> None:
    match action:
        case ("propose", int(revision), int(ceiling)):
            person.tell(task, proposal(trip(task, ceiling, revision=revision)))
        case ("decide", bool(approved), bool(stale)):
            row = person.rows.get(task)
            digest = row.pending.digest if row and row.pending and not stale else "0" * 64
            person.tell(task, PlanDecided(digest=digest, approved=approved, by="person"))
        case ("cancel",):
            person.tell(task, TaskCancel(by="person"))
        case ("fire",):
            person.fire(task)
        case ("close", int(closing), int(kept)):
            person.close(task, closing, kept)
        case ("reopen", int(closing)):
            person.tell(task, SagaReopened(code="cancelled_by_provider", closing=closing))


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(TASKS), ACTIONS), min_size=8, max_size=50))
def test_holds_stay_in_the_budget_and_return(history: list[tuple[UUID, tuple[object, ...]]]) -> None:
    person = Person()
    for task, action in history:
        act(person, task, action)
        person.check()
    assert person.now < LATER
    person.finish()
    person.check()
    assert person.wallet.reserved == {}


def test_two_tasks_share_one_budget() -> None:
    person = Person()
    for task in TASKS:
        person.tell(task, proposal(trip(task, 1000)))
    assert person.wallet.reserved == {"IDR": 3000}
    person.close(TASKS[0], 1, 400)
    another = derive("test", "wallet", "another")
    person.tell(another, proposal(trip(another, 601)))
    assert (person.rows[another].status, person.wallet.reserved, person.wallet.spent) == ("denied", {"IDR": 2000}, {"IDR": 400})
