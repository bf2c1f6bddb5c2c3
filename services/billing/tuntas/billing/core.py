"""Billing's decisions: which facts a message adds, and which it takes back. Pure.

Every closing of a task that is told is recorded, and every one but the newest is taken back in its own month. So the facts are the same
in whatever order closings come.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from tuntas.billing import usage
from tuntas.billing.book import Book
from tuntas.billing.state import Subject, Usage
from tuntas.billing.usage import Told
from tuntas.contracts.engines import EngineUsed
from tuntas.contracts.planner import PlanAnswered
from tuntas.contracts.saga import SagaEnded
from tuntas.kit.billing import rating
from tuntas.kit.billing.months import month_of
from tuntas.kit.billing.rating import Key
from tuntas.kit.decision import Context, Core, Decision, require

AHEAD = timedelta(days=1)
"""How far ahead of the database's clock a message may say that it was told."""

_EARLIEST_YEAR = 2000


def core(book: Book) -> Core[Subject]:
    """Return billing's decisions; months are those of each tenant's zone in the book."""

    def told(context: Context, number: int, subject: UUID | None = None, task: UUID | None = None) -> Told:
        at = context.told_at or context.now
        require(at <= context.now + AHEAD and at.year >= _EARLIEST_YEAR, "implausible_time", at.isoformat())
        month = month_of(at, book.terms(context.tenant).zone)
        return Told(context.tenant, subject or context.task_id, task, number, at, month)

    def on_saga_ended(state: Subject | None, message: SagaEnded, context: Context) -> Decision[Subject]:
        require(message.receipt.tenant == context.tenant, "foreign_tenant", f"receipt of {message.receipt.tenant}")
        facts = tuple(usage.closing(told(context, message.closing, task=context.task_id), message))
        return Decision(_closed(state or Subject(), message, facts))

    def on_plan_answered(state: Subject | None, message: PlanAnswered, context: Context) -> Decision[Subject]:
        del message
        state = state or Subject()
        status = "answered" if state.status == "used" else state.status
        fact = told(context, 0, task=context.task_id).fact(Key(rating.ANSWERED), 1)
        return Decision(_with(state.model_copy(update={"status": status}), (fact,)))

    def on_engine_used(state: Subject | None, message: EngineUsed, context: Context) -> Decision[Subject]:
        attempt = told(context, message.attempt, message.call, message.task)
        return Decision(_with(state or Subject(), usage.engine(attempt, message)))

    return Core(Subject, {SagaEnded: on_saga_ended, PlanAnswered: on_plan_answered, EngineUsed: on_engine_used})


def _closed(state: Subject, message: SagaEnded, facts: tuple[Usage, ...]) -> Subject:
    if message.closing == state.closing:
        return state
    if message.closing < state.closing:
        return _with(state, (*facts, *map(usage.reversal, facts)))
    newest = {"status": message.outcome.value, "closing": message.closing, "booked": facts}
    return _with(state, (*map(usage.reversal, state.booked), *facts)).model_copy(update=newest)


def _with(state: Subject, facts: Iterable[Usage]) -> Subject:
    return state.model_copy(update={"fresh": (*state.fresh, *facts)})
