"""The gateway's decisions: what inner messages mean to the public, in numbered events. Pure; no other decision is made here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tuntas.contracts.connectors import Outcome, StepReplied, StepUndone, UndoQuoted
from tuntas.contracts.gateway import (
    SubmissionTaken,
    TaskAccepted,
    TaskAnswered,
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
    TaskUndoRefused,
)
from tuntas.contracts.intent import IntentResolved, IntentUnread, QuestionAsked
from tuntas.contracts.planner import PlanAnswered, PlanInfeasible, PlanProposed
from tuntas.contracts.saga import (
    CancelAnswered,
    SagaDrilled,
    SagaEnded,
    SagaNeedsAttention,
    SagaOutcome,
    SagaReopened,
    SagaRepaired,
    SagaUndoAnswered,
)
from tuntas.contracts.topics import Kind, Topic
from tuntas.contracts.trust import ApprovalAsked, PlanApproved, PlanDenied
from tuntas.gateway.state import UNAPPROVED, UNPLANNED, ApprovalShown, PlanShown, Question, StepShown, Task
from tuntas.gateway.submission import SubmissionRefused, contradicts
from tuntas.kit.decision import Context, Core, Decision, Fired, Output, Send, Wake, require

PROGRESS = "progress"
"""Purpose of the timer that merges progress."""

MERGE = timedelta(seconds=0.3)


def core(events_topic: Callable[[str], str | None]) -> Core[Task]:
    """Return the gateway's decisions; `events_topic` says where a tenant wants its events, if not on the shared topic."""
    entry = _Entry(events_topic)
    return Core(
        Task,
        {
            SubmissionTaken: entry.on_submission_taken,
            SubmissionRefused: entry.on_submission_refused,
            QuestionAsked: _on_question_asked,
            IntentResolved: _on_intent_resolved,
            IntentUnread: _on_intent_unread,
            PlanProposed: _on_plan_proposed,
            PlanAnswered: _on_plan_answered,
            PlanInfeasible: _on_plan_infeasible,
            ApprovalAsked: _on_approval_asked,
            PlanApproved: _on_plan_approved,
            PlanDenied: _on_plan_denied,
            StepReplied: _on_step_replied,
            StepUndone: _on_step_undone,
            SagaEnded: _on_saga_ended,
            SagaReopened: _on_saga_reopened,
            SagaNeedsAttention: _on_saga_needs_attention,
            SagaRepaired: _on_saga_repaired,
            SagaDrilled: _on_drilled,
            UndoQuoted: _on_drilled,
            CancelAnswered: _on_cancel_answered,
            SagaUndoAnswered: _on_undo_answered,
        },
        fired=_on_fired,
    )


def _tell(state: Task, context: Context, kind: type[TaskEvent], /, **facts: Any) -> Decision[Task]:
    """Say something in public: the next number, kept for streams and sent to the tenant's topic or the shared one."""
    event = kind(
        task_id=context.task_id,
        tenant=context.tenant,
        source=state.source,
        source_id=state.source_id,
        reference=state.reference,
        seq=state.seq + 1,
        at=context.now,
        **facts,
    )
    topic = Topic(state.events_topic, Kind.EVENTS) if state.events_topic else None
    told = state.model_copy(update={"seq": event.seq, "recorded": (*state.recorded, event)})
    return Decision(told, (Send(event, topic),))


def _with(decision: Decision[Task], *out: Output) -> Decision[Task]:
    return Decision(decision.state, (*decision.out, *out))


def _set(state: Task, **facts: Any) -> Task:
    return state.model_copy(update=facts)


@dataclass(frozen=True)
class _Entry:
    events_topic: Callable[[str], str | None]

    def on_submission_taken(self, state: Task | None, message: SubmissionTaken, context: Context) -> Decision[Task]:
        if state is not None:
            same = state.person == message.task.person and not contradicts(state.digest, message.digest)
            require(same, "id_reused", "another body under the same id")
            return Decision(state)
        task = message.task
        accepted = Task(
            status="accepted",
            source=task.source,
            source_id=task.source_id,
            reference=task.reference,
            lang=task.lang,
            person=task.person,
            digest=message.digest,
            events_topic=self.events_topic(context.tenant),
        )
        return _with(_tell(accepted, context, TaskAccepted), Send(task))

    def on_submission_refused(self, state: Task | None, message: SubmissionRefused, context: Context) -> Decision[Task]:
        if state is not None:
            return Decision(state)
        # A stranger must not be able to write on a tenant's own topic by naming the tenant.
        topic = self.events_topic(context.tenant) if message.genuine else None
        refused = Task(status="accepted", source=message.source, source_id=message.source_id, events_topic=topic)
        return _rejected(refused, context, message.code, message.reason)


def _rejected(state: Task, context: Context, code: str, reason: str = "", wishes: tuple[str, ...] = ()) -> Decision[Task]:
    ended = _set(state, status="rejected", code=code, reason=reason, wishes=wishes, question=None, approval=None)
    return _tell(ended, context, TaskRejected, code=code, reason=reason, wishes=wishes)


def _on_question_asked(state: Task | None, message: QuestionAsked, context: Context) -> Decision[Task]:
    if state is None or state.status not in UNPLANNED:
        return Decision(state)
    facts = message.model_dump()
    return _tell(_set(state, status="question", question=Question(**facts)), context, TaskQuestion, **facts)


def _on_intent_resolved(state: Task | None, message: IntentResolved, context: Context) -> Decision[Task]:
    del context
    if state is None or state.ended:
        return Decision(state)
    if state.status != "question":
        return Decision(_set(state, lang=message.lang))
    return Decision(_set(state, status="accepted", question=None, lang=message.lang))


def _on_intent_unread(state: Task | None, message: IntentUnread, context: Context) -> Decision[Task]:
    if state is None or state.status not in UNPLANNED:
        return Decision(state)
    return _rejected(state, context, message.code, message.reason)


def _on_plan_proposed(state: Task | None, message: PlanProposed, context: Context) -> Decision[Task]:
    if state is None or state.ended or (state.plan and message.revision <= state.plan.revision):
        return Decision(state)
    shown = PlanShown.model_validate(message.model_dump(include=set(PlanShown.model_fields)))
    status = "planned" if state.status in UNPLANNED else state.status
    planned = _set(state, status=status, plan=shown, question=None, told=message.told or state.told)
    return _tell(planned, context, TaskPlanned, **shown.model_dump(exclude={"reasons"}))


def _on_plan_answered(state: Task | None, message: PlanAnswered, context: Context) -> Decision[Task]:
    if state is None or state.status not in UNAPPROVED:
        return Decision(state)
    answered = _set(state, status="answered", question=None, told=message.told)
    return _tell(answered, context, TaskAnswered, goals=tuple(told.goal_id for told in message.told))


def _on_plan_infeasible(state: Task | None, message: PlanInfeasible, context: Context) -> Decision[Task]:
    # A later revision is an amendment of a plan that runs; the executor and the coordinator say what becomes of that.
    if state is None or message.revision > 1 or state.status not in UNAPPROVED or state.approved:
        return Decision(state)
    return _rejected(state, context, message.code, message.reason, message.wishes)


def _on_approval_asked(state: Task | None, message: ApprovalAsked, context: Context) -> Decision[Task]:
    newest = max(state.approved, state.approval.revision if state.approval else 0) if state else 0
    if state is None or state.ended or message.revision <= newest:
        return Decision(state)
    asked = _set(state, status="approval_needed", approval=ApprovalShown(**message.model_dump()), question=None)
    return _tell(asked, context, TaskApprovalNeeded, **message.model_dump())


def _on_plan_approved(state: Task | None, message: PlanApproved, context: Context) -> Decision[Task]:
    del context
    if state is None or state.ended or message.revision <= state.approved:
        return Decision(state)
    waiting = state.approval if state.approval and state.approval.revision > message.revision else None
    status = "running" if state.status in UNAPPROVED and waiting is None else state.status
    return Decision(_set(state, status=status, approved=message.revision, approval=waiting, question=None))


def _on_plan_denied(state: Task | None, message: PlanDenied, context: Context) -> Decision[Task]:
    # Another digest was approved than the one that waits: that one still waits.
    if state is None or state.ended or message.code == "stale_digest":
        return Decision(state)
    if not state.approved and message.revision <= 1:
        return _rejected(state, context, message.code)
    if state.approval and state.approval.revision == message.revision:
        return Decision(_set(state, status="running" if state.status == "approval_needed" else state.status, approval=None))
    return Decision(state)


def _on_step_replied(state: Task | None, message: StepReplied, context: Context) -> Decision[Task]:
    if state is None or state.ended:
        return Decision(state)
    last = state.steps.get(message.step_id)
    if last and (message.attempt, message.seq) <= (last.attempt, last.seq):
        return Decision(state)
    shown = StepShown(
        key=message.key,
        attempt=message.attempt,
        seq=message.seq,
        status=message.outcome.value,
        code=message.code,
        action=message.action,
    )
    return _stepped(state, message.step_id, shown, context)


def _on_step_undone(state: Task | None, message: StepUndone, context: Context) -> Decision[Task]:
    last = state.steps.get(message.step_id) if state else None
    if state is None or last is None or state.ended or last.key != message.key or message.seq <= last.seq:
        return Decision(state)
    status = "undone" if message.outcome is Outcome.UNDONE else f"undo_{message.outcome.value}"
    shown = _undone(last, message.seq, status, message.code)
    return _stepped(state, message.step_id, shown, context)


def _undone(last: StepShown, seq: int, status: str, code: str | None) -> StepShown:
    return last.model_copy(update={"seq": seq, "status": status, "code": code, "action": None})


def _stepped(state: Task, step_id: str, shown: StepShown, context: Context) -> Decision[Task]:
    """Remember a step's news; the first since the last event sets the timer that tells all of them at once."""
    wake = () if state.dirty else (Wake(PROGRESS, context.now + MERGE),)
    dirty = state.dirty if step_id in state.dirty else (*state.dirty, step_id)
    return Decision(_set(state, steps={**state.steps, step_id: shown}, dirty=dirty), wake)


def _on_fired(state: Task | None, event: Fired, context: Context) -> Decision[Task]:
    if state is None or event.purpose != PROGRESS or not state.dirty:
        return Decision(state)
    steps = {step: state.steps[step].status for step in state.dirty}
    return _tell(_set(state, dirty=()), context, TaskProgressed, steps=steps)


def _flushed(state: Task, context: Context) -> tuple[Task, tuple[Output, ...]]:
    """Tell what progress is left before an outcome is told."""
    told = _on_fired(state, Fired(PROGRESS, context.now), context)
    return told.state or state, (*told.out, Wake(PROGRESS)) if told.out else ()


def _on_saga_ended(state: Task | None, message: SagaEnded, context: Context) -> Decision[Task]:
    if state is None or message.closing <= state.closing:
        return Decision(state)
    state, first = _flushed(state, context)
    facts = {"closing": message.closing, "kept": message.kept, "code": message.code}
    receipt = message.receipt
    ended = _set(
        state, **facts, status=message.outcome.value, receipt=receipt, question=None, approval=None, actions=(), titles=message.titles
    )
    if message.outcome is SagaOutcome.COMPLETED:
        told = _tell(ended, context, TaskCompleted, closing=message.closing, kept=message.kept, titles=message.titles)
    else:
        told = _tell(ended, context, TaskCompensated, **facts)
    return Decision(told.state, (*first, *told.out))


def _on_saga_reopened(state: Task | None, message: SagaReopened, context: Context) -> Decision[Task]:
    if state is None or message.closing <= state.closing:
        return Decision(state)
    facts = message.model_dump()
    return _tell(_set(state, status="reopened", code=message.code), context, TaskReopened, **facts)


def _on_saga_needs_attention(state: Task | None, message: SagaNeedsAttention, context: Context) -> Decision[Task]:
    if state is None or state.ended:
        return Decision(state)
    state, first = _flushed(state, context)
    facts = {"code": message.code, "actions": message.actions}
    resting = _set(state, **facts, status="needs_attention", receipt=message.receipt)
    told = _tell(resting, context, TaskNeedsAttention, **facts)
    return Decision(told.state, (*first, *told.out))


def _on_saga_repaired(state: Task | None, message: SagaRepaired, context: Context) -> Decision[Task]:
    """Keep an operator's answer; the public is told what comes of it, not that somebody decided."""
    del context
    return Decision(state and _set(state, repaired=message, repairs=(*state.repairs, message)))


def _on_drilled(state: Task | None, message: SagaDrilled | UndoQuoted, context: Context) -> Decision[Task]:
    """Keep what a rehearsal came to, for the operator who waits for it."""
    del context
    return Decision(state and _set(state, drilled=(*state.drilled, message)))


def _on_cancel_answered(state: Task | None, message: CancelAnswered, context: Context) -> Decision[Task]:
    if state is None or state.status == "rejected":
        return Decision(state)
    if message.accepted:
        return Decision(_set(state, cancel="accepted"))
    refused = _set(state, cancel="refused", undo_price=message.undo_price)
    return _tell(refused, context, TaskCancelRefused, code=message.code, undo_price=message.undo_price)


def _on_undo_answered(state: Task | None, message: SagaUndoAnswered, context: Context) -> Decision[Task]:
    """A refusal is told; what was taken shows itself as a reopening."""
    if state is None or message.accepted:
        return Decision(state)
    return _tell(state, context, TaskUndoRefused, code=message.code)
