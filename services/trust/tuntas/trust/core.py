"""Trust's decisions: may this exact plan run? One row decides every race between cancel, expiry, denial and the start. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from tuntas.contracts.ids import digest
from tuntas.contracts.plan import Approval, Plan, Statement
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.saga import SagaCancel, SagaEnded, SagaNeedsAttention, SagaReopened
from tuntas.contracts.trust import ApprovalAsked, MandateSet, PlanApproved, PlanDecided, PlanDenied, TaskCancel
from tuntas.kit.decision import Context, Core, Decision, Fired, Send, Wake, require
from tuntas.kit.errors import InvalidMessage
from tuntas.trust import holds
from tuntas.trust.mandates import OVER_BUDGET, uncovered
from tuntas.trust.policy import Policy
from tuntas.trust.state import Consent, Proposal, Wallet, blank, share_wallet
from tuntas.trust.statements import honest, statement

APPROVAL = "approval"
"""Purpose of the timer behind a question to a person."""
BACKSTOP = "backstop"
"""Purpose of the timer behind an approved plan."""

_CLOSED = {"cancelled", "denied", "expired", "ended"}
_RUNNING = {"approved", "reopened"}

Sign = Callable[[Statement], Approval]


def core(sign: Sign, policy: Policy = Policy()) -> Core[Consent]:  # noqa: B008 - frozen
    """Return trust's decisions; `sign` must give the same signature for the same statement."""
    trust = _Trust(sign, policy)
    return Core(
        Consent,
        {
            MandateSet: on_mandate_set,
            PlanProposed: trust.on_plan_proposed,
            PlanDecided: trust.on_plan_decided,
            TaskCancel: on_task_cancel,
            SagaEnded: on_saga_ended,
            SagaReopened: on_saga_reopened,
            SagaNeedsAttention: on_saga_needs_attention,
        },
        fired=trust.on_fired,
        share=share_wallet,
    )


def on_mandate_set(state: Consent | None, message: MandateSet, context: Context) -> Decision[Consent]:
    """Replace a person's mandate; what is reserved and spent stays."""
    require(message.person == context.task_id, "foreign_person")
    state = state or blank(message.person)
    require(state.status in {"new", "person"}, "not_a_person")
    wallet = (state.wallet or Wallet(person=message.person)).model_copy(update={"mandate": message.mandate})
    return Decision(state.model_copy(update={"status": "person", "person": message.person, "wallet": wallet}))


def on_task_cancel(state: Consent | None, message: TaskCancel, context: Context) -> Decision[Consent]:
    """Cancel what waits here, or pass the cancel on to the coordinator; before any plan it leaves a tombstone."""
    del context
    if state is None or state.status == "new":
        return Decision((state or Consent(status="new")).model_copy(update={"status": "cancelled", "code": "cancelled"}))
    if state.status == "waiting":
        return _denied(state, "cancelled", "cancelled")
    if state.standing is None:
        return Decision(state)
    onward = Send(SagaCancel(by=message.by, cause=message.cause))
    if state.pending is None:
        return Decision(state, (onward,))
    denied = _denied(state, "cancelled", "cancelled")
    return Decision(denied.state, (*denied.out, onward))


def on_saga_ended(state: Consent | None, message: SagaEnded, context: Context) -> Decision[Consent]:
    """Settle the hold by a closing that is newer than the last one."""
    del context
    if state is None or message.closing <= state.closing:
        return Decision(state)
    settled = holds.settling(state, message.closing, message.kept)
    return Decision(
        settled.model_copy(update={"status": "ended", "code": "ended", "pending": None, "resting": False}), (Wake(APPROVAL), Wake(BACKSTOP))
    )


def on_saga_reopened(state: Consent | None, message: SagaReopened, context: Context) -> Decision[Consent]:
    """Let a settled task be planned again; it holds nothing until it is."""
    del context
    if state is None or message.closing <= max(state.closing, state.reopened):
        return Decision(state)
    status = "reopened" if state.status == "ended" else state.status
    return Decision(state.model_copy(update={"status": status, "reopened": message.closing, "epoch": state.epoch + 1}))


def on_saga_needs_attention(state: Consent | None, message: SagaNeedsAttention, context: Context) -> Decision[Consent]:
    """Stop reminding: the coordinator has the task, and an operator is asked."""
    del context
    if state is None or message.receipt.closing <= state.closing:
        return Decision(state)
    return Decision(state.model_copy(update={"resting": True}), (Wake(BACKSTOP),))


@dataclass(frozen=True)
class _Trust:
    sign: Sign
    policy: Policy

    def on_plan_proposed(self, state: Consent | None, message: PlanProposed, context: Context) -> Decision[Consent]:
        plan = _opened(message, context)
        state = state or blank(message.person)
        require(state.person in {None, message.person} and state.status != "person", "foreign_person")
        if state.status in _CLOSED:
            return Decision(state, (Send(PlanDenied(revision=message.revision, code=state.code)),))
        if message.revision <= state.revision:
            return Decision(state)
        # A newer revision replaces one that still waits.
        state = state.model_copy(update={"person": message.person, "revision": message.revision, "pending": None})
        return self._judged(state, plan, message, context)

    def on_plan_decided(self, state: Consent | None, message: PlanDecided, context: Context) -> Decision[Consent]:
        if state is None or state.pending is None:
            return Decision(state)
        if _overdue(state.pending, context):
            return _denied(state, "approval_expired", "expired")
        if message.digest != state.pending.digest:
            return Decision(state, (_question(state.pending),))
        return self._approved(state, state.pending, context) if message.approved else _denied(state, "approval_denied", "denied")

    def on_fired(self, state: Consent | None, event: Fired, context: Context) -> Decision[Consent]:
        if state and event.purpose == APPROVAL and state.pending and _overdue(state.pending, context):
            return _denied(state, "approval_expired", "expired")
        if state and event.purpose == BACKSTOP and state.status == "approved":
            again = context.now + timedelta(seconds=self.policy.backstop_seconds)
            return Decision(state, (Send(SagaCancel(by="trust", cause="expired")), Wake(BACKSTOP, again)))
        return Decision(state)

    def _judged(self, state: Consent, plan: Plan, message: PlanProposed, context: Context) -> Decision[Consent]:
        if not honest(plan):
            return _denied(state, "inconsistent_plan", "denied")
        wallet = state.wallet or Wallet(person=message.person)
        reasons = uncovered(plan, wallet, holds.growth(state, plan.ceilings), context.now)
        if OVER_BUDGET in reasons:
            return _denied(state, OVER_BUDGET, "denied")
        proposal = Proposal(revision=message.revision, digest=message.digest, text=message.plan, reasons=reasons)
        return self._asked(state, plan, proposal, context) if reasons else self._approved(state, proposal, context)

    def _asked(self, state: Consent, plan: Plan, proposal: Proposal, context: Context) -> Decision[Consent]:
        until = context.now + timedelta(seconds=self.policy.approval_seconds)
        proposal = proposal.model_copy(update={"until": until})
        status = state.status if state.status in _RUNNING else "waiting"
        held = holds.asking(state, plan.ceilings).model_copy(update={"status": status, "pending": proposal})
        return Decision(held, (_question(proposal), Wake(APPROVAL, until)))

    def _approved(self, state: Consent, proposal: Proposal, context: Context) -> Decision[Consent]:
        plan = proposal.plan()
        held = holds.granting(state, plan.ceilings).model_copy(update={"status": "approved", "standing": proposal, "pending": None})
        sent = self._approval(held, proposal, plan, context)
        overdue = sent.forward_by + timedelta(seconds=2 * self.policy.grace_seconds)
        return Decision(held, (Send(sent), Wake(APPROVAL), Wake(BACKSTOP, None if held.resting else overdue)))

    def _approval(self, state: Consent, proposal: Proposal, plan: Plan, context: Context) -> PlanApproved:
        forward_by = context.now + timedelta(seconds=self.policy.forward_seconds)
        capture_by = forward_by + timedelta(seconds=self.policy.grace_seconds)
        return PlanApproved(
            revision=proposal.revision,
            epoch=state.epoch,
            plan=proposal.text,
            digest=proposal.digest,
            approval=self.sign(statement(plan, proposal.digest, context.tenant, forward_by, capture_by)),
            start_by=context.now + timedelta(seconds=self.policy.start_seconds),
            forward_by=forward_by,
            fee_limit=_fee_limit(state.wallet, proposal, plan),
        )


def _fee_limit(wallet: Wallet | None, proposal: Proposal, plan: Plan) -> dict[str, int]:
    # A person who said yes saw the plan's worst terms; a mandate without a limit accepts them as well.
    mandate = wallet.mandate if wallet and not proposal.reasons else None
    return (mandate.undo_fee_limit if mandate else {}) or plan.worst_undo


def _opened(message: PlanProposed, context: Context) -> Plan:
    require(digest(message.plan) == message.digest, "digest_mismatch")
    try:
        plan = Plan.model_validate_json(message.plan)
    except ValidationError as error:
        raise InvalidMessage("invalid_plan", str(error)[:500]) from error
    told = (str(context.task_id), message.revision, str(message.person), message.ceilings, message.worst_undo)
    require(told == (plan.task_id, plan.revision, plan.person, plan.ceilings, plan.worst_undo), "plan_mismatch")
    return plan


def _overdue(pending: Proposal, context: Context) -> bool:
    return pending.until is not None and context.now >= pending.until


def _question(proposal: Proposal) -> Send:
    plan = proposal.plan()
    if proposal.until is None:
        raise InvalidMessage("not_asked")
    return Send(
        ApprovalAsked(
            revision=proposal.revision,
            digest=proposal.digest,
            reasons=proposal.reasons,
            ceilings=plan.ceilings,
            worst_undo=plan.worst_undo,
            until=proposal.until,
        )
    )


def _denied(state: Consent, code: str, status: str) -> Decision[Consent]:
    """Refuse the newest revision; a plan that already runs keeps its approval and its hold."""
    kept = {"status": state.status} if state.status in _RUNNING else {"status": status, "code": code}
    free = holds.releasing(state).model_copy(update={**kept, "pending": None})
    return Decision(free, (Send(PlanDenied(revision=state.revision, code=code)), Wake(APPROVAL)))
