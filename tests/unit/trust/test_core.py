"""Every row of the approval's table."""

from datetime import timedelta

import pytest
from tests.unit.trust.conftest import LATER, PERSON, Desk, ended, mandate, proposal, sign, trip

from tuntas.contracts.base import Message
from tuntas.contracts.ids import derive, digest
from tuntas.contracts.plan import Statement
from tuntas.contracts.saga import SagaCancel, SagaNeedsAttention, SagaReopened
from tuntas.contracts.trust import ApprovalAsked, MandateSet, PlanApproved, PlanDecided, PlanDenied, TaskCancel
from tuntas.testkit.history import START, History
from tuntas.trust.core import core
from tuntas.trust.state import Consent, Wallet

CANCEL = TaskCancel(by="person")


def denied(sent: list[Message]) -> list[tuple[int, str]]:
    return [(m.revision, m.code) for m in sent if isinstance(m, PlanDenied)]


def types(sent: list[Message]) -> list[type[Message]]:
    return [type(m) for m in sent]


def reserved(desk: Desk) -> int:
    return desk.wallet.reserved.get("IDR", 0)


def spent(desk: Desk) -> int:
    return desk.wallet.spent.get("IDR", 0)


def test_a_plan_inside_the_mandate_is_approved_and_its_ceiling_reserved(desk: Desk) -> None:
    assert types(desk.propose()) == [PlanApproved]
    assert (desk.state.status, reserved(desk), spent(desk)) == ("approved", 1000, 0)
    assert desk.topics == ["tuntas.trust.events.v1"]


def test_an_approval_carries_the_plan_as_it_came_and_its_clocks(desk: Desk) -> None:
    desk.propose()
    message = desk.last(PlanApproved)
    assert message.digest == digest(message.plan)
    assert message.plan == trip(desk.task_id).model_dump_json()
    assert (message.revision, message.epoch) == (1, 1)
    assert (message.start_by, message.forward_by) == (START + timedelta(seconds=120), START + timedelta(seconds=600))
    assert desk.timers == {"backstop": START + timedelta(seconds=660)}


def test_what_is_signed_is_the_plans_lines_for_this_tenant_and_task(desk: Desk) -> None:
    desk.propose()
    message = desk.last(PlanApproved)
    statement = Statement.model_validate_json(message.approval.statement)
    assert message.approval == sign(statement)
    assert (statement.tenant, statement.task_id, statement.plan_digest) == ("acme", str(desk.task_id), message.digest)
    assert (statement.authorize_by, statement.capture_by) == (message.forward_by, message.forward_by + timedelta(seconds=30))


def test_without_a_mandate_the_person_is_asked_and_the_money_is_held(stranger: Desk) -> None:
    assert types(stranger.propose()) == [ApprovalAsked]
    asked = stranger.last(ApprovalAsked)
    assert (asked.reasons, asked.until) == (("no_mandate",), START + timedelta(seconds=600))
    assert (asked.ceilings, asked.worst_undo) == ({"IDR": 1000}, {"IDR": 100})
    assert (stranger.state.status, reserved(stranger), stranger.timers) == ("waiting", 1000, {"approval": asked.until})


def test_a_yes_to_this_digest_approves(stranger: Desk) -> None:
    stranger.propose()
    assert types(stranger.decide()) == [PlanApproved]
    assert (stranger.state.status, reserved(stranger), set(stranger.timers)) == ("approved", 1000, {"backstop"})


def test_a_yes_to_another_digest_approves_nothing_and_asks_again(stranger: Desk) -> None:
    stranger.propose()
    first = stranger.last(ApprovalAsked)
    assert stranger.decide(digest="0" * 64) == [first]
    assert stranger.state.status == "waiting"


def test_a_no_denies_and_releases(stranger: Desk) -> None:
    stranger.propose()
    assert denied(stranger.decide(approved=False)) == [(1, "approval_denied")]
    assert (stranger.state.status, reserved(stranger), stranger.timers) == ("denied", 0, {})


def test_no_answer_in_time_denies_and_releases(stranger: Desk) -> None:
    stranger.propose()
    assert denied(stranger.fire("approval")) == [(1, "approval_expired")]
    assert (stranger.state.status, reserved(stranger)) == ("expired", 0)


def test_a_yes_after_the_deadline_is_too_late_even_before_the_timer_fires(stranger: Desk) -> None:
    stranger.propose()
    stranger.now += timedelta(seconds=600)
    assert denied(stranger.decide()) == [(1, "approval_expired")]
    assert stranger.decide() == []


def test_the_same_yes_again_says_nothing_new(stranger: Desk) -> None:
    stranger.propose()
    stranger.decide()
    before = stranger.state
    assert stranger.decide() == []
    assert stranger.state == before


def test_a_decision_about_nothing_changes_nothing() -> None:
    empty = History(core(sign), "trust", "nothing")
    assert empty.given(PlanDecided(digest="0" * 64, approved=True, by="person")) == []
    assert empty.rows == {}


def test_over_budget_is_denied_whatever_a_person_would_say(desk: Desk) -> None:
    desk.lend(Wallet(person=PERSON, mandate=mandate(), reserved={"IDR": 5000}, spent={"IDR": 3001}))
    assert denied(desk.propose()) == [(1, "over_budget")]
    assert (desk.state.status, reserved(desk)) == ("denied", 5000)


def test_a_cancel_before_the_plan_leaves_a_tombstone() -> None:
    empty = History(core(sign), "trust", "tombstone")
    assert empty.given(CANCEL) == []
    assert denied(empty.given(proposal(trip(empty.task_id)))) == [(1, "cancelled")]
    assert empty.state.status == "cancelled"


def test_a_cancel_of_a_waiting_plan_denies_it_and_releases(stranger: Desk) -> None:
    stranger.propose()
    assert denied(stranger.given(CANCEL)) == [(1, "cancelled")]
    assert (stranger.state.status, reserved(stranger), stranger.timers) == ("cancelled", 0, {})
    assert stranger.decide() == []


@pytest.mark.parametrize("cause", ["person", "revoked", "expired"])
def test_a_cancel_of_an_approved_task_goes_to_the_coordinator_and_keeps_the_hold(desk: Desk, cause: str) -> None:
    desk.propose()
    assert desk.given(TaskCancel.model_validate({"by": "ana", "cause": cause})) == [
        SagaCancel.model_validate({"by": "ana", "cause": cause})
    ]
    assert desk.topics[-1] == "tuntas.saga.commands.v1"
    assert (desk.state.status, reserved(desk)) == ("approved", 1000)


def test_a_cancel_of_an_ended_task_is_answered_by_the_coordinator(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    assert types(desk.given(CANCEL)) == [SagaCancel]


def test_a_cancel_of_a_denied_task_says_nothing_more(stranger: Desk) -> None:
    stranger.propose()
    stranger.decide(approved=False)
    assert stranger.given(CANCEL) == []
    assert stranger.state.status == "denied"


def test_an_end_moves_what_was_kept_to_spent_and_releases_the_rest(desk: Desk) -> None:
    desk.propose()
    assert desk.end(900) == []
    assert (desk.state.status, reserved(desk), spent(desk), desk.timers) == ("ended", 0, 900, {})


def test_a_closing_twice_or_an_older_one_settles_nothing_twice(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    desk.end(50, closing=2)
    desk.end(900)
    desk.end(50, closing=2)
    assert (reserved(desk), spent(desk)) == (0, 50)


def test_an_overdue_task_is_cancelled_again_and_again_until_it_ends(desk: Desk) -> None:
    desk.propose()
    overdue = SagaCancel(by="trust", cause="expired")
    assert desk.fire("backstop") == [overdue]
    assert desk.timers == {"backstop": desk.now + timedelta(seconds=60)}
    assert desk.fire("backstop") == [overdue]
    desk.end()
    assert desk.timers == {}


def test_a_task_that_rests_with_an_operator_is_not_reminded_of_and_keeps_its_hold(desk: Desk) -> None:
    desk.propose()
    receipt = ended(desk.task_id, {}).receipt
    assert desk.given(SagaNeedsAttention(code="undo_refused", actions=("retry",), receipt=receipt)) == []
    assert (desk.timers, desk.state.status, reserved(desk)) == ({}, "approved", 1000)


def _rests(desk: Desk, closing: int) -> list[Message]:
    receipt = ended(desk.task_id, {}, closing).receipt
    return desk.given(SagaNeedsAttention(code="amend_timeout", actions=("retry",), receipt=receipt))


def test_a_revision_approved_while_the_task_rests_with_an_operator_is_not_reminded_of(desk: Desk) -> None:
    desk.propose()
    desk.propose(ceiling=6000, revision=2)
    _rests(desk, 1)
    assert types(desk.decide()) == [PlanApproved]
    assert desk.timers == {}


def test_a_word_of_a_rest_that_was_closed_since_changes_nothing(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    desk.given(SagaReopened(code="cancelled_by_provider", closing=2))
    _rests(desk, 1)
    desk.propose(revision=2)
    assert set(desk.timers) == {"backstop"}


def test_a_dearer_revision_inside_the_mandate_raises_the_hold_by_the_difference(desk: Desk) -> None:
    desk.propose()
    assert types(desk.propose(ceiling=1500, revision=2)) == [PlanApproved]
    assert (desk.last(PlanApproved).revision, reserved(desk)) == (2, 1500)


def test_a_cheaper_revision_keeps_the_hold_for_what_may_be_in_flight(desk: Desk) -> None:
    desk.propose(ceiling=1500)
    desk.propose(ceiling=1000, revision=2)
    assert reserved(desk) == 1500
    desk.end(1000)
    assert (reserved(desk), spent(desk)) == (0, 1000)


def test_a_revision_outside_the_mandate_is_asked_about_while_the_old_one_runs(desk: Desk) -> None:
    desk.propose()
    assert types(desk.propose(ceiling=6000, revision=2)) == [ApprovalAsked]
    assert (desk.state.status, reserved(desk), set(desk.timers)) == ("approved", 6000, {"approval", "backstop"})
    assert types(desk.decide()) == [PlanApproved]
    assert (desk.last(PlanApproved).revision, reserved(desk)) == (2, 6000)


@pytest.mark.parametrize("how", ["no", "silence"])
def test_a_denied_revision_leaves_the_old_approval_and_hold(desk: Desk, how: str) -> None:
    desk.propose()
    desk.propose(ceiling=6000, revision=2)
    sent = desk.decide(approved=False) if how == "no" else desk.fire("approval")
    assert denied(sent) == [(2, "approval_denied" if how == "no" else "approval_expired")]
    assert (desk.state.status, desk.state.standing.revision, reserved(desk)) == ("approved", 1, 1000)


def test_a_revision_over_budget_is_denied_and_the_old_approval_stays(desk: Desk) -> None:
    desk.propose()
    assert denied(desk.propose(ceiling=9001, revision=2)) == [(2, "over_budget")]
    assert (desk.state.status, reserved(desk)) == ("approved", 1000)


def test_an_end_while_a_revision_waits_releases_its_hold_too(desk: Desk) -> None:
    desk.propose()
    desk.propose(ceiling=6000, revision=2)
    desk.end(900)
    assert (reserved(desk), spent(desk), desk.timers) == (0, 900, {})
    assert desk.decide() == []


def test_a_cheaper_revision_is_judged_by_the_hold_that_stays(desk: Desk) -> None:
    desk.propose(ceiling=1500)
    desk.lend(desk.wallet.model_copy(update={"mandate": mandate(budget={"IDR": 1200})}), desk.state)
    assert denied(desk.propose(ceiling=1000, revision=2)) == [(2, "over_budget")]


def test_the_budget_counts_a_tasks_own_hold_once(desk: Desk) -> None:
    desk.lend(Wallet(person=PERSON, mandate=mandate(), spent={"IDR": 6000}))
    desk.propose(ceiling=2000)
    assert types(desk.propose(ceiling=3000, revision=2)) == [PlanApproved]


def test_a_cancel_while_a_revision_waits_denies_it_and_goes_to_the_coordinator(desk: Desk) -> None:
    desk.propose()
    desk.propose(ceiling=6000, revision=2)
    assert [m.wire_type for m in desk.given(CANCEL)] == ["tuntas.plan.denied.v1", "tuntas.saga.cancel.v1"]
    assert (desk.state.status, reserved(desk)) == ("approved", 1000)


def test_an_old_revision_that_arrives_again_changes_nothing(desk: Desk) -> None:
    desk.propose()
    desk.propose(revision=2, ceiling=1200)
    before = desk.state
    assert desk.propose() == desk.propose(revision=2, ceiling=4000) == []
    assert desk.state == before


def test_a_newer_revision_replaces_one_that_waits(desk: Desk) -> None:
    desk.propose(ceiling=6000)
    assert types(desk.propose(revision=2)) == [PlanApproved]
    assert (reserved(desk), set(desk.timers)) == (1000, {"backstop"})


def test_a_plan_after_the_end_is_refused_unless_the_task_was_reopened(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    assert denied(desk.propose(revision=2)) == [(2, "ended")]
    desk.given(SagaReopened(code="cancelled_by_provider", closing=2))
    assert types(desk.propose(revision=2, ceiling=1100)) == [PlanApproved]
    assert desk.last(PlanApproved).epoch == 2


def test_a_reopened_task_holds_only_what_was_not_spent_and_settles_absolutely(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    desk.given(SagaReopened(code="cancelled_by_provider", closing=2))
    desk.propose(revision=2, ceiling=1100)
    assert (reserved(desk), spent(desk)) == (200, 900)
    desk.end(1050, closing=2)
    assert (reserved(desk), spent(desk), desk.state.status) == (0, 1050, "ended")


def test_a_reopening_twice_or_of_an_older_closing_counts_once(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    for _ in range(2):
        desk.given(SagaReopened(code="cancelled_by_provider", closing=2))
    desk.given(SagaReopened(code="cancelled_by_provider", closing=1))
    assert (desk.state.epoch, desk.state.status, desk.timers) == (2, "reopened", {})


def test_an_old_closing_that_arrives_again_does_not_end_a_reopened_task(desk: Desk) -> None:
    desk.propose()
    desk.end(900)
    desk.given(SagaReopened(code="cancelled_by_provider", closing=2))
    desk.end(900)
    assert desk.state.status == "reopened"


def test_a_reopening_before_the_first_closing_leaves_the_approval(desk: Desk) -> None:
    desk.propose()
    desk.given(SagaReopened(code="cancelled_by_provider", closing=1))
    assert (desk.state.status, desk.state.epoch, reserved(desk)) == ("approved", 2, 1000)


def test_undoing_under_a_mandate_costs_at_most_its_limit_without_asking(desk: Desk) -> None:
    desk.lend(Wallet(person=PERSON, mandate=mandate(undo_fee_limit={"IDR": 300})))
    desk.propose()
    assert desk.last(PlanApproved).fee_limit == {"IDR": 300}


def test_undoing_costs_at_most_what_the_person_saw(desk: Desk) -> None:
    desk.lend(Wallet(person=PERSON, mandate=mandate(undo_fee_limit={"IDR": 50})))
    desk.propose()
    assert desk.last(ApprovalAsked).reasons == ("undo_too_dear",)
    desk.decide()
    assert desk.last(PlanApproved).fee_limit == {"IDR": 100}


def test_a_mandate_without_a_limit_for_undoing_accepts_the_plans_worst_terms(desk: Desk) -> None:
    desk.propose()
    assert desk.last(PlanApproved).fee_limit == {"IDR": 100}


def test_a_plan_that_is_not_its_digest_is_set_aside(desk: Desk) -> None:
    honest = proposal(trip(desk.task_id))
    desk.given(honest.model_copy(update={"plan": honest.plan.replace("inn", "spy")}))
    desk.given(honest.model_copy(update={"plan": "{}", "digest": digest("{}")}))
    assert (desk.refused, desk.state.status) == (["digest_mismatch", "invalid_plan"], "new")


@pytest.mark.parametrize(
    "change",
    [{"ceilings": {"IDR": 1}}, {"worst_undo": {}}, {"revision": 7}, {"person": derive("test", "other")}],
    ids=["ceilings", "worst_undo", "revision", "person"],
)
def test_a_proposal_that_says_other_than_its_plan_is_set_aside(desk: Desk, change: dict[str, object]) -> None:
    desk.given(proposal(trip(desk.task_id)).model_copy(update=change))
    assert (desk.refused, desk.state.status) == (["plan_mismatch"], "new")


def test_a_plan_of_another_task_or_person_is_set_aside(desk: Desk) -> None:
    desk.given(proposal(trip(derive("test", "another task"))))
    other = derive("test", "other")
    desk.given(proposal(trip(desk.task_id, person=str(other)), other))
    assert desk.refused == ["plan_mismatch", "foreign_person"]


def test_a_plan_whose_lines_add_up_to_more_than_its_totals_is_denied(desk: Desk) -> None:
    assert denied(desk.propose(ceilings={"IDR": 999})) == [(1, "inconsistent_plan")]
    assert reserved(desk) == 0


def test_a_mandate_is_set_replaced_and_revoked_and_the_money_stays() -> None:
    person = History(core(sign), "trust", "a person")
    person.given(MandateSet(person=person.task_id, mandate=mandate()))
    assert (person.state.status, person.state.wallet.mandate) == ("person", mandate())
    person.given(MandateSet(person=person.task_id, mandate=mandate(expires_at=LATER + timedelta(days=1))))
    person.given(MandateSet(person=person.task_id, mandate=None))
    assert person.state.wallet == Wallet(person=person.task_id)


def test_a_mandate_keyed_by_another_is_set_aside(desk: Desk) -> None:
    desk.given(MandateSet(person=PERSON, mandate=mandate()))
    person = Desk("a task")
    person.propose()
    person.given(MandateSet(person=person.task_id, mandate=mandate()))
    assert (desk.refused, person.refused) == (["foreign_person"], ["not_a_person"])


def test_a_plan_for_a_persons_own_row_is_set_aside() -> None:
    person = History(core(sign), "trust", "a person")
    person.given(MandateSet(person=person.task_id, mandate=None))
    person.given(proposal(trip(person.task_id, person=str(person.task_id)), person.task_id))
    assert person.refused == ["foreign_person"]


def test_a_state_survives_being_stored(desk: Desk) -> None:
    desk.propose()
    desk.propose(ceiling=6000, revision=2)
    assert Consent.model_validate_json(desk.state.model_dump_json()) == desk.state
