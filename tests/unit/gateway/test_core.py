"""What inner messages mean to the public."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Outcome
from tuntas.contracts.gateway import (
    TaskAccepted,
    TaskApprovalNeeded,
    TaskCancelRefused,
    TaskCompensated,
    TaskCompleted,
    TaskEvent,
    TaskNeedsAttention,
    TaskPlanned,
    TaskProgressed,
    TaskQuestion,
    TaskRejected,
    TaskReopened,
    TaskSubmitted,
    TaskUndoRefused,
)
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentResolved, IntentUnread, QuestionAsked
from tuntas.contracts.plan import Goal
from tuntas.contracts.planner import PlanInfeasible
from tuntas.contracts.saga import CancelAnswered, SagaOutcome, SagaReopened, SagaRepaired, SagaUndoAnswered
from tuntas.contracts.trust import PlanDenied
from tuntas.gateway.store import TaskStore
from tuntas.gateway.submission import SubmissionRefused
from tuntas.testkit.history import START

UNTIL = START + timedelta(minutes=10)
QUESTION = QuestionAsked(slot="city", question="Where?", until=UNTIL)
RESOLVED = IntentResolved(
    person=derive("p"), instrument="wallet", tz="Asia/Jakarta", lang="en", goals=(Goal(goal_id="a", type="t", parameters={}),)
)


def kinds(sent: list[Message]) -> list[type[Message]]:
    return [type(message) for message in sent]


def test_a_first_submission_is_accepted_in_public_and_passed_on_inside(task: Any) -> None:
    accepted, submitted = task.submitted()
    assert isinstance(accepted, TaskAccepted)
    assert isinstance(submitted, TaskSubmitted)
    assert (accepted.task_id, accepted.tenant, accepted.source_id, accepted.reference, accepted.seq) == (
        task.task_id,
        "acme",
        "s-1",
        "order 7",
        1,
    )
    assert task.topics == ["tuntas.tasks.v1", "tuntas.gateway.events.v1"]


def test_a_repeated_submission_changes_nothing(task: Any) -> None:
    task.submitted()
    assert task.submitted() == []
    assert task.state.seq == 1


def test_another_body_under_the_same_id_is_set_aside_and_leaves_the_task_alone(task: Any) -> None:
    task.submitted()
    assert task.submitted(digest="k:d2") == []
    assert task.refused == ["id_reused"]
    assert task.state.digest == "k:d1"


def test_another_person_under_the_same_id_is_another_body(task: Any) -> None:
    task.submitted()
    task.submitted(digest="l:d1", person="q")
    assert task.refused == ["id_reused"]


def test_a_digest_by_a_later_key_of_the_same_person_changes_nothing(task: Any) -> None:
    task.submitted()
    assert task.submitted(digest="l:d2") == []
    assert (task.refused, task.state.digest) == ([], "k:d1")


def test_a_tenant_with_a_topic_of_its_own_gets_its_events_there_and_nowhere_else(brio_task: Any) -> None:
    brio_task.running()
    brio_task.ended()
    assert [t for t in brio_task.topics if t != "tuntas.gateway.events.v1"] == ["brio.events"] * 3


def test_a_refused_submission_becomes_one_rejection(task: Any) -> None:
    refusal = SubmissionRefused(source="shop", source_id="s-1", code="forged")
    (rejected,) = task.given(refusal)
    assert isinstance(rejected, TaskRejected)
    assert (rejected.code, rejected.seq, task.state.status) == ("forged", 1, "rejected")
    assert task.given(refusal) == []


@pytest.mark.parametrize(("genuine", "topic"), [(True, "brio.events"), (False, "tuntas.tasks.v1")])
def test_only_a_genuine_submission_is_refused_on_the_tenants_own_topic(brio_task: Any, genuine: bool, topic: str) -> None:
    brio_task.given(SubmissionRefused(source="shop", source_id="s-1", code="bad_body", genuine=genuine))
    assert brio_task.topics == [topic]


def test_a_question_is_told_and_closed_by_the_intent(task: Any) -> None:
    task.submitted()
    (question,) = task.given(QUESTION)
    assert isinstance(question, TaskQuestion)
    assert (question.slot, question.question, task.state.status) == ("city", "Where?", "question")
    assert task.given(RESOLVED) == []
    assert (task.state.status, task.state.question) == ("accepted", None)


@pytest.mark.parametrize(
    "ending",
    [
        IntentUnread(code="not_understood", reason="?"),
        PlanInfeasible(revision=1, code="no_offer"),
        PlanDenied(revision=1, code="approval_denied"),
    ],
)
def test_what_ends_before_approval_is_rejected_with_its_code_and_stays_so(task: Any, ending: Any) -> None:
    task.submitted()
    (rejected,) = task.given(ending)
    assert isinstance(rejected, TaskRejected)
    assert rejected.code == ending.code
    assert [*task.given(QUESTION), *task.proposed(), *task.asked(), *task.approved(), *task.replied("a"), *task.resting()] == []
    assert task.state.status == "rejected"


def test_a_plan_is_told_then_the_approval_it_needs_then_it_runs(task: Any) -> None:
    task.submitted()
    assert kinds(task.proposed()) == [TaskPlanned]
    assert task.state.status == "planned"
    (needed,) = task.asked()
    assert isinstance(needed, TaskApprovalNeeded)
    assert (needed.digest, needed.reasons, task.state.status) == ("plan1", ("no_mandate",), "approval_needed")
    assert task.approved() == []
    assert (task.state.status, task.state.approval) == ("running", None)


@pytest.mark.parametrize("order", list(permutations(("proposed", "asked", "approved"))))
def test_planner_and_trust_may_be_read_in_any_order(task: Any, order: tuple[str, ...]) -> None:
    task.submitted()
    for name in order:
        getattr(task, name)()
    assert (task.state.status, task.state.plan.digest, task.state.approval) == ("running", "plan1", None)


def test_another_digest_approved_leaves_the_plan_waiting(task: Any) -> None:
    task.submitted()
    task.asked()
    assert task.given(PlanDenied(revision=1, code="stale_digest")) == []
    assert task.state.status == "approval_needed"


def test_an_amended_plan_that_needs_approval_is_asked_about_and_its_denial_ends_nothing(task: Any) -> None:
    task.running()
    assert kinds(task.proposed(2)) == [TaskPlanned]
    assert kinds(task.asked(2)) == [TaskApprovalNeeded]
    assert task.state.status == "approval_needed"
    assert task.given(PlanDenied(revision=2, code="approval_denied")) == []
    assert task.state.status == "running"


def test_an_amendment_without_a_plan_rejects_nothing(task: Any) -> None:
    task.running()
    assert task.given(PlanInfeasible(revision=2, code="no_offer")) == []
    assert task.state.status == "running"


def test_progress_of_many_steps_is_one_event(task: Any) -> None:
    task.running()
    assert [*task.replied("a"), *task.replied("b", Outcome.PENDING), *task.replied("b", seq=2)] == []
    (progressed,) = task.advance(0.3)
    assert isinstance(progressed, TaskProgressed)
    assert progressed.steps == {"a": "done", "b": "done"}
    assert task.timers == {}


def test_older_news_of_a_step_is_ignored(task: Any) -> None:
    task.running()
    task.replied("a", seq=3)
    task.replied("a", Outcome.REFUSED, seq=2)
    task.replied("a", Outcome.PENDING, seq=1, attempt=2)
    task.undone("a", seq=4)
    (progressed,) = task.advance(0.3)
    assert progressed.steps == {"a": "pending"}


def test_an_undone_step_is_told_as_undone_and_a_refused_undo_as_that(task: Any) -> None:
    task.running()
    task.replied("a")
    task.replied("b")
    task.undone("a", seq=2)
    task.undone("b", seq=2, outcome=Outcome.REFUSED)
    (progressed,) = task.advance(0.3)
    assert progressed.steps == {"a": "undone", "b": "undo_refused"}


def test_progress_comes_before_the_outcome_and_never_after_it(task: Any) -> None:
    task.running()
    task.replied("a")
    assert kinds(task.ended()) == [TaskProgressed, TaskCompleted]
    assert task.advance(5) == []
    assert task.replied("a", seq=2) == []


def test_an_outcome_is_told_once_with_its_receipt(task: Any) -> None:
    task.running()
    (compensated,) = task.ended(SagaOutcome.COMPENSATED)
    assert isinstance(compensated, TaskCompensated)
    assert (compensated.closing, task.state.status, task.state.receipt.closing) == (1, "compensated", 1)
    assert task.ended() == []
    assert task.state.status == "compensated"


def test_only_a_reopen_leads_out_of_a_closing(task: Any) -> None:
    task.running()
    task.ended()
    assert task.resting() == []
    (reopened,) = task.given(SagaReopened(code="cancelled_by_provider", closing=2))
    assert isinstance(reopened, TaskReopened)
    assert task.state.status == "reopened"
    assert kinds(task.ended(SagaOutcome.COMPENSATED, closing=2)) == [TaskCompensated]
    assert task.given(SagaReopened(code="cancelled_by_provider", closing=2)) == []


def test_a_resting_task_shows_its_safe_actions_and_a_provisional_receipt(task: Any) -> None:
    task.running()
    (resting,) = task.resting()
    assert isinstance(resting, TaskNeedsAttention)
    assert (resting.actions, task.state.status, task.state.receipt.provisional) == (("retry", "skip"), "needs_attention", True)
    assert kinds(task.ended()) == [TaskCompleted]
    assert (task.state.actions, task.state.receipt.provisional) == ((), False)


def test_a_cancel_that_came_too_late_is_told_with_its_price(task: Any) -> None:
    task.running()
    (refused,) = task.given(CancelAnswered(accepted=False, code="too_late", undo_price={"IDR": 5}))
    assert isinstance(refused, TaskCancelRefused)
    assert refused.undo_price == {"IDR": 5}
    assert task.given(CancelAnswered(accepted=True, code="cancelled")) == []
    assert task.state.cancel == "accepted"


def test_goals_that_could_not_be_given_up_are_told_and_those_that_are_show_themselves(task: Any) -> None:
    task.running()
    assert task.given(SagaUndoAnswered(undo_id=uuid4(), accepted=True, code="undoing")) == []
    (refused,) = task.given(SagaUndoAnswered(undo_id=uuid4(), accepted=False, code="irreversible"))
    assert isinstance(refused, TaskUndoRefused)
    assert refused.code == "irreversible"


def test_public_events_are_numbered_without_gaps(task: Any) -> None:
    task.running()
    task.replied("a")
    task.advance(1)
    task.ended()
    task.given(SagaReopened(code="x", closing=2))
    events = [message for message in task.sent if isinstance(message, TaskEvent)]
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert [event.seq for event in task.state.recorded] == [1, 2, 3, 4, 5]


def test_events_of_a_batch_are_not_part_of_the_row(task: Any) -> None:
    task.submitted()
    no_repairs: Any = None
    assert "recorded" not in TaskStore(no_repairs).kept(task.state).model_dump_json()


def test_news_of_an_unknown_task_makes_no_row(task: Any) -> None:
    silent = [
        *(task.given(m) for m in (QUESTION, RESOLVED, IntentUnread(code="x"), PlanInfeasible(revision=1, code="x"))),
        *(task.given(m) for m in (PlanDenied(revision=1, code="x"), SagaReopened(code="x", closing=1))),
        *(task.given(m) for m in (CancelAnswered(accepted=True, code="x"),)),
        *(step() for step in (task.proposed, task.asked, task.approved, task.ended, task.resting)),
        task.replied("a"),
        task.undone("a", 1),
    ]
    assert silent == [[]] * len(silent)
    assert task.rows == {}


@pytest.mark.parametrize("applied", [True, False])
def test_what_a_repair_came_to_is_kept_with_the_task_and_not_told_to_the_public(task: Any, applied: bool) -> None:
    task.running()
    told = SagaRepaired(action="retry", by="sre", applied=applied, code="applied" if applied else "moved", before=3, after=3 + applied)
    assert task.given(told) == []
    assert (task.state.repaired, task.state.repairs) == (told, (told,))


def test_what_a_repair_of_an_unknown_task_came_to_leaves_no_row(task: Any) -> None:
    task.given(SagaRepaired(action="retry", by="sre", applied=False, code="no_saga", before=0, after=0))
    assert task.rows == {}
