"""The planner's decisions: ask for quotes, propose a plan, replace the legs of a plan that failed. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from tuntas.contracts.connectors import QuoteReplied
from tuntas.contracts.ids import digest
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.plan import Plan
from tuntas.contracts.planner import PlanAmend, PlanInfeasible, PlanProposed
from tuntas.kit.decision import Context, Core, Decision, Fired, Send, Wake
from tuntas.kit.errors import Rejected
from tuntas.planner.drafting import draft
from tuntas.planner.intents import PAYMENT, Registry, again, asking, served
from tuntas.planner.policy import Policy
from tuntas.planner.state import Planning

QUOTES = "quotes"
"""Purpose of the timer behind open quotes."""


def core(registry: Registry, policy: Policy = Policy()) -> Core[Planning]:  # noqa: B008 - frozen
    """Return the planner's decisions; the registry answers from what connectors have declared."""
    planner = _Planner(registry, policy)
    return Core(
        Planning,
        {
            IntentResolved: planner.on_intent_resolved,
            QuoteReplied: planner.on_quote_replied,
            PlanAmend: planner.on_plan_amend,
        },
        fired=planner.on_fired,
    )


@dataclass(frozen=True)
class _Planner:
    registry: Registry
    policy: Policy

    def on_intent_resolved(self, state: Planning | None, message: IntentResolved, context: Context) -> Decision[Planning]:
        if state is not None:
            return Decision(state)
        try:
            quotes, charged = served(context.task_id, message, self.registry)
        except Rejected as error:
            return _infeasible(Planning(status="quoting", request=message, revision=1), error)
        return self._ask(Planning(status="quoting", request=message, charged=charged, revision=1, quotes=quotes), context)

    def on_quote_replied(self, state: Planning | None, message: QuoteReplied, context: Context) -> Decision[Planning]:
        quote = state.open_quote(message) if state else None
        if state is None or quote is None:
            return Decision(state)
        state = state.with_quote(quote.answered(message))
        if not message.offers:
            return _infeasible(state, _unoffered(quote.goal.goal_id, message.code))
        return Decision(state) if state.waiting_for() else self._propose(state, context)

    def on_plan_amend(self, state: Planning | None, message: PlanAmend, context: Context) -> Decision[Planning]:
        if state and (message.epoch, message.revision) <= state.amended:
            return Decision(state)
        base = state.plan(message.base or message.revision) if state else None
        if state is None or base is None:
            return Decision(state, (Send(PlanInfeasible(revision=message.revision + 1, code="unknown_plan")),))
        state = _amending(state, message, base)
        quotes = again(context.task_id, state.request, base, message.failed_legs, state.revision)
        if not quotes or len(quotes) != len(set(message.failed_legs)):
            return _infeasible(state, Rejected("unknown_leg", ", ".join(message.failed_legs)))
        return self._ask(state.model_copy(update={"quotes": quotes}), context)

    def on_fired(self, state: Planning | None, event: Fired, context: Context) -> Decision[Planning]:
        del context
        if state is None or event.purpose != QUOTES or not state.gathering:
            return Decision(state)
        return _infeasible(state, Rejected("quote_timeout", ", ".join(state.waiting_for())))

    def _ask(self, state: Planning, context: Context) -> Decision[Planning]:
        until = context.now + timedelta(seconds=self.policy.quote_seconds)
        request = state.request
        return Decision(state, (*(asking(quote, request, until) for quote in state.quotes), Wake(QUOTES, until)))

    def _propose(self, state: Planning, context: Context) -> Decision[Planning]:
        base = state.plans[-1] if state.status == "amending" else None
        until = context.now + timedelta(seconds=self.policy.min_validity_seconds)
        try:
            plan = draft(state, base, context.task_id, until, self.policy)
        except Rejected as error:
            return _infeasible(state, error)
        proposed = state.model_copy(update={"status": "proposed", "plans": (*state.plans, plan), "quotes": ()})
        return Decision(proposed, (Send(_proposal(plan, state)), Wake(QUOTES)))


def _unoffered(goal_id: str, code: str | None) -> Rejected:
    return Rejected("no_payment", code or "") if goal_id == PAYMENT else Rejected(code or "no_offer", goal_id)


def _amending(state: Planning, message: PlanAmend, base: Plan) -> Planning:
    return state.model_copy(
        update={
            "status": "amending",
            "revision": message.revision + 1,
            "plans": (base,),
            "tried": tuple(dict.fromkeys((*state.tried, *message.tried))),
            "amended": (message.epoch, message.revision),
        }
    )


def _infeasible(state: Planning, error: Rejected) -> Decision[Planning]:
    # Without an amendment the plan that runs still stands, so that a later epoch may amend it again.
    status = "proposed" if state.plans else "infeasible"
    ended = state.model_copy(update={"status": status, "quotes": ()})
    return Decision(ended, (Send(PlanInfeasible(revision=state.revision, code=error.code, reason=error.reason[:500])), Wake(QUOTES)))


def _proposal(plan: Plan, state: Planning) -> PlanProposed:
    text = plan.model_dump_json()
    return PlanProposed(
        revision=plan.revision,
        plan=text,
        digest=digest(text),
        person=state.request.person,
        titles=tuple(leg.offers[0].title for leg in plan.legs if leg.leg_id != PAYMENT),
        ceilings=plan.ceilings,
        worst_undo=plan.worst_undo,
    )
