"""What a task waits for, from what the services' views say; pure."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.kit.operations import Explanation, Facts, explain

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TASK = uuid4()
KEY = uuid4()
SERVICES = ("gateway", "intent", "planner", "trust", "executor", "saga", "connectors-travel", "connectors-payment")


def explained(*silent: str, timers: tuple[datetime, ...] = (), **docs: Any) -> Explanation:
    """Explain a task of which these documents exist; all services but these gave a sign of life just now."""
    beats = {service: NOW - timedelta(seconds=60 if service in silent else 1) for service in SERVICES}
    return explain(Facts(TASK, NOW, docs, dict.fromkeys(docs, NOW), timers, beats))


def words(found: Explanation) -> list[str]:
    """Return the verbs of the commands."""
    return [action.command.removeprefix("tuntas ").replace(str(TASK), "").strip() for action in found.safe_actions]


def declared(step: str = "flight.hold", start: int = 1, kind: str = "hold") -> dict[str, Any]:
    connector = "payment" if step.startswith("payment") else "travel"
    return {"step_id": step, "provider": "kite", "connector": connector, "key": str(KEY), "kind": kind, "start": start}


def attempt(step: str = "flight.hold", kind: str = "hold", **more: Any) -> dict[str, Any]:
    return {"declaration": declared(step, kind=kind)} | more


def saga(status: str, *effects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": status, "effects": {str(n): effect for n, effect in enumerate(effects)}, "at_risk": {"IDR": 7}} | more


ACCEPTED = {"status": "accepted"}
RUNNING = {"status": "running"}
APPROVED = {"status": "approved"}
PROPOSED = {"status": "proposed"}


def test_a_task_that_nobody_knows_is_unknown() -> None:
    found = explained()
    assert (found.status, found.waiting_for, found.safe_actions) == ("unknown", "nothing", ())


@pytest.mark.parametrize("status", ["completed", "compensated", "rejected"])
def test_what_has_ended_waits_for_nothing(status: str) -> None:
    found = explained("executor", task={"status": status, "code": "declined"}, execution={"status": "ended"})
    assert (found.status, found.waiting_for, found.code, found.not_running) == (status, "nothing", "declined", ())


@pytest.mark.parametrize(
    ("docs", "waiting_for", "service"),
    [
        ({"task": ACCEPTED}, "intent", "intent"),
        ({"task": ACCEPTED}, "intent", "planner"),
        ({"task": ACCEPTED, "plan": {"status": "quoting", "quotes": [{"connector": "travel"}]}}, "quotes", "connectors-travel"),
        ({"task": ACCEPTED, "plan": {"status": "quoting", "quotes": []}}, "quotes", "planner"),
        ({"task": ACCEPTED, "plan": PROPOSED}, "consent", "trust"),
        ({"task": ACCEPTED, "plan": PROPOSED, "consent": APPROVED}, "start", "executor"),
        ({"task": RUNNING, "consent": APPROVED, "execution": {"status": "running", "attempts": []}}, "next_step", "executor"),
        ({"task": RUNNING, "execution": {"status": "running", "attempts": [attempt()]}}, "reply:flight.hold", "connectors-travel"),
        ({"task": RUNNING, "execution": {"status": "amending"}}, "amended_plan", "planner"),
        ({"task": RUNNING, "plan": PROPOSED, "consent": APPROVED, "execution": {"status": "ended"}}, "outcome", "saga"),
        ({"task": RUNNING, "execution": {"status": "ended"}, "saga": saga("halting")}, "halt", "saga"),
        ({"task": RUNNING, "execution": {"status": "ended"}, "saga": saga("completed")}, "announcement", "gateway"),
        ({"task": ACCEPTED, "plan": PROPOSED, "consent": {"status": "denied"}}, "announcement", "gateway"),
        ({"task": ACCEPTED, "plan": {"status": "infeasible"}}, "announcement", "gateway"),
    ],
)
def test_the_service_whose_turn_it_is_is_named_if_it_does_not_run(docs: dict[str, Any], waiting_for: str, service: str) -> None:
    assert explained(**docs).not_running == ()
    found = explained(service, **docs)
    assert (found.waiting_for, found.not_running) == (waiting_for, (service,))
    assert found.safe_actions[0].command == f"tuntas-{service} serve"


def test_a_service_whose_turn_it_is_not_is_not_named() -> None:
    assert explained("intent", "connectors-payment", task=ACCEPTED, plan=PROPOSED).not_running == ()


def test_a_quote_that_was_answered_is_not_waited_for() -> None:
    quotes = [{"connector": "travel", "offers": []}, {"connector": "payment"}]
    found = explained("connectors-travel", "connectors-payment", task=ACCEPTED, plan={"status": "quoting", "quotes": quotes})
    assert found.not_running == ("connectors-payment",)


def test_a_missing_approval_offers_yes_and_no() -> None:
    consent = {"status": "waiting", "pending": {"reasons": ["over_limit", "undo_too_dear"]}}
    found = explained(task={"status": "approval_needed"}, plan=PROPOSED, consent=consent)
    assert (found.waiting_for, found.code) == ("approval", "over_limit,undo_too_dear")
    assert words(found) == ["approve", "approve  --no"]


def test_an_approval_that_expired_is_not_asked_for_again() -> None:
    consent = {"status": "expired", "pending": {"reasons": ["over_limit"]}}
    assert explained(task={"status": "approval_needed"}, plan=PROPOSED, consent=consent).waiting_for == "announcement"


def test_a_question_offers_an_answer_and_a_cancel() -> None:
    found = explained(task={"status": "question", "question": {"question": "From where?"}})
    assert found.waiting_for == "answer"
    assert words(found) == ["answer  'YOUR ANSWER'", "cancel"]
    assert "From where?" in found.safe_actions[0].effect


def test_a_step_that_will_be_attempted_again_is_named() -> None:
    attempts = [attempt(status="done"), attempt("payment.capture", status="refused", not_before=NOW.isoformat())]
    found = explained(task=RUNNING, execution={"status": "running", "attempts": attempts}, timers=(NOW + timedelta(seconds=9), NOW))
    assert (found.waiting_for, found.step, found.next_timer_at) == ("again:payment.capture", "payment.capture", NOW)


def test_a_cancel_after_the_irreversible_step_is_said_to_be_too_late() -> None:
    attempts = [attempt("flight.issue", "pivot", status="done"), attempt("payment.capture", "retriable", status="in_doubt")]
    found = explained(task=RUNNING, execution={"status": "running", "attempts": attempts})
    assert (found.waiting_for, found.code) == ("reply:payment.capture", "in_doubt")
    assert "too late" in found.safe_actions[0].effect


def test_the_undo_that_was_sent_is_the_one_that_is_waited_for() -> None:
    queued = {"declaration": declared("hotel.hold", 2), "stage": "undoing"}
    sent = {"declaration": declared("payment.authorize", 1), "stage": "undoing", "sends": 2, "code": "unavailable"}
    docs: dict[str, Any] = {
        "task": RUNNING,
        "execution": {"status": "ended"},
        "saga": saga("compensating", queued, sent, waiting_for="undo:payment.authorize"),
    }
    found = explained("connectors-payment", "connectors-travel", **docs)
    assert (found.waiting_for, found.step, found.code) == ("undo:payment.authorize", "payment.authorize", "unavailable")
    assert found.not_running == ("connectors-payment",)
    assert found.money_at_risk == {"IDR": 7}


def test_an_undo_that_is_too_dear_can_be_paid_tried_again_or_left() -> None:
    fee = {"amount_minor": 500, "currency": "IDR"}
    effect = {"declaration": declared(), "stage": "waiting", "code": "fee_above_limit", "quote_id": "q", "asked_fee": fee}
    found = explained(task={"status": "needs_attention"}, saga=saga("needs_attention", effect))
    assert (found.waiting_for, found.step, found.provider, found.code) == ("operator", "flight.hold", "kite", "fee_above_limit")
    assert [command.split()[2] for command in (a.command for a in found.safe_actions)] == [str(TASK)] * 3
    assert [a.command.split()[3] for a in found.safe_actions] == ["accept_fee", "retry", "skip"]
    assert all(f"--key {KEY}" in a.command for a in found.safe_actions)


def test_an_executor_that_is_stuck_is_asked_to_go_on() -> None:
    execution = {"status": "ended", "attempts": [attempt("payment.capture", "retriable", status="in_doubt")]}
    found = explained("executor", task={"status": "needs_attention"}, execution=execution, saga=saga("needs_attention", reason="stuck"))
    assert (found.waiting_for, found.step, found.code) == ("operator", "payment.capture", "stuck")
    assert [a.command.split()[0] for a in found.safe_actions] == ["tuntas-executor", "tuntas"]


def test_a_closing_that_was_reopened_is_not_over() -> None:
    effect = {"declaration": declared(), "stage": "undoing", "sends": 1}
    found = explained(
        task={"status": "completed"}, execution={"status": "ended"}, saga=saga("compensating", effect, waiting_for="undo:flight.hold")
    )
    assert found.waiting_for == "undo:flight.hold"


def test_ids_in_commands_are_plain() -> None:
    found = explained(task=ACCEPTED)
    assert UUID(found.safe_actions[-1].command.split()[-1]) == TASK


def test_a_printed_repair_expects_the_version_that_was_explained() -> None:
    waiting = {"declaration": {"key": str(KEY), "step_id": "hotel.confirm", "provider": "bale", "start": 1}, "stage": "waiting"}
    saga = {"status": "needs_attention", "version": 7, "effects": {str(KEY): waiting}}
    found = explained(task={"status": "needs_attention"}, saga=saga)
    assert found.version == 7
    assert all("--expected 7" in action.command for action in found.safe_actions)


def test_what_the_last_repair_came_to_is_said() -> None:
    told = {"action": "retry", "by": "sre", "applied": False, "code": "moved", "before": 7, "after": 7}
    found = explained(task={"status": "needs_attention", "repaired": told}, saga={"status": "needs_attention"})
    assert found.repaired is not None
    assert (found.repaired.applied, found.repaired.code) == (False, "moved")


def test_a_task_whose_question_was_answered_waits_for_nothing() -> None:
    found = explained(task={"status": "answered"}, plan={"status": "answered"})
    assert (found.waiting_for, found.safe_actions) == ("nothing", ())
