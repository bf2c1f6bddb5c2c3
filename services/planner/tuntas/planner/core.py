"""The planner's decisions: ask for quotes, propose a plan, replace the legs of a plan that failed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tuntas.contracts.connectors import QuoteReplied
from tuntas.contracts.ids import digest
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.plan import Plan
from tuntas.contracts.planner import PlanAmend, PlanAnswered, PlanInfeasible, PlanProposed, Told
from tuntas.kit.decision import Answered, Context, Core, Decision, Fired, Send, Wake
from tuntas.kit.errors import Rejected
from tuntas.planner.drafting import draft, pin
from tuntas.planner.intents import PAYMENT, Registry, again, asking, served
from tuntas.planner.meeting import meetings, ways
from tuntas.planner.policy import PASSING, Policy
from tuntas.planner.ranking import contested, named, orders, rank_call
from tuntas.planner.state import Planning, Quote, Use

QUOTES = "quotes"
"""Purpose of the timer behind open quotes."""


def core(registry: Registry, policy: Policy = Policy(), *, ranks: bool = False) -> Core[Planning]:  # noqa: B008 - frozen
    """Return the planner's decisions; the registry answers from what connectors have declared, `ranks` says that engines may be asked."""
    planner = _Planner(registry, policy, ranks)
    return Core(
        Planning,
        {
            IntentResolved: planner.on_intent_resolved,
            QuoteReplied: planner.on_quote_replied,
            PlanAmend: planner.on_plan_amend,
        },
        fired=planner.on_fired,
        answered=planner.on_answered,
    )


@dataclass(frozen=True)
class _Planner:
    registry: Registry
    policy: Policy
    ranks: bool

    def on_intent_resolved(self, state: Planning | None, message: IntentResolved, context: Context) -> Decision[Planning]:
        if state is not None:
            return Decision(state)
        try:
            begun = served(context.task_id, message, self.registry)
        except Rejected as error:
            return _infeasible(Planning(status="quoting", request=message, revision=1), error)
        return self._ask(begun, begun.quotes, context)

    def on_quote_replied(self, state: Planning | None, message: QuoteReplied, context: Context) -> Decision[Planning]:
        quote = state.open_quote(message) if state else None
        if state is None or quote is None:
            return Decision(state)
        if message.code in PASSING and quote.use is not Use.WAY:
            later = quote.again(context.now, self.policy.pause_seconds)
            if state.open_at(later.due):
                state = state.with_quote(quote, later)
                return Decision(state, (Wake(QUOTES, state.next_due),))
        answered = quote.answered(message)
        state = state.with_quote(quote, answered)
        if not answered.served:
            return _infeasible(state, _unoffered(quote.goal.goal_id, message.code))
        return Decision(state) if state.waiting_for() else self._go_on(state, context)

    def on_plan_amend(self, state: Planning | None, message: PlanAmend, context: Context) -> Decision[Planning]:
        if state and (message.epoch, message.revision) <= state.amended:
            return Decision(state)
        base = state.plan(message.base or message.revision) if state else None
        if state is None or base is None:
            return Decision(state, (Send(PlanInfeasible(revision=message.revision + 1, code="unknown_plan")),))
        state = _amending(state, message, base)
        try:
            state = again(context.task_id, state, base, message.failed_legs)
        except Rejected as error:
            return _infeasible(state, error)
        return self._ask(state, state.quotes, context) if state.quotes else self._go_on(state, context)

    def on_fired(self, state: Planning | None, event: Fired, context: Context) -> Decision[Planning]:
        if state is None or event.purpose != QUOTES or not state.gathering or state.ranking:
            return Decision(state)
        if state.open_at(context.now):
            state, asked = state.asking_again(context.now)
            return Decision(state, (*_questions(state, asked), Wake(QUOTES, state.next_due)))
        return _infeasible(state, Rejected("quote_timeout", ", ".join(state.waiting_for())))

    def on_answered(self, state: Planning | None, event: Answered, context: Context) -> Decision[Planning]:
        """Take the order that an engine gave, or the typed one if there is none that may be taken."""
        if state is None or not state.ranking or event.call.number != state.revision:
            return Decision(state)
        wanted = named(orders(event.result, event.call.body) or {}, state.ranking)
        base = state.plans[-1] if state.status == "amending" else None
        try:
            return self._proposed(state, draft(state, base, context.task_id, self._until(context), self.policy, wanted))
        except Rejected as error:
            return _infeasible(state, error)

    def _until(self, context: Context) -> datetime:
        return context.now + timedelta(seconds=self.policy.min_validity_seconds)

    def _ask(self, state: Planning, quotes: Sequence[Quote], context: Context) -> Decision[Planning]:
        until = context.now + timedelta(seconds=self.policy.quote_seconds)
        state = state.model_copy(update={"until": until})
        return Decision(state, (*_questions(state, quotes), Wake(QUOTES, until)))

    def _go_on(self, state: Planning, context: Context) -> Decision[Planning]:
        """Every question is answered: ask what depends on the answers, or propose."""
        base = state.plans[-1] if state.status == "amending" else None
        until = self._until(context)
        try:
            if not state.held:
                return _answered(state) if not state.quotes_for(Use.LEG) and base is None else self._propose(state, base, until, context)
            return self._meet(pin(state, base, until, self.policy), base, context)
        except Rejected as error:
            return _infeasible(state, error)

    def _meet(self, state: Planning, base: Plan | None, context: Context) -> Decision[Planning]:
        asked = () if state.quotes_for(Use.WAY) else ways(context.task_id, state, base, self.registry)
        held = state.held
        if not asked:
            asked, held = meetings(context.task_id, state, base, self.registry), ()
        return self._ask(state.model_copy(update={"quotes": (*state.quotes, *asked), "held": held}), asked, context)

    def _propose(self, state: Planning, base: Plan | None, until: datetime, context: Context) -> Decision[Planning]:
        plan = draft(state, base, context.task_id, until, self.policy)
        legs = contested(plan, state) if self.ranks else ()
        if not legs:
            return self._proposed(state, plan)
        # The call's own deadline takes the timer's place: every quote is answered.
        ranking = {leg.leg_id: tuple(offer.offer_id for offer in leg.offers) for leg in legs}
        asked = rank_call(legs, plan.revision, context, self.policy)
        return Decision(state.model_copy(update={"ranking": ranking}), (asked, Wake(QUOTES)))

    def _proposed(self, state: Planning, plan: Plan) -> Decision[Planning]:
        update = {"status": "proposed", "plans": (*state.plans, plan), "quotes": (), "ranking": {}}
        proposed = state.model_copy(update=update)
        return Decision(proposed, (Send(_proposal(plan, state)), Wake(QUOTES)))


def _questions(state: Planning, quotes: Sequence[Quote]) -> list[Send]:
    return [asking(quote, state.request, state.until) for quote in quotes]


def _answered(state: Planning) -> Decision[Planning]:
    ended = state.model_copy(update={"status": "answered", "quotes": ()})
    return Decision(ended, (Send(PlanAnswered(told=_told(state))), Wake(QUOTES)))


def _told(state: Planning) -> tuple[Told, ...]:
    quotes = state.quotes_for(Use.TOLD)
    return tuple(Told(goal_id=q.goal.goal_id, type=q.goal.type, found=q.answer.found) for q in quotes if q.answer)


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
            "windows": {**state.windows, **message.windows},
            "ranking": {},
        }
    )


def _infeasible(state: Planning, error: Rejected) -> Decision[Planning]:
    # Without an amendment the plan that runs still stands, so that a later epoch may amend it again.
    status = "proposed" if state.plans else "infeasible"
    ended = state.model_copy(update={"status": status, "quotes": (), "ranking": {}})
    message = PlanInfeasible(revision=state.revision, code=error.code, reason=error.reason[:500], wishes=_in_the_way(state, error))
    return Decision(ended, (Send(message), Wake(QUOTES)))


def _in_the_way(state: Planning, error: Rejected) -> tuple[str, ...]:
    """Return the goals that a refusal is about: those it names, or all that one budget has to pay for."""
    goals = state.request.goals
    named = tuple(goal.goal_id for goal in goals if goal.goal_id in error.reason.split(", "))
    budgeted = tuple(g.goal_id for g in goals if "budget" in g.parameters or g.goal_id in state.charged)
    return named or (budgeted if error.code == "over_budget" else ())


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
        reasons=plan.reasons,
        told=_told(state),
    )
